"""A frame as an annotated table: offset, raw bytes, field, physical value, unit, meaning."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from gateway.decode.rim import dumps, report, shown
from gateway.explain import Decoded
from gateway.wire.reader import Span

HEAD = ("位置 offset", "字节 raw", "字段 field", "值 value", "单位 unit", "含义 meaning")
WIDE = 16
"""Raw bytes in one line; longer fields go on below."""


def lines(decoded: Decoded, protocol: str, guessed: str) -> Iterator[str]:
    """The frame's table, line by line. `guessed` says why the protocol is thought to be this one."""
    how = f" (guessed: {guessed})" if guessed else ""
    name = " ".join(filter(None, (decoded.zh, decoded.message))) or "?"
    number = "" if decoded.message_id is None else f"0x{decoded.message_id:04X} "
    yield f"# {protocol}{how}  {number}{name}" + (f"  [{decoded.note}]" if decoded.note else "")
    if decoded.error is not None:
        yield f"! 拒收 refused: {decoded.error}"
    yield from _aligned([HEAD, *_cells(decoded.raw, decoded.spans), *_fields(decoded)])
    if decoded.whole:
        yield f"# 合并后的消息体 all parts together, {len(decoded.whole)} bytes"
        yield from _aligned([HEAD, *_cells(decoded.whole, decoded.whole_spans)])
    for said in decoded.reports:
        yield "= " + dumps(report(said)).decode()
    yield ""


def _cells(raw: bytes, spans: Sequence[Span]) -> Iterator[Sequence[str]]:
    for span in spans:
        field = f"{span.zh} {span.path}".strip()
        first, *more = [raw[i : min(i + WIDE, span.end)] for i in range(span.start, span.end, WIDE)] or [b""]
        yield str(span.start), first.hex(" "), field, _value(span), span.unit, span.meaning
        for i, line in enumerate(more, 1):
            yield str(span.start + i * WIDE), line.hex(" "), "", "", "", ""


def _value(span: Span) -> str:
    if isinstance(span.value, bytes) and len(span.value) > WIDE:
        return f"{len(span.value)} bytes"
    return shown(span.value)


def _fields(decoded: Decoded) -> Iterator[Sequence[str]]:
    """Fields of a message that is a text: they have no bytes of their own."""
    if not decoded.spans:
        for name, value in decoded.fields.items():
            yield "", "", name, shown(value), "", ""


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
