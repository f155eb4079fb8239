"""What may be said to terminals, in one language for all protocols.

A command names its terminal by key. Not every protocol can say every command: its session then
refuses, and the command fails as "unsupported".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPosition:
    """Ask for the position now (0x8201)."""

    terminal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendText:
    """Show a text in the car (0x8300). `urgent` also reads it aloud where the terminal can."""

    terminal: str
    text: str
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Report every `interval_s` for `duration_s` (0x8202); an interval of 0 ends it."""

    terminal: str
    interval_s: int
    duration_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBack:
    """Let the terminal call a number (0x8400). `listen`: only its microphone, and nothing rings in the car."""

    terminal: str
    phone: str
    listen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask the driver, who chooses one of the answers (0x8302). Answers are numbered from 1."""

    terminal: str
    question: str
    answers: Sequence[str]
    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shoot:
    """Take photos now and upload them (0x8801)."""

    terminal: str
    channel: int = 1
    photos: int = 1
    interval_s: int = 0
    resolution: str = "640x480"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadMedium:
    """Upload what the terminal has stored under this number (808: 0x8805, 905: 0x8803 from `offset`)."""

    terminal: str
    medium: int
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParameters:
    """Ask for parameters by number (0x8106, 905: 0x8104); all where none is named and the protocol can."""

    terminal: str
    ids: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetParameters:
    """Set parameters (0x8103), keyed and named as in the tables: {"0x0001": {"heartbeat_interval": 30}}."""

    terminal: str
    parameters: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAttributes:
    """Ask what the terminal is: maker, model, versions (0x8107)."""

    terminal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryDriver:
    """Ask whose licence card is in the reader (0x8702)."""

    terminal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmAlarm:
    """Tell the terminal that its alarm was seen (808: 0x8203, 905: 0x8B0A).

    serial  of the message that raised it, 0 for all of these kinds;  alarms  JT/T 808's bits
    """

    terminal: str
    serial: int = 0
    alarms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAlarm:
    """End an alarm (905: 0x8B0B)."""

    terminal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockDoors:
    """Lock or unlock the doors (0x8500)."""

    terminal: str
    locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspect:
    """Let devices of the car report on themselves (905: 0x8B11); all where none is named."""

    terminal: str
    devices: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferOrder:
    """Offer an order to the driver, who may grab it (905: 0x8B00). A rough place only: others read it too.

    kind  "immediate", "booking" or "assigned"
    """

    terminal: str
    order: int
    kind: str
    description: str
    wanted: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardOrder:
    """The driver has won the order (905: 0x8B01). `phone`: 11 digits, a number to call back, not the passenger's."""

    terminal: str
    order: int
    kind: str
    description: str
    phone: str
    lat: float = 0
    lon: float = 0
    destination_lat: float = 0
    destination_lon: float = 0
    wanted: datetime | None = None
    fee: Decimal = field(default_factory=Decimal)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseOrder:
    """The driver has not won the order (905: 0x8B01, the order's number alone)."""

    terminal: str
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """The order is cancelled by the centre (905: 0x8B09)."""

    terminal: str
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAttachments:
    """Upload the attachments of a safety alarm to a server (T/JSATL 12: 0x9208). `label` as in SafetyEvent.

    Without a host it is the gateway's own server, at the address at which the terminal reached the gateway.
    """

    terminal: str
    label: str
    number: str
    host: str = ""
    port: int = 0


Command = (
    QueryPosition | SendText | Track | CallBack | Ask | Shoot | UploadMedium | QueryParameters | SetParameters
    | QueryAttributes | QueryDriver | ConfirmAlarm | ReleaseAlarm | LockDoors | Inspect | OfferOrder | AwardOrder
    | RefuseOrder | CancelOrder | RequestAttachments
)  # fmt: skip
BY_NAME: dict[str, type[Command]] = {
    "query_position": QueryPosition, "send_text": SendText, "track": Track, "call_back": CallBack, "ask": Ask,
    "shoot": Shoot, "upload_medium": UploadMedium, "query_parameters": QueryParameters,
    "set_parameters": SetParameters, "query_attributes": QueryAttributes, "query_driver": QueryDriver,
    "confirm_alarm": ConfirmAlarm, "release_alarm": ReleaseAlarm, "lock_doors": LockDoors, "inspect": Inspect,
    "offer_order": OfferOrder, "award_order": AwardOrder, "refuse_order": RefuseOrder, "cancel_order": CancelOrder,
    "request_attachments": RequestAttachments,
}  # fmt: skip
NAMES = {kind: name for name, kind in BY_NAME.items()}
_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in BY_NAME.items()}


def to_plain(command: Command) -> dict[str, Any]:
    """{"type", ...fields} as JSON values."""
    name = NAMES[type(command)]
    return {"type": name, **_ADAPTERS[name].dump_python(command, mode="json")}


def from_plain(data: Any) -> Command:
    """Inverse of `to_plain`. Raises ValueError that says what is wrong."""
    name = data.get("type") if isinstance(data, dict) else None
    if name not in BY_NAME:
        raise ValueError(f"a command has one of the types {', '.join(BY_NAME)}")
    fields = {key: value for key, value in data.items() if key != "type"}
    if unknown := fields.keys() - {*BY_NAME[name].__dataclass_fields__}:
        raise ValueError(f"{name} has no {', '.join(sorted(unknown))}")
    try:
        command: Command = _ADAPTERS[name].validate_python(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return command


def to_json(command: Command) -> bytes:
    """A command as it travels on the bus."""
    return json.dumps(to_plain(command), ensure_ascii=False).encode()


def from_json(payload: bytes) -> Command:
    """Inverse of `to_json`. Raises ValueError that says what is wrong."""
    return from_plain(json.loads(payload))
