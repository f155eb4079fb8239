"""What the API says and takes. Field names carry their units; times are RFC 3339 in UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from dashboard.permission import Permission
from gateway.report import BAD, Alarm, Flag, Status, names
from tracking import quarantine
from tracking.people import Role
from tracking.vehicle import Condition, Fix, LastState, Vehicle, condition

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
ALARMS: list[Any] = names(~Alarm(0))
STATUSES: list[Any] = names(~Status(0))
FLAGS: list[Any] = names(BAD)
EXAMPLE_FIX: dict[str, Any] = {
    "time": "2026-11-25T04:00:00Z", "lat": 31.38, "lon": 120.95, "speed_kmh": 36.0, "course_deg": 90.0,
    "altitude_m": 3.0, "odometer_km": 1234.5, "alarms": [], "status": ["acc_on", "positioned", "occupied"],
    "satellites": 14,
}  # fmt: skip
EXAMPLE_VEHICLE: dict[str, Any] = {
    "id": 17, "plate": "苏E·T1024", "vehicle_class": "taxi", "company": "昆山出租",
    "terminal": "jt808/13812345678", "condition": "occupied", "heard": "2026-11-25T04:00:01.250000Z",
    "last": EXAMPLE_FIX | {"signal": 23},
}  # fmt: skip
EXAMPLE_QUARANTINED: dict[str, Any] = {
    "id": 3, "at": "2026-11-25T04:00:02Z", "spool": "1a2b9f50cd6147eeab83e44f68388898", "seq": 1234, "kind": "message",
    "terminal": None, "cause": "unsupported Unicode escape sequence", "size": 4,
}  # fmt: skip
MOST_REPLAYED = 200
"""Of the quarantine in one request."""


def _rfc3339(value: Any) -> Any:
    if isinstance(value, str) and not RFC3339.fullmatch(value):
        hint = "; a + in an address is written %2B" if re.search(r" \d\d:\d\d$", value) else ""
        raise ValueError(f"{value!r} is no RFC 3339 time such as 2026-11-25T00:00:00Z{hint}")
    return value


def _printable(value: str) -> str:
    """PostgreSQL's text and a terminal's display take no NUL, and half a surrogate pair is no character."""
    if "\0" in value or (not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)):
        raise ValueError("holds characters that are no text (NUL or half a surrogate pair)")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
Text = Annotated[str, AfterValidator(_printable)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(BaseModel):
    """`application/problem+json`, RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:taxihub:problem:bad_interval", "title": "Bad Request", "status": 400,
                "code": "bad_interval", "detail": "the interval ends before it starts: ...",
            }
        }
    )  # fmt: skip

    type: str = Field(description="URN of this kind of problem")
    title: str = Field(description="The status in words")
    status: int
    code: str = Field(description="Stable key of this kind of problem")
    detail: str = Field(description="What is wrong and where")
    errors: list[Mapping[str, str]] | None = Field(None, description="422: each error with `where` and `what`")
    file: str | None = Field(None, description="archive_damaged: the file that is missing or was changed")
    day: date | None = Field(None, description="archive_damaged: the day (UTC) that it holds")


class Credentials(Model):
    model_config = ConfigDict(json_schema_extra={"example": {"user": "admin", "password": "correct horse battery"}})

    user: Text = Field(min_length=1, max_length=64)
    password: Text = Field(min_length=1, max_length=1024)


class Session(Model):
    """Who is logged in, and what the console needs to know from the start."""

    user: str
    role: Role
    permissions: list[Permission]
    timezone: str = Field(description="IANA name; days begin and end by it", examples=["Asia/Shanghai"])


class NewSession(Session):
    token: str = Field(description="For `Authorization: Bearer`; the same as in the cookie that is set")
    expires: datetime


class Place(Model):
    """A fix in the units of the road. None = not reported."""

    time: datetime = Field(description="Of the fix, by the terminal's clock")
    lat: float = Field(description="Degrees, WGS-84")
    lon: float = Field(description="Degrees, WGS-84")
    speed_kmh: float | None
    course_deg: float | None = Field(description="North 0, clockwise")
    altitude_m: float | None
    odometer_km: float | None
    alarms: list[str] = Field(json_schema_extra={"items": {"type": "string", "enum": ALARMS}})
    status: list[str] = Field(json_schema_extra={"items": {"type": "string", "enum": STATUSES}})
    satellites: int | None


class State(Place):
    signal: int | None = Field(description="Radio signal as the terminal gives it")


class VehicleItem(Model):
    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_VEHICLE})

    id: int
    plate: str
    vehicle_class: str
    company: str
    terminal: str | None = Field(description="protocol/number of the terminal that stands in it now")
    condition: Condition
    heard: datetime | None = Field(description="When any fix of it was last received, also a late or implausible one")
    last: State | None = Field(description="Newest plausible fix that was not uploaded late")


class VehicleDetail(VehicleItem):
    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_VEHICLE | {"attributes": {"cabin_c": 24.5}}})

    attributes: dict[str, Any] = Field(description="What else the last fix said; keys carry their unit")


class Vehicles(Model):
    items: list[VehicleItem]
    next: int | None = Field(description="Value of `after` for the next page; null on the last one")


class RouteFix(Place):
    received: datetime = Field(description="By the gateway")
    condition: Condition
    late: bool = Field(description="Uploaded late from the terminal's own store")
    flags: list[str] = Field(
        description="Why the fix is implausible; empty for a good one",
        json_schema_extra={"items": {"type": "string", "enum": FLAGS}},
    )
    attributes: dict[str, Any]


class Route(Model):
    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "example": {
                "vehicle": 17, "from": "2026-11-25T04:00:00Z", "to": "2026-11-25T05:00:00Z", "truncated": False,
                "items": [
                    EXAMPLE_FIX | {
                        "received": "2026-11-25T04:00:01Z", "condition": "occupied", "late": False, "flags": [],
                        "attributes": {},
                    }
                ],
            }
        },
    )  # fmt: skip

    vehicle: int
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    truncated: bool = Field(description="More fixes lie in the interval than were given; ask on from the last time")
    items: list[RouteFix] = Field(description="In order of time")


class Day(Model):
    day: date
    start: datetime = Field(alias="from", description="Beginning of the day")
    end: datetime = Field(alias="to", description="Its end")
    fixes: int = Field(description="Plausible ones")
    first: datetime
    last: datetime


class Days(Model):
    timezone: str
    items: list[Day] = Field(description="Days with fixes, newest first")


class QueryPosition(Model):
    type: Literal["query_position"]


class SendText(Model):
    type: Literal["send_text"]
    text: Annotated[Text, Field(min_length=1, max_length=200)]
    urgent: bool = Field(False, description="Also read aloud, where the terminal can")


Command = Annotated[QueryPosition | SendText, Field(discriminator="type")]


class Outcome(Model):
    outcome: Literal["sent", "queued", "failed", "no_terminal", "no_gateway"]
    at: datetime = Field(description="When it was journalled")


class Quarantined(Model):
    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_QUARANTINED})

    id: int
    at: datetime = Field(description="When no table took it")
    spool: str = Field(description="The spool that it came in")
    seq: int = Field(description="Its entry there")
    kind: str = Field(description="fix, message, command, terminal, or what the entry called itself")
    terminal: str | None = Field(description="protocol/number, where a single one is meant")
    cause: str = Field(description="What the database, or a reader, had against it last")
    size: int = Field(description="Bytes")


class QuarantinedDetail(Quarantined):
    model_config = ConfigDict(
        json_schema_extra={
            "example": EXAMPLE_QUARANTINED | {
                "received": "2026-11-25T04:00:01Z", "content": "5b7b7d5d", "truncated": False, "decoded": [{}],
                "undecoded": "",
            }
        }
    )  # fmt: skip

    received: datetime = Field(description="By the gateway")
    content: str = Field(description="Hex digits, of the first 64 KiB")
    truncated: bool = Field(description="The content is longer than that")
    decoded: Any = Field(
        description="Fixes (the first hundred, in SI units) or the JSON that the content is; null where it is neither"
    )
    undecoded: str = Field(description='Why nothing was decoded; "" where something was')


class Quarantine(Model):
    items: list[Quarantined]
    next: int | None = Field(description="Value of `after` for the next page; null on the last one")
    total: int = Field(description="How many there are on all pages")


class Replay(Model):
    model_config = ConfigDict(json_schema_extra={"example": {"ids": [3, 4]}})

    ids: Literal["all"] | Annotated[list[Annotated[int, Field(ge=1, le=2**63 - 1)]], Field(min_length=1)] = Field(
        description='Which, at most 200; or "all"'
    )
    after: int = Field(0, ge=0, le=2**63 - 1, description='With "all": `next` of the answer before')

    @field_validator("ids")
    @classmethod
    def _few(cls, ids: Any) -> Any:
        if len(ids) > MOST_REPLAYED:
            raise ValueError(f"{len(ids)} ids are more than {MOST_REPLAYED}: ask in parts")
        return ids


class Try(Model):
    id: int
    outcome: quarantine.Outcome = Field(
        description="stored; part: the rest stands under other ids; refused again; gone: it stood there no longer"
    )
    cause: str = Field(description='Why something was refused again; ""')


class Replayed(Model):
    items: list[Try]
    next: int | None = Field(description='With "all": value of `after` for the next request; null when all was tried')


class Daily(Model):
    """When the daily work on the history is done. Null: never, or not known."""

    working: bool = Field(description="A process is at it now")
    next: datetime | None = Field(description="When it is due; null while nobody does it by itself")
    started: datetime | None = Field(description="Of the last run")
    ended: datetime | None = Field(description="Null while it goes on, and where its process ended first")
    succeeded: datetime | None = Field(description="End of the last run without an error")


class HousekeepingResult(Model):
    rolled_up: int = Field(description="Days")
    moved: int = Field(description="Days that were moved to files")
    fixes: int = Field(description="On those days")
    compressed: int = Field(description="Days")
    compression: Literal["on", "off", "unavailable"] = Field(
        description="off: by the settings; unavailable: this database cannot"
    )


class Housekeeping(Daily):
    result: HousekeepingResult | None = Field(description="What the last run without an error did")
    error: str | None = Field(description="Why the last run ended; null where it was good")


class HousekeepingHealth(Daily):
    failed: bool = Field(description="The last run ended with an error; `GET /api/v1/housekeeping` tells which")


class BaseMap(Model):
    url: str | None = Field(description="PMTiles archive; null when none is installed")
    attribution: str
    center: tuple[float, float] = Field(description="lon, lat in degrees, WGS-84")
    zoom: float


class Health(Model):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "status": "up",
                "database": "up",
                "bus": "up",
                "vehicles": 300,
                "unstored_s": 0.0,
                "newest_fix_age_s": 1.2,
                "quarantined": 0,
                "housekeeping": {
                    "working": False,
                    "next": "2026-11-25T19:30:00Z",
                    "started": "2026-11-24T19:30:00Z",
                    "ended": "2026-11-24T19:31:07Z",
                    "succeeded": "2026-11-24T19:31:07Z",
                    "failed": False,
                },
            }
        }
    )

    status: Literal["up", "degraded"]
    database: Literal["up", "away"]
    bus: Literal["up", "away", "none"]
    vehicles: int
    unstored_s: float | None = Field(
        description="How far the database is behind the live feed; null while either has told nothing"
    )
    newest_fix_age_s: float | None = Field(description="Null before the first fix")
    quarantined: int | None = Field(description="What no table took; null while the database is away")
    housekeeping: HousekeepingHealth | None = Field(description="Null while the database is away")


def place(fix: Fix | LastState) -> dict[str, Any]:
    """SI units -> units of the road."""
    return {
        "time": fix.time, "lat": fix.lat, "lon": fix.lon, "speed_kmh": _scaled(fix.speed, 3.6, 1),
        "course_deg": _scaled(fix.course, 1, 1), "altitude_m": _scaled(fix.altitude, 1, 1),
        "odometer_km": _scaled(fix.odometer, 0.001, 3), "alarms": names(fix.alarms), "status": names(fix.status),
        "satellites": fix.satellites,
    }  # fmt: skip


def vehicle(of: Vehicle, now: datetime) -> dict[str, Any]:
    """The fields of `VehicleItem`."""
    return {
        "id": of.id, "plate": of.plate, "vehicle_class": of.vehicle_class, "company": of.company,
        "terminal": of.terminal, "condition": of.condition(now), "heard": of.heard,
        "last": place(of.last) | {"signal": of.last.signal} if of.last else None,
    }  # fmt: skip


def route_fix(fix: Fix) -> dict[str, Any]:
    """The fields of `RouteFix`. The condition is what the map would have shown then."""
    return place(fix) | {
        "received": fix.received, "condition": condition(fix.alarms, fix.status, fix.time, fix.time),
        "late": Flag.BACKFILL in fix.flags, "flags": names(fix.flags & ~Flag.BACKFILL), "attributes": fix.attributes,
    }  # fmt: skip


def _scaled(value: float | None, factor: float, digits: int) -> float | None:
    return None if value is None else round(value * factor, digits)
