"""Tables as chapters of the documentation: every field with its Chinese name, type, unit and meanings."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from gateway.wire.field import Field, Term
from gateway.wire.groups import By, Many, OneOf, Sized
from gateway.wire.items import Table
from gateway.wire.kinds import Kind, Number, SignMagnitude, Unless
from gateway.wire.layout import Layout
from gateway.wire.message import Body, MessageType

HEAD = (
    "| 偏移 offset | 字段 | field | 类型 type | 比例 scale | 单位 unit | 条件 when | 取值 values |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a protocol's page: layouts by title, or a table of items."""

    title: str
    text: str = ""
    layouts: tuple[tuple[str, Kind], ...] = ()
    items: Table | None = None


def page(title: str, chapters: Iterable[Chapter], messages: Mapping[int, MessageType]) -> Iterator[str]:
    """One protocol's page, line by line."""
    yield f"# {title}\n"
    yield "由表格生成，勿手工修改: `python -m gateway document docs/protocols`.  "
    yield "Generated from the tables that decode and encode; do not edit.\n"
    yield from _index(messages)
    for chapter in chapters:
        yield from _chapter(chapter)
    for row in sorted(messages.values(), key=lambda r: r.id):
        yield from _message(row)


def _index(messages: Mapping[int, MessageType]) -> Iterator[str]:
    yield "## 消息 Messages\n"
    yield "| ID | 方向 | 消息 | message | 标准 standard |\n|---|---|---|---|---|"
    for row in sorted(messages.values(), key=lambda r: r.id):
        way = "上行 up" if row.uplink else "下行 down"
        yield f"| 0x{row.id:04X} | {way} | {row.zh} | [{row.name}](#{row.name}) | {row.source} |"
    yield ""


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {chapter.title}\n"
    if chapter.text:
        yield f"{chapter.text}\n"
    for title, kind in chapter.layouts:
        yield from _form(title, kind, "###")
    if chapter.items is not None:
        yield from _items(chapter.items)


def _items(table: Table) -> Iterator[str]:
    yield "| ID | 长度 length | 字段 | field | 类型 type | 比例 scale | 单位 unit | 条件 when | 取值 values |"
    yield "|---|---|---|---|---|---|---|---|---|"
    rows = sorted(table.items(), key=lambda row: (row[0][0], row[0][1] or 0))
    for (number, length), kind in rows:
        for path, _, f in fields(kind):
            yield f"| 0x{number:02X} | {'n' if length is None else length} | {_row(path, f)} |"
    yield ""


def _message(row: MessageType) -> Iterator[str]:
    yield f'## <a id="{row.name}"></a>0x{row.id:04X} {row.zh} {row.name}\n'
    yield f"{row.source}\n"
    versions = sorted(row.layouts)
    for i, version in enumerate(versions):
        later = f"-{versions[i + 1] - 1}" if i + 1 < len(versions) else " 起"
        yield from _form(f"{version}{later}" if len(versions) > 1 else "", row.layouts[version], "###")


def _form(title: str, kind: Body | Kind, mark: str) -> Iterator[str]:
    """A body; where the bytes choose among several, each of them."""
    kinds = kind.kinds if isinstance(kind, OneOf) else (kind,)
    for i, one in enumerate(kinds, 1):
        form = f"形式 form {i}" if len(kinds) > 1 else ""
        if title or form:
            yield f"{mark} {' '.join(filter(None, (title, form)))}\n"
        rows = list(fields(one))
        if not rows:
            yield "消息体为空 empty body.\n"
            continue
        yield HEAD
        for path, offset, f in rows:
            yield f"| {'…' if offset is None else offset} | {_row(path, f)} |"
        yield ""


def fields(kind: Kind, path: str = "", offset: int | None = 0) -> Iterator[tuple[str, int | None, Field]]:
    """All fields inside a kind: dotted path, offset in the body where it is always the same, row."""
    match kind:
        case Layout():
            for f in kind.fields:
                where = f"{path}.{f.name}" if path else f.name
                yield where, None if f.when else offset, f
                yield from fields(f.kind, where, None if f.when else offset)
                offset = offset + _size(f.kind) if offset is not None and _size(f.kind) and not f.when else None
        case Many():
            yield from fields(kind.item, f"{path}[]", None)
        case Sized():
            yield from fields(kind.inner, path, None)
        case By():
            for number, one in (*kind.table.items(), (None, kind.other)):
                inside = f"{path}<{kind.field}={_hex(number)}>"
                yield from fields(one, inside, None)
        case OneOf():
            for i, one in enumerate(kind.kinds, 1):
                yield from fields(one, f"{path}<{i}>", None)


def _hex(number: int | None) -> str:
    return "…" if number is None else f"0x{number:02X}" if number > 9 else str(number)


def _size(kind: Kind) -> int:
    """Bytes of a kind of a fixed size, 0 for another."""
    if isinstance(kind, Layout):
        return kind.size or 0
    return struct.calcsize(">" + kind.code) if kind.code else 0


def _row(path: str, f: Field) -> str:
    when = f.when.label if f.when else ""
    return " | ".join((f.zh, f"`{path}`", f.kind.label, _scale(f.kind), f.unit, when, _values(f)))


def _scale(kind: Kind) -> str:
    kind = kind.inner if isinstance(kind, Unless) else kind
    if not isinstance(kind, Number | SignMagnitude):
        return ""
    scale = "" if kind.scale == 1 else str(Fraction(kind.scale))
    offset = f"{kind.offset:+d}" if isinstance(kind, Number) and kind.offset else ""
    return f"{scale}{offset}"


def _values(f: Field) -> str:
    """What bits, ranges and codes mean."""
    ranges = [f"{low}-{low + n - 1} {_both(name)}" for (low, n), name in f.ranges.items()]
    bits = [f"{bit} {_both(name)}" for bit, name in f.bits.items()]
    codes = [f"{_hex(code)} {_both(name)}" for code, name in f.codes.items()]
    told = [("位 bits: ", ranges + bits), ("", codes)]
    return "; ".join(head + ", ".join(words) for head, words in told if words)


def _both(name: str) -> str:
    return f"{name.zh} `{name}`" if isinstance(name, Term) else f"`{name}`"
