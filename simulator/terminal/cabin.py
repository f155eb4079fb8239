"""What hangs on a terminal in the car, whatever it speaks: its settings, the doors, the screen, the telephone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.framed import FAILED, OK
from gateway.report import Position, Status
from simulator.terminal.camera import Camera
from simulator.terminal.car import Car, Choice, Tracked

Parameters = Mapping[str, Mapping[str, Any]]
"""Keyed and named as in the tables: {"0x0001": {"heartbeat_interval": 30}}."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happens in the car, for the log."""

    what: str
    fields: Mapping[str, Any]


@dataclass
class Cabin:
    """company: its licence; usual: parameters that nobody has set; given: those that the centre has set."""

    car: Car
    plate: str = ""
    company: str = ""
    camera: Camera = field(default_factory=lambda: Camera(""))
    usual: Parameters = field(default_factory=dict)
    given: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    locked: bool = False
    notices: list[Notice] = field(default_factory=list)
    _interval_s: float = 0.0
    _tracked_until: float = 0.0

    def note(self, what: str, **fields: Any) -> None:
        self.notices.append(Notice(what, fields))

    def dressed(self, position: Position) -> Position:
        """The position as the terminal says it: with the doors' lock."""
        return replace(position, status=position.status | Status.DOORS_LOCKED) if self.locked else position

    # settings

    def parameter(self, name: str) -> Any:
        """What the centre has set under this name; None where it has not."""
        return next((fields[name] for fields in self.given.values() if name in fields), None)

    def set_parameters(self, parameters: Parameters) -> int:
        """The result of the general answer."""
        self.given |= parameters
        self.note("parameters set", **{key: dict(fields) for key, fields in parameters.items()})
        self.car.tell(Tracked())
        return OK

    def parameters(self, ids: Sequence[str] = ()) -> Parameters:
        """Those asked for, as far as they are known; all where none is."""
        known = {**self.usual, **self.given}
        return {key: known[key] for key in ids if key in known} if ids else known

    # reporting

    def track(self, interval_s: float, duration_s: float, now: float) -> int:
        """Report that often for that long; an interval of 0 ends it. The result of the general answer."""
        self._interval_s, self._tracked_until = interval_s, now + duration_s if interval_s else 0.0
        self.note("tracked", interval_s=interval_s, duration_s=duration_s)
        self.car.tell(Tracked())
        return OK

    def tracked(self, now: float) -> float | None:
        """Seconds between fixes while the car is tracked."""
        return self._interval_s if now < self._tracked_until else None

    # things

    def lock(self, locked: bool) -> None:
        self.locked = locked
        self.note("doors locked" if locked else "doors unlocked")

    def call(self, phone: str, *, listen: bool) -> int:
        """The result of the general answer; a call that only listens shows nothing in the car."""
        if not phone:
            return FAILED
        self.note("listens in" if listen else "calls back", phone=phone)
        return OK

    def ask(self, question: str, answers: Mapping[int, str]) -> Choice:
        """The number of the driver's answer, None for none, and after how many seconds he gives it."""
        chosen, after_s = self.car.choose(question, answers)
        answer = "" if chosen is None else answers[chosen]
        self.note("question shown", question=question, answer=answer)
        return chosen, after_s
