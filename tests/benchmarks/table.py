"""What a benchmark's row is, and how rows are printed and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.chaos.table import markdown

HEAD = ("row", "value", "against", "ratio", "goal", "rounds", "")
VERDICTS = {None: "no goal", True: "reached", False: "NOT REACHED"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. Without a reference, `value` itself is held against the goal."""

    name: str
    value: float
    unit: str
    reference: str | None
    reference_value: float | None
    ratio: float | None
    goal: float | None
    higher_is_better: bool
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A row to be measured.

    rounds   the subject and its reference, by turns in one run: each call gives (value, reference value)
    goal     of the ratio, or of the value where there is no reference
    """

    name: str
    unit: str
    reference: str | None
    goal: float | None
    rounds: Callable[[], Sequence[tuple[float, float | None]]]
    higher_is_better: bool = True

    def measure(self) -> tuple[Row, str]:
        """The row by medians, and the spread of its rounds in words."""
        pairs = list(self.rounds())
        values = [v for v, _ in pairs]
        references = [r for _, r in pairs if r is not None]
        value, reference = median(values), median(references) if references else None
        ratio = value / reference if reference else None
        reached = ratio if ratio is not None else value
        passed = None if self.goal is None else (reached >= self.goal) == self.higher_is_better or reached == self.goal
        row = Row(
            self.name, value, self.unit, self.reference, reference, ratio, self.goal, self.higher_is_better, passed
        )
        ratios = sorted(v / r for v, r in pairs if r) or sorted(values)
        return row, f"{ratios[0]:,.3g} to {ratios[-1]:,.3g} in {len(pairs)} rounds"


def write(rows: Sequence[Row], path: Path) -> None:
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def page(rows: Sequence[tuple[Row, str]], command: str, machine: str) -> str:
    """Rows as Markdown."""
    body = markdown(HEAD, [_cells(*row) for row in rows])
    return f"# Benchmarks\n\n`{command}` on {machine}.\n\n{body}"


def _cells(row: Row, spread: str) -> Sequence[str]:
    against = "" if row.reference_value is None else f"{row.reference_value:,.4g} ({row.reference})"
    ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
    value = f"{row.value:,.4g} {row.unit}"
    return (row.name, value, against, ratio, _goal(row), spread, VERDICTS[row.passed])


def _goal(row: Row) -> str:
    return "" if row.goal is None else f"{'>=' if row.higher_is_better else '<='} {row.goal:g}"


def line(row: Row, spread: str) -> str:
    """A row for people."""
    if row.reference_value is None or row.ratio is None:
        against = ""
    else:
        against = f"  against {row.reference_value:,.4g} ({row.reference}): {row.ratio:.3g}"
    goal = "" if row.goal is None else f", goal {_goal(row)}"
    return f"{row.name}\n    {row.value:,.4g} {row.unit}{against}  [{spread}]{goal}: {VERDICTS[row.passed]}"
