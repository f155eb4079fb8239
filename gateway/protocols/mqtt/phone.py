"""A driver's phone behind the broker: orders go to `taxihub/<terminal>/told`, what it says comes on `.../said`.

Our own format, version 1, described in docs/phone.md. The broker acknowledges (QoS 1) what a phone says after the
spool has it. What is told goes out at QoS 0 to a phone that listens now, is acknowledged by the phone itself, and is
repeated until then: nothing waits in the broker, so that no order comes back from the dead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from gateway.command import Ask, AwardOrder, CancelOrder, Command, OfferOrder, RefuseOrder, SendText
from gateway.errors import ProtocolError
from gateway.proof import Proof
from gateway.report import DriverCard, OrderAnswer, Report
from gateway.session import Answer, Held, Outcome, Progress, Said
from gateway.wire.jsonfix import load, obj

VERSION = 1
SERIALS = 1 << 16
LONGEST_ORDER = 1 << 53
SILENT_S = 180.0
"""After which a phone is taken to be gone; it says hello every minute."""
ORDER_ANSWERS: Mapping[str, tuple[str, str]] = {
    "grab": ("grab_order", "grab"),
    "refuse": ("order_cancelled", "cancelled"),
    "cancel": ("order_cancelled", "cancelled"),
    "finish": ("order_finished", "finished"),
}
"""What a driver does with an order -> message and answer, as JT/T 905 has them."""
REASONS = ("accident", "jam", "other")
PRESENT = ("hello", "ack")
"""Kinds that only say that somebody listens: nothing of them is kept."""


def is_said(value: Any) -> bool:
    """Whether a JSON value is something that a phone says, and no fix."""
    return isinstance(value, dict) and "kind" in value and "v" in value


def heard(terminal: str, payload: bytes) -> Held | None:
    """What the spool must hold of a message; None where nothing is to be kept. Raises ProtocolError."""
    said = _read(payload)
    kind = said["kind"]
    if kind in (*PRESENT, "bye"):
        return None
    name, reports = READERS[kind](terminal, said)
    return Held(terminal, payload, Said(name, reports), None)


def _read(payload: bytes) -> dict[str, Any]:
    said = obj(load(payload))
    if said.get("v") != VERSION:
        raise ProtocolError("json", f"v: {VERSION} is expected, not {said.get('v')!r}")
    if said.get("kind") not in KINDS:
        raise ProtocolError("json", f"kind: one of {', '.join(sorted(KINDS))} is expected, not {said.get('kind')!r}")
    return said


def _whole(said: Mapping[str, Any], key: str, below: int) -> int:
    value = said.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < below:
        raise ProtocolError("json", f"{key}: a whole number below {below} is expected, not {value!r}")
    return value


def _text(said: Mapping[str, Any], key: str, most: int) -> str:
    value = said.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise ProtocolError("json", f"{key}: a text of 1 to {most} characters is expected")
    return value


def _order(terminal: str, said: Mapping[str, Any]) -> tuple[str, Sequence[Report]]:
    does = str(said.get("does"))
    if does not in ORDER_ANSWERS:
        raise ProtocolError("json", f"does: one of {', '.join(ORDER_ANSWERS)} is expected, not {does!r}")
    reason = said.get("reason", "other") if does == "cancel" else ""
    if reason and reason not in REASONS:
        raise ProtocolError("json", f"reason: one of {', '.join(REASONS)} is expected, not {reason!r}")
    name, answer = ORDER_ANSWERS[does]
    order = _whole(said, "order", LONGEST_ORDER)
    return name, [OrderAnswer(terminal=terminal, order=order, answer=answer, reason=reason)]


def _driver(terminal: str, said: Mapping[str, Any]) -> tuple[str, Sequence[Report]]:
    enters = said["kind"] == "sign_in"
    licence = _text(said, "driver", 40)
    return "driver", [DriverCard(terminal=terminal, inserted=enters, time=None, result="ok", licence=licence)]


def _answer(_terminal: str, said: Mapping[str, Any]) -> tuple[str, Sequence[Report]]:
    _whole(said, "serial", SERIALS)
    _whole(said, "answer", 256)
    return "answer", []


Reader = Callable[[str, Mapping[str, Any]], tuple[str, Sequence[Report]]]
READERS: Mapping[str, Reader] = {"order": _order, "sign_in": _driver, "sign_out": _driver, "answer": _answer}
KINDS = {*READERS, *PRESENT, "bye"}


class PhoneSession:
    """Implements `gateway.session.Session` for one phone; its frames come and go by the broker."""

    def __init__(self, terminal: str, now: float) -> None:
        self.terminal, self.heard, self.proof, self.closing = terminal, now, Proof.OWN, False
        self.counts: Counter[str] = Counter()
        self.samples: list[tuple[str, bytes]] = []
        self.answers: list[Answer] = []
        self._serial = 0
        self._unsaid: list[bytes] = []

    def receive(self, data: bytes, now: float) -> list[Held]:
        """One message. Raises ProtocolError, unlike sessions of streams."""
        self.heard = now
        held = heard(self.terminal, data)
        said = _read(data)
        match said["kind"]:
            case "bye":
                self.closing = True
            case "ack":
                self.answers.append(Answer(_whole(said, "serial", SERIALS), True, "ok"))
            case "answer":
                chosen = {"answer_id": _whole(said, "answer", 256)}
                self.answers.append(Answer(_whole(said, "serial", SERIALS), True, "ok", chosen))
        return [held] if held else []

    def answer(self, _held: Held, _outcome: Outcome) -> bytes:
        """The broker's acknowledgement is all."""
        return b""

    def send(self, command: Command) -> int:
        """Raises ProtocolError for what a phone cannot be told."""
        self._serial = (self._serial + 1) % SERIALS
        self._unsaid.append(told(command, self._serial))
        return self._serial

    def messages(self) -> list[bytes]:
        """What is to be told now, and clears it."""
        unsaid, self._unsaid = self._unsaid, []
        return unsaid

    def data_to_send(self) -> bytes:
        return b""

    def resume(self, _media: Sequence[Progress]) -> None:
        """A phone has no media."""

    def tick(self, _now: float) -> None:
        """Nothing is missing."""

    def deadline(self) -> float:
        return self.heard + SILENT_S


def told(command: Command, serial: int) -> bytes:
    """A command as a phone reads it. Raises ProtocolError for another one."""
    match command:
        case OfferOrder():
            body = {
                "kind": "offer", "order": command.order, "when": _moment(command.wanted), "urgency": command.kind,
                "text": command.description,
            }  # fmt: skip
        case AwardOrder():
            body = {
                "kind": "award", "order": command.order, "when": _moment(command.wanted), "text": command.description,
                "phone": command.phone, "pick_up": _place(command.lat, command.lon),
                "destination": _place(command.destination_lat, command.destination_lon),
            }  # fmt: skip
        case RefuseOrder():
            body = {"kind": "lost", "order": command.order}
        case CancelOrder():
            body = {"kind": "cancelled", "order": command.order}
        case SendText():
            body = {"kind": "text", "text": command.text, "urgent": command.urgent}
        case Ask():
            body = {"kind": "question", "text": command.question, "answers": list(command.answers)}
        case _:
            raise ProtocolError("unsupported", f"a phone cannot be told {type(command).__name__}")
    return orjson.dumps({"v": VERSION, "serial": serial, **body})


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _place(lat: float, lon: float) -> dict[str, float] | None:
    return {"lat": lat, "lon": lon} if lat or lon else None
