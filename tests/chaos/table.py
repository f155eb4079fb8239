"""Rows for people: on the terminal, and as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence


def line(head: Sequence[str], cells: Sequence[str]) -> str:
    """The first cell to the left, the others to the right, under their heads."""
    widths = [20, *(max(len(name), 9) for name in head[1:])]
    return "  ".join(
        [cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))]
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    ruler = ["---", *("--:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ruler, *rows)) + "\n"
