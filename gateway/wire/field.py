"""One row of a layout: a name, how it stands on the wire, and what its values mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.wire.conditions import Condition
from gateway.wire.kinds import Kind
from gateway.wire.reader import Span


class Term(str):
    """A name of our own with the standard's Chinese beside it."""

    __slots__ = ("zh",)
    zh: str

    def __new__(cls, name: str, zh: str) -> Term:
        term = super().__new__(cls, name)
        term.zh = zh
        return term

    @property
    def both(self) -> str:
        return f"{self.zh} {self}"


def term(words: str) -> Term:
    """ "name 中文" -> the name with its Chinese."""
    name, _, zh = words.partition(" ")
    return Term(name, zh)


def terms(*words: str, start: int = 0) -> dict[int, Term]:
    """Names of the numbers from `start` on, each "name 中文"."""
    return {number: term(one) for number, one in enumerate(words, start)}


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a layout.

    kind    how it stands on the wire, scale included: physical value = raw * scale
    unit    unit of the physical value ("" for none)
    zh      the standard's Chinese name
    bits    bit number -> name, for words of flags
    ranges  (lowest bit, how many) -> name, for small numbers inside a word
    codes   value -> name, for enumerations
    when    the condition under which the field is there; always without one
    base16  whether people know the number by its hex digits
    """

    name: str
    kind: Kind
    unit: str = ""
    zh: str = ""
    bits: Mapping[int, str] = field(default_factory=dict)
    ranges: Mapping[tuple[int, int], str] = field(default_factory=dict)
    codes: Mapping[int, str] = field(default_factory=dict)
    when: Condition | None = None
    base16: bool = False

    def set_bits(self, word: int) -> list[str]:
        """Names of the bits that are set outside the ranges; "bit 9" where the table has no name."""
        for low, width in self.ranges:
            word &= ~((1 << width) - 1 << low)
        return [self.bits.get(bit, f"bit {bit}") for bit in range(word.bit_length()) if word >> bit & 1]

    def meaning(self, value: Any) -> str:
        """What a value says, in words."""
        if not isinstance(value, int):
            return ""
        if self.base16:
            return f"0x{value:04X}"
        if self.bits or self.ranges:
            numbers = [f"{_words(name)} {value >> low & (1 << n) - 1}" for (low, n), name in self.ranges.items()]
            return ", ".join(numbers + [_words(name) for name in self.set_bits(value)])
        return _words(self.codes.get(value, ""))

    def span(self, start: int, end: int, path: str, value: Any) -> Span:
        where = f"{path}.{self.name}" if path else self.name
        return Span(start, end, where, value, self.unit, self.zh, self.meaning(value))


def _words(name: str) -> str:
    return name.both if isinstance(name, Term) else name
