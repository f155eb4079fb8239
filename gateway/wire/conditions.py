"""When a field is there at all: what earlier fields of its layout say, or whether the body goes on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Condition(ABC):
    __slots__ = ()

    @property
    @abstractmethod
    def label(self) -> str:
        """The condition in words, for the documentation."""

    @abstractmethod
    def holds(self, values: Mapping[str, Any], left: int) -> bool:
        """On reading: the fields read so far, and how many bytes are left."""

    def wanted(self, values: Mapping[str, Any], name: str) -> bool:
        """On writing: whether the field `name` must be written."""
        return self.holds(values, 0)


@dataclass(frozen=True, slots=True)
class Bit(Condition):
    """A bit of an earlier word is set."""

    field: str
    bit: int

    @property
    def label(self) -> str:
        return f"{self.field} bit {self.bit}"

    def holds(self, values: Mapping[str, Any], left: int) -> bool:
        return bool(values[self.field] >> self.bit & 1)


@dataclass(frozen=True, slots=True)
class Is(Condition):
    """An earlier field has a value."""

    field: str
    value: int

    @property
    def label(self) -> str:
        return f"{self.field} = {self.value}"

    def holds(self, values: Mapping[str, Any], left: int) -> bool:
        return bool(values[self.field] == self.value)


@dataclass(frozen=True, slots=True)
class Under(Condition):
    """An earlier number is less than a bound."""

    field: str
    bound: int

    @property
    def label(self) -> str:
        return f"{self.field} < 0x{self.bound:02x}"

    def holds(self, values: Mapping[str, Any], left: int) -> bool:
        return bool(values[self.field] < self.bound)


@dataclass(frozen=True, slots=True)
class With(Condition):
    """An earlier field that is not always there is there."""

    field: str

    @property
    def label(self) -> str:
        return f"with {self.field}"

    def holds(self, values: Mapping[str, Any], left: int) -> bool:
        return self.field in values


@dataclass(frozen=True, slots=True)
class Left(Condition):
    """The body goes on."""

    @property
    def label(self) -> str:
        return "when the body goes on"

    def holds(self, values: Mapping[str, Any], left: int) -> bool:
        return left > 0

    def wanted(self, values: Mapping[str, Any], name: str) -> bool:
        return name in values


MORE = Left()
