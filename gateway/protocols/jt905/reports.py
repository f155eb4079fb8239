"""Decoded JT/T 905 messages -> the published language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.protocols.jt905.meter import METER, RATINGS, SIGN_OUT
from gateway.protocols.jt905.orders import CANCELLED
from gateway.protocols.jt905.translate import position, split_catch_up
from gateway.report import (
    MediaEvent,
    MeterRecord,
    OrderAnswer,
    Position,
    Report,
    SignIn,
    SignOut,
    TripRecord,
    terminal_key,
)
from gateway.wire.message import Header

ANSWERS = {0x0B01: "grab", 0x0B07: "finished", 0x0B08: "cancelled"}
SHIFT = ("company_licence", "driver_licence", "plate")
PLAIN = ("amount", "card_amount", "card_trips", "meter_constant", "price", "timing", "total_trips", "trips")
DISTANCES = ("distance", "occupied_distance", "between_distance", "total_distance", "total_occupied_distance")


def reports(header: Header, fields: Mapping[str, Any], body: bytes) -> list[Report]:
    """What a message says. `body` gives positions their identity."""
    terminal = terminal_key("jt905", header.terminal)
    match header.message_id:
        case 0x0200 | 0x0202:
            return [position(terminal, fields, body)]
        case 0x0201 | 0x0500:
            return [position(terminal, fields, body[2:])]
        case 0x0203:
            blocks = zip(fields["positions"], split_catch_up(body), strict=True)
            return [position(terminal, f, b, backfill=True) for f, b in blocks]
        case 0x0B03:
            return [_sign_in(terminal, fields)]
        case 0x0B04:
            return [_sign_out(terminal, fields)]
        case 0x0B05:
            return [_trip(terminal, fields)]
        case 0x0B01 | 0x0B07 | 0x0B08 as answer:
            reason = CANCELLED.code_name(fields, "reason") if "reason" in fields else ""
            return [OrderAnswer(terminal=terminal, order=fields["order"], answer=ANSWERS[answer], reason=reason)]
        case 0x0800 if fields["offset"] == 0:
            return [_picture(terminal, fields)]
    return []


def _sign_in(terminal: str, fields: Mapping[str, Any]) -> SignIn:
    return SignIn(
        terminal=terminal,
        position=_place(terminal, fields["position"]),
        on=_moment(fields["on"]),
        **{name: fields[name] for name in SHIFT},
    )


def _sign_out(terminal: str, fields: Mapping[str, Any]) -> SignOut:
    counted: dict[str, Any] = {name: fields[name] for name in (*SHIFT, *PLAIN)}
    counted |= {name: _metres(fields[name]) for name in DISTANCES}
    return SignOut(
        terminal=terminal,
        position=_place(terminal, fields["position"]),
        on=_moment(fields["on"]),
        off=_moment(fields["off"]),
        mode=SIGN_OUT.code_name(fields, "mode") if "mode" in fields else "",
        **counted,
    )


def _place(terminal: str, fields: Mapping[str, Any]) -> Position | None:
    """None where the terminal had no fix, and so no time."""
    return position(terminal, fields) if isinstance(fields["time"], datetime) else None


def _moment(told: datetime | str) -> datetime | None:
    """None for digits that are no time."""
    return told.astimezone(UTC) if isinstance(told, datetime) else None


def _trip(terminal: str, fields: Mapping[str, Any]) -> TripRecord:
    record = fields["meter"]
    return TripRecord(
        terminal=terminal,
        operation=fields["operation"],
        pick_up=_place(terminal, fields["pick_up"]),
        drop_off=_place(terminal, fields["drop_off"]),
        order=fields["order"] or None,
        rating=str(RATINGS.get(fields["rating"], fields["rating"])),
        meter=_meter(record) if isinstance(record, Mapping) else None,
    )


def _meter(record: Mapping[str, Any]) -> MeterRecord:
    """The off time has no date: one before the on time is that of the next day."""
    on: datetime = record["on"]
    off = datetime.combine(on.date(), record["off"], on.tzinfo)
    if off < on:
        off += timedelta(days=1)
    return MeterRecord(
        on=on.astimezone(UTC),
        off=off.astimezone(UTC),
        distance=_metres(record["distance"]),
        empty_distance=_metres(record["empty_distance"]),
        payment=METER.code_name(record, "payment"),
        card=record["card"].hex(),
        **{name: record[name] for name in (*SHIFT, "surcharge", "waiting", "amount", "trip")},
    )


def _picture(terminal: str, fields: Mapping[str, Any]) -> MediaEvent:
    """The first chunk of a picture announces it."""
    return MediaEvent(
        terminal=terminal, media=fields["picture_id"], type="image",
            event="platform" if fields["reason"] else "automatic",
        channel=fields["camera"], octets=fields["size"],
    )  # fmt: skip


def _metres(kilometres: float) -> float:
    return round(kilometres * 1000, 3)
