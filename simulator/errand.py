"""What a driver reads out of the words that the centre sends to a terminal without a screen for orders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simulator.gazetteer import Place

WON = re.compile(r"电召(?P<order>\d+)由您承接：[^，]*，(?P<door>[^→]*)(?:→(?P<goal>.*))?", re.DOTALL)
CANCELLED = re.compile(r"电召(?P<order>\d+)已取消")
QUESTION = re.compile(r"(?:电召|应急集结)\d+：")
MUSTER = re.compile(r"应急集结\d+：请前往(?P<place>[^，]*)，")
ROLL_CALL = re.compile(r"应急集结\d+点名")
DISMISSED = re.compile(r"应急集结\d+(?:解除|取消|车辆已满|已结束|：您已有)")


@dataclass(frozen=True, slots=True)
class Errand:
    """An order is this car's. Places are (lat, lon); goal: None where none was named that he knows."""

    order: int
    pick_up: tuple[float, float]
    goal: tuple[float, float] | None


class Town:
    """A driver knows every place of the gazetteer by its name and its other names."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._known: Mapping[str, Place] = {name: place for place in places for name in (place.name, *place.aliases)}
        self._names: Sequence[str] = sorted(self._known, key=len, reverse=True)

    def find(self, text: str) -> tuple[float, float] | None:
        """The place with the longest name that is in the text."""
        name = next((name for name in self._names if name in text), None)
        return (self._known[name].lat, self._known[name].lon) if name else None

    def errand(self, text: str) -> Errand | None:
        """None when the words are about something else, or about a place that nobody knows."""
        found = WON.search(text)
        pick_up = self.find(found["door"]) if found else None
        if found is None or pick_up is None:
            return None
        return Errand(int(found["order"]), pick_up, self.find(found["goal"] or ""))

    def muster(self, text: str) -> tuple[float, float] | None:
        """Where this car is to stand ready."""
        return self.find(found["place"]) if (found := MUSTER.search(text)) else None


def dismissed(text: str) -> bool:
    """A muster is over for this car."""
    return bool(DISMISSED.search(text))


def is_roll_call(question: str) -> bool:
    """Whether he stands ready: the first answer is yes."""
    return bool(ROLL_CALL.match(question))


def cancelled(text: str) -> int | None:
    """The order that is none any more."""
    return int(found["order"]) if (found := CANCELLED.search(text)) else None


def is_order(question: str) -> bool:
    """An order, or a muster: the first answer is yes."""
    return bool(QUESTION.match(question))
