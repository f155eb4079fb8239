"""What the API says and takes. Field names carry their units; times are RFC 3339 in UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from dashboard.permission import Permission
from gateway.report import BAD, Alarm, Flag, Status, names
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
