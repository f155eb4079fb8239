"""What terminals say, in one language for all protocols: SI units, aware UTC, WGS-84.

This is the gateway's published language. Downstream packages see terminals only through it.
A position exists in two forms with the same meaning:

* `Position`, one object, for rare messages and for people;
* a row of `FIX` inside a `FixBatch`, for the columnar path: spool, COPY and live feed.

A terminal is named by its key "protocol/number", the number without leading zeros
("jt808/13812345678", "jt905/101900198513", "mqtt/tracker-7"): the same number may exist
under two protocols.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import TypeAdapter

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Alarm(enum.IntFlag):
    """Alarms under one name for all protocols. Bits 0-31 are those of JT/T 808, 2013 and 2019 together."""

    EMERGENCY = 1 << 0
    OVERSPEED = 1 << 1
    FATIGUE = 1 << 2
    DANGER_WARNING = 1 << 3
    GNSS_FAULT = 1 << 4
    GNSS_ANTENNA_OPEN = 1 << 5
    GNSS_ANTENNA_SHORT = 1 << 6
    POWER_LOW = 1 << 7
    POWER_LOST = 1 << 8
    DISPLAY_FAULT = 1 << 9
    TTS_FAULT = 1 << 10
    CAMERA_FAULT = 1 << 11
    CARD_READER_FAULT = 1 << 12
    OVERSPEED_WARNING = 1 << 13
    FATIGUE_WARNING = 1 << 14
    FORBIDDEN_HOURS = 1 << 15
    TYRE_PRESSURE = 1 << 16
    BLIND_SPOT = 1 << 17
    DAILY_DRIVING_EXCEEDED = 1 << 18
    PARKED_TOO_LONG = 1 << 19
    AREA_CROSSED = 1 << 20
    ROUTE_CROSSED = 1 << 21
    SECTION_TIME = 1 << 22
    OFF_ROUTE = 1 << 23
    SPEED_SENSOR_FAULT = 1 << 24
    FUEL_ABNORMAL = 1 << 25
    STOLEN = 1 << 26
    ILLEGAL_IGNITION = 1 << 27
    ILLEGAL_DISPLACEMENT = 1 << 28
    COLLISION = 1 << 29
    ROLLOVER = 1 << 30
    ILLEGAL_DOOR = 1 << 31
    METER_FAULT = 1 << 32
    EVALUATOR_FAULT = 1 << 33
    AD_SCREEN_FAULT = 1 << 34
    LCD_FAULT = 1 << 35
    SECURITY_MODULE_FAULT = 1 << 36
    ROOF_LAMP_FAULT = 1 << 37
    FORBIDDEN_SECTION = 1 << 38
    STORAGE_FAULT = 1 << 39
    RECORDER_FAULT = 1 << 40
    METER_CLOCK = 1 << 41
    DANGEROUS_DRIVING = 1 << 42
    HARD_ACCELERATION = 1 << 43
    HARD_BRAKING = 1 << 44
    HARD_CORNERING = 1 << 45
    TAMPERED = 1 << 46
    VIBRATION = 1 << 47
    VIDEO_LOST = 1 << 48
    VIDEO_COVERED = 1 << 49
    VIDEO_STORAGE = 1 << 50
    OVERLOADED = 1 << 51
    PHONE_USE = 1 << 52
    SMOKING = 1 << 53


class Status(enum.IntFlag):
    """State flags under one name for all protocols.

    OCCUPIED is JT/T 905 status bit 9, and for JT/T 808 a half or full load (bits 8-9).
    """

    ACC_ON = 1 << 0
    POSITIONED = 1 << 1
    OUT_OF_SERVICE = 1 << 2
    OCCUPIED = 1 << 3
    BOOKED = 1 << 4
    PICK_UP_EDGE = 1 << 5
    DROP_OFF_EDGE = 1 << 6
    LOAD_HALF = 1 << 7
    LOAD_FULL = 1 << 8
    OIL_CUT = 1 << 9
    CIRCUIT_CUT = 1 << 10
    DOORS_LOCKED = 1 << 11
    DOOR_1_OPEN = 1 << 12
    DOOR_2_OPEN = 1 << 13
    DOOR_3_OPEN = 1 << 14
    DOOR_4_OPEN = 1 << 15
    DOOR_5_OPEN = 1 << 16
    GPS_USED = 1 << 17
    BEIDOU_USED = 1 << 18
    GLONASS_USED = 1 << 19
    GALILEO_USED = 1 << 20
    VEHICLE_LOCKED = 1 << 21
    TRIP_LIMIT = 1 << 22
    ENCRYPTED = 1 << 23
    MOVING = 1 << 24
    COLLISION_WARNING = 1 << 25
    LANE_DEPARTURE = 1 << 26


class Flag(enum.IntFlag):
    """What the gateway's plausibility check found. Anything in `BAD` is stored, never shown as good."""

    NO_FIX = 1 << 0  # the terminal says itself that it is not positioned
    CLOCK = 1 << 1  # fix time before 2000 or ahead of the receiver's clock
    PLACE = 1 << 2  # outside the configured region, or exactly 0/0
    ENCRYPTED = 1 << 3  # coordinates encrypted by a map plug-in (JT/T 808 status bit 5)
    MOTION = 1 << 4  # impossible speed or course
    BACKFILL = 1 << 5  # uploaded late from the terminal's own store; good, but never the last state


NO_ALARM = Alarm(0)
NO_STATUS = Status(0)
BAD = Flag.NO_FIX | Flag.CLOCK | Flag.PLACE | Flag.ENCRYPTED | Flag.MOTION

FIX = np.dtype(
    [
        ("terminal", "<u4"),  # index into the batch's `terminals`
        ("frame", "<u4"),  # index of the raw frame inside the spool entry
        ("time", "<i8"),  # fix time, microseconds since 1970-01-01 UTC
        ("received", "<i8"),  # receipt by the gateway, the same unit
        ("identity", "<i8"),  # 64-bit hash of the basic body: (terminal, time, identity) is the fix
        ("lat", "<f8"),  # degrees, WGS-84
        ("lon", "<f8"),
        ("speed", "<f4"),  # m/s; NaN = not reported, here and below
        ("course", "<f4"),  # degrees, north 0, clockwise
        ("altitude", "<f4"),  # m
        ("recorder_speed", "<f4"),  # m/s, from the tachograph
        ("fuel", "<f4"),  # litres
        ("odometer", "<f8"),  # m
        ("alarms", "<u8"),  # Alarm
        ("status", "<u4"),  # Status
        ("flags", "<u2"),  # Flag
        ("satellites", "<i2"),  # -1 = not reported
        ("signal", "<i2"),  # radio signal strength as the terminal gives it; -1 = not reported
    ]
)
"""Columns of a fix. Little-endian and packed, so a batch is also its own wire form."""

_HEAD = struct.Struct("<4sII")
_MAGIC = b"TXF1"


HEX_NUMBERED = {"jt808", "jt905"}
"""Protocols whose numbers are BCD, in which some makers put the letters A-F."""


def terminal_key(protocol: str, number: str) -> str:
    """ "jt808", "013812345678" -> "jt808/13812345678"."""
    number = number.lower() if protocol in HEX_NUMBERED else number
    return f"{protocol}/{number.strip().lstrip('0') or '0'}"


def micros(moment: datetime) -> int:
    """Aware time -> microseconds since the epoch, exactly."""
    return (moment - EPOCH) // MICROSECOND


def moment(microseconds: int) -> datetime:
    """Microseconds since the epoch -> aware UTC."""
    return EPOCH + timedelta(microseconds=int(microseconds))


def names(flags: enum.IntFlag) -> list[str]:
    """Lower-case names of the set bits, lowest bit first."""
    return [(member.name or "").lower() for member in type(flags) if member in flags]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One fix as a terminal reports it.

    Units: degrees (WGS-84), m/s, m; `time` is aware UTC. None = not reported.
    `attributes` holds what the fixed columns do not, its keys carry their unit (`cabin_c`).
    `valid` is the terminal's own word, not a judgement of place or time.
    """

    terminal: str
    time: datetime
    lat: float
    lon: float
    valid: bool = True
    speed: float | None = None
    course: float | None = None
    altitude: float | None = None
    recorder_speed: float | None = None
    fuel: float | None = None
    odometer: float | None = None
    satellites: int | None = None
    signal: int | None = None
    alarms: Alarm = NO_ALARM
    status: Status = NO_STATUS
    backfill: bool = False
    identity: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FixBatch:
    """Many fixes in columns.

    terminals   keys that `rows["terminal"]` points into
    rows        FIX records, shape (n,)
    attributes  n JSON objects as bytes, b"" where a fix has none
    """

    terminals: Sequence[str]
    rows: NDArray[np.void]
    attributes: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.rows)

    def to_bytes(self) -> bytes:
        """The batch as one blob: spool column and live-feed message alike."""
        lengths = [len(a) for a in self.attributes] if any(self.attributes) else []
        head = orjson.dumps({"terminals": list(self.terminals), "attributes": lengths})
        return b"".join((_HEAD.pack(_MAGIC, len(head), len(self.rows)), head, self.rows.tobytes(), *self.attributes))

    @classmethod
    def from_bytes(cls, blob: bytes) -> FixBatch:
        """Inverse of `to_bytes`. Raises ValueError on anything else."""
        try:
            magic, size, count = _HEAD.unpack_from(blob)
        except struct.error as error:
            raise ValueError(f"a fix batch of {len(blob)} bytes has no head") from error
        if magic != _MAGIC:
            raise ValueError(f"not a fix batch: starts with {magic!r}")
        start = _HEAD.size + size
        terminals, lengths = _batch_head(blob[_HEAD.size : start])
        end = start + count * FIX.itemsize
        if len(blob) < end + sum(lengths) or len(lengths) > count:
            raise ValueError(f"fix batch cut short: {len(blob)} of at least {end + sum(lengths)} bytes")
        rows = np.frombuffer(blob, FIX, count, start)
        if count and int(rows["terminal"].max()) >= len(terminals):
            raise ValueError(f"fix batch names terminal {int(rows['terminal'].max())} of {len(terminals)}")
        attributes: list[bytes] = [b""] * count
        for i, length in enumerate(lengths):
            if length:
                attributes[i] = blob[end : end + length]
                end += length
        return cls(terminals, rows, attributes)

    def split(self, most: int) -> Iterator[FixBatch]:
        """The same fixes in batches of at most `most`, each with only the terminals that it names."""
        for start in range(0, len(self), most):
            rows = self.rows[start : start + most].copy()
            named, rows["terminal"] = np.unique(rows["terminal"], return_inverse=True)
            yield FixBatch([self.terminals[i] for i in named], rows, self.attributes[start : start + most])

    def only(self, chosen: NDArray[np.intp]) -> FixBatch:
        """The fixes at these indices."""
        return FixBatch(self.terminals, self.rows[chosen], [self.attributes[i] for i in chosen.tolist()])

    def newest(self, by: str = "time", without: Flag = BAD | Flag.BACKFILL) -> NDArray[np.intp]:
        """Indices of each terminal's newest fix among those that have none of these flags.

        The default is what a last state follows: the newest believable fix that came live.
        """
        chosen = np.flatnonzero((self.rows["flags"] & np.uint16(without)) == 0)
        order = chosen[np.lexsort((self.rows[by][chosen], self.rows["terminal"][chosen]))]
        last_of_terminal = np.diff(self.rows["terminal"][order].astype(np.int64), append=-1) != 0
        newest: NDArray[np.intp] = order[last_of_terminal]
        return newest

    @classmethod
    def concat(cls, batches: Iterable[FixBatch]) -> FixBatch:
        """One batch of all, terminals merged, order kept."""
        index: dict[str, int] = {}
        parts: list[NDArray[np.void]] = []
        terminals: list[NDArray[np.uint32]] = []
        attributes: list[bytes] = []
        for batch in batches:
            remap = np.array([index.setdefault(t, len(index)) for t in batch.terminals], np.uint32)
            terminals.append(remap[batch.rows["terminal"]] if len(batch) else np.empty(0, np.uint32))
            parts.append(batch.rows)
            attributes.extend(batch.attributes)
        if not parts:
            return cls([], np.empty(0, FIX), [])
        rows = np.concatenate(parts)
        rows["terminal"] = np.concatenate(terminals)
        return cls(list(index), rows, attributes)


def _batch_head(text: bytes) -> tuple[list[str], list[int]]:
    """Names of terminals, and lengths of the first fixes' attributes. Raises ValueError."""
    head = orjson.loads(text)
    terminals, lengths = (head.get(k) for k in ("terminals", "attributes")) if isinstance(head, dict) else (None, None)
    if not isinstance(terminals, list) or not all(isinstance(name, str) for name in terminals):
        raise ValueError("fix batch: its terminals are no list of names")
    if not isinstance(lengths, list) or not set(map(type, lengths)) <= {int} or min(lengths, default=0) < 0:
        raise ValueError("fix batch: its attributes' lengths are no list of numbers")
    return terminals, lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A row of the roll as the gateway announces it downstream (spool kind "terminal").

    `terminal` is the key; `active` is False once the row was taken off the roll.
    """

    terminal: str
    plate: str
    vehicle_class: str = "taxi"
    company: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRecord:
    """What the taximeter wrote down about one trip. Distances m, times s and aware UTC, money yuan.

    Whether `amount` includes `surcharge` no standard says: both are kept as they came.
    """

    plate: str
    company_licence: str
    driver_licence: str
    on: datetime
    off: datetime
    distance: float
    empty_distance: float
    surcharge: Decimal
    waiting: float
    amount: Decimal
    trip: int
    payment: str
    card: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TripRecord:
    """An occupied trip (JT/T 905 0x0B05). (terminal, operation) names it: terminals send it again until answered.

    `order` is None for a street hail, `rating` the passenger's ("none" to "complaint"). A place is None where
    the terminal had none.
    """

    terminal: str
    operation: int
    pick_up: Position | None
    drop_off: Position | None
    order: int | None
    rating: str
    meter: MeterRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A driver begins a shift: `on` is when the meter was opened."""

    terminal: str
    position: Position | None
    company_licence: str
    driver_licence: str
    plate: str
    on: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOut:
    """A driver ends a shift, with what the meter counted. Distances m, times s, money yuan, price yuan/km."""

    terminal: str
    position: Position | None
    company_licence: str
    driver_licence: str
    plate: str
    on: datetime | None
    off: datetime | None
    distance: float
    occupied_distance: float
    between_distance: float
    trips: int
    timing: float
    amount: Decimal
    card_amount: Decimal
    card_trips: int
    total_distance: float
    total_occupied_distance: float
    total_trips: int
    price: Decimal
    meter_constant: int
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAnswer:
    """What the driver says to an order: "grab", "finished" or "cancelled" with a reason."""

    terminal: str
    order: int
    answer: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyEvent:
    """An alarm of the active safety devices (T/JSATL 12-2017): what, when and where it was seen.

    device  "adas", "dsm", "tpms" or "bsd";  phase  "none", "start" or "end"
    label   the alarm identification number as hex: attachments are asked for and sent under it
    details what only this kind of event tells
    """

    terminal: str
    device: str
    event: str
    phase: str
    level: int | None
    number: int
    time: datetime
    lat: float
    lon: float
    speed: float
    altitude: float
    vehicle: Sequence[str]
    attachments: int
    label: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverCard:
    """A driver's licence card put in or taken out, or read at all where `inserted` is None (2011)."""

    terminal: str
    inserted: bool | None
    time: datetime | None
    result: str
    name: str = ""
    licence: str = ""
    issuer: str = ""
    expires: date | None = None
    id_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaEvent:
    """A picture, sound or video that the terminal has taken. `octets` are None before it is sent."""

    terminal: str
    media: int
    type: str
    event: str
    channel: int
    format: str = ""
    position: Position | None = None
    octets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A picture, sound or video that has come whole. `file` is its name in the gateway's store: a hash, never an id."""

    terminal: str
    medium: MediaEvent
    file: str
    sha256: str
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentFile:
    """A file that a terminal has sent to a safety alarm, come whole (T/JSATL 12-2017).

    label  that of the SafetyEvent;  number  the alarm number under which it was asked for
    name   as the terminal calls it, with U+FFFD for what is not printable; only to be shown
    type   "image", "audio", "video", "text", "face" or "other", by the terminal's word
    file   its name in the gateway's store: a hash
    """

    terminal: str
    label: str
    number: str
    name: str
    type: str
    file: str
    sha256: str
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a terminal says of itself and its vehicle when it registers. `plate` is the VIN without a plate."""

    terminal: str
    province: int
    city: int
    maker: str
    model: str
    terminal_id: str
    plate_color: str
    plate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """A second connection of a terminal that is connected already; see `gateway.server.succession`.

    address         where the newer connection comes from
    former_address  where the one that stands comes from
    silent_s        how long that one had not been heard
    refused         True where the newer one was turned away, False where it took the place
    """

    terminal: str
    time: datetime
    address: str
    former_address: str
    silent_s: float
    refused: bool


KINDS: Mapping[type, str] = {
    Position: "position", TripRecord: "trip", SignIn: "sign_in", SignOut: "sign_out", OrderAnswer: "order_answer",
    SafetyEvent: "safety_event", DriverCard: "driver_card", MediaEvent: "media_event", MediaFile: "media_file",
    AttachmentFile: "attachment_file", Registration: "registration", TakeOver: "take_over",
}  # fmt: skip
"""Name of each kind of report."""
Report = (
    Position | TripRecord | SignIn | SignOut | OrderAnswer | SafetyEvent | DriverCard | MediaEvent | MediaFile
    | AttachmentFile | Registration | TakeOver
)  # fmt: skip
"""Whatever a message may say."""

_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for kind, name in KINDS.items()}


def to_plain(report: Report) -> dict[str, Any]:
    """A report as JSON values, in the units of its attributes: {"kind", ...}."""
    kind = KINDS[type(report)]
    return {"kind": kind, **_ADAPTERS[kind].dump_python(report, mode="json")}


def from_plain(data: Mapping[str, Any]) -> Report:
    """Inverse of `to_plain`. Raises ValueError on anything else."""
    adapter = _ADAPTERS.get(str(data.get("kind")))
    if adapter is None:
        raise ValueError(f"a report has one of the kinds {', '.join(_ADAPTERS)}, not {data.get('kind')!r}")
    report: Report = adapter.validate_python({key: value for key, value in data.items() if key != "kind"})
    return report
