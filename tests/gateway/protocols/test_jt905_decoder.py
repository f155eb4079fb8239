"""What taxis say: trips and their money, shifts, orders with their limits, the meter's own line."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gateway.errors import ProtocolError
from gateway.explain import Capture, Decoded
from gateway.protocols.jt905.explain import Jt905Decoder
from gateway.protocols.jt905.messages import encode, encode_body, frame
from gateway.report import MediaEvent, OrderAnswer, Report, SignIn, SignOut, TripRecord
from gateway.wire.clocks import CHINA

ISU = "101900198513"
BASIC = {
    "alarm": 0, "status": 1 << 9, "lat": 31.3, "lon": 120.95, "speed": 0.0, "direction": 0,
    "time": datetime(2026, 11, 25, 23, 50, tzinfo=CHINA),
}  # fmt: skip
SHIFT = {"company_licence": "320583", "driver_licence": "320583198001011234", "plate": "E339KK"}
METER = SHIFT | {
    "on": datetime(2026, 11, 25, 23, 50, tzinfo=CHINA), "off": datetime(2026, 11, 26, 0, 20).time(), "distance": 12.3,
    "empty_distance": 4.5, "surcharge": Decimal("1.0"), "waiting": 180, "amount": Decimal("38.5"), "trip": 77,
    "payment": 3, "card": b"\xca\xfe",
}  # fmt: skip
TRIP = {
    "pick_up": BASIC, "drop_off": BASIC, "operation": 5, "evaluation": 0, "rating": 1, "rating_extension": 0,
    "order": 0, "meter": METER,
}  # fmt: skip


def decode(message_id: int, fields: dict, dialect: str = "standard") -> Decoded:
    (one,) = Jt905Decoder(dialect).decode(Capture(encode(message_id, fields, terminal=ISU, serial=1)))
    assert one.error is None
    return one


def said(message_id: int, fields: dict) -> Report:
    (one,) = decode(message_id, fields).reports
    return one


def test_a_trip_over_midnight_ends_the_next_day():
    trip = said(0x0B05, TRIP)
    assert isinstance(trip, TripRecord)
    assert trip.meter
    assert (trip.order, trip.rating, trip.pick_up.terminal) == (None, "satisfied", f"jt905/{ISU}")
    assert (trip.meter.on, trip.meter.off) == (
        datetime(2026, 11, 25, 15, 50, tzinfo=UTC),
        datetime(2026, 11, 25, 16, 20, tzinfo=UTC),
    )
    assert (trip.meter.amount, trip.meter.surcharge) == (Decimal("38.5"), Decimal("1.0"))
    assert (trip.meter.distance, trip.meter.empty_distance, trip.meter.waiting) == (12300, 4500, 180)
    assert (trip.meter.payment, trip.meter.card) == ("cpu_card", "cafe")


def test_a_trip_with_a_meter_record_that_is_none_keeps_its_bytes():
    assert decode(0x0B05, TRIP | {"meter": b"\xff\xff"}).fields["meter"] == b"\xff\xff"
    trip = said(0x0B05, TRIP | {"meter": b"", "order": 9, "rating": 200})
    assert isinstance(trip, TripRecord)
    assert (trip.meter, trip.order, trip.rating) == (None, 9, "200")


def test_money_keeps_its_decimals_and_its_bounds():
    assert decode(0x0B05, TRIP).fields["meter"]["amount"] == Decimal("38.5")
    with pytest.raises(ProtocolError, match=r"does not fit BCD\[3\] XXXXX.X"):
        encode_body(0x0B05, TRIP | {"meter": METER | {"amount": Decimal("100000")}})


def test_shifts_begin_and_end():
    begun = said(0x0B03, {"position": BASIC, **SHIFT, "on": BASIC["time"]})
    assert isinstance(begun, SignIn)
    assert (begun.plate, begun.on) == ("E339KK", datetime(2026, 11, 25, 15, 50, tzinfo=UTC))
    counted = {
        "position": BASIC, **SHIFT, "meter_constant": 1000, "on": BASIC["time"], "off": BASIC["time"],
            "distance": 200.1,
        "occupied_distance": 120.4, "trips": 20, "timing": 3600, "amount": Decimal("812.5"),
            "card_amount": Decimal("0"),
        "card_trips": 0, "between_distance": 3.0, "total_distance": 90000.0, "total_occupied_distance": 50000.0,
        "price": Decimal("2.40"), "total_trips": 8000, "mode": 1,
    }  # fmt: skip
    ended = said(0x0B04, counted)
    assert isinstance(ended, SignOut)
    assert (ended.distance, ended.amount, ended.price, ended.mode) == (
        200100,
        Decimal("812.5"),
        Decimal("2.40"),
        "forced",
    )


@pytest.mark.parametrize(
    ("message_id", "fields", "answer", "reason"),
    [(0x0B01, {}, "grab", ""), (0x0B07, {}, "finished", ""), (0x0B08, {"reason": 1}, "cancelled", "jam")],
)
def test_answers_to_orders(message_id: int, fields: dict, answer: str, reason: str):
    found = said(message_id, {"order": 4_000_000_001, **fields})
    assert found == OrderAnswer(terminal=f"jt905/{ISU}", order=4_000_000_001, answer=answer, reason=reason)


WON = {
    "order": 1, "type": 0, "time": None, "passenger_lon": 120.95, "passenger_lat": 31.3, "destination_lon": 0.0,
    "destination_lat": 0.0, "fee": Decimal("5.0"), "phone": "13912345678", "description": "昆山站南广场",
}  # fmt: skip


def test_who_lost_gets_four_bytes_and_who_won_the_rest():
    assert encode_body(0x8B01, {"order": 1}) == b"\0\0\0\1"
    assert decode(0x8B01, {"order": 1}).fields == {"order": 1}
    assert decode(0x8B01, WON).fields == WON
    with pytest.raises(ProtocolError, match="lacks time"):
        encode_body(0x8B01, {"order": 1, "type": 0})
    with pytest.raises(ProtocolError, match="is given although it needs with type"):
        encode_body(0x8B01, {"order": 1, "phone": "13912345678"})


def test_texts_fit_the_terminals_buffers():
    body = encode_body(0x8B01, WON | {"description": "昆" * 40 + "A"})
    assert body.endswith(("昆" * 30).encode("gbk") + b"\0")
    with pytest.raises(ProtocolError, match="must be 11 digits"):
        encode_body(0x8B01, WON | {"phone": "051257000000"})


@pytest.mark.parametrize("end", [b"\0", b""])
def test_a_missing_terminator_at_the_end_is_taken(end: bytes):
    fields = {"order": 1, "type": 1, "time": datetime(2026, 1, 1, tzinfo=CHINA), "description": "城西"}
    body = encode_body(0x8B00, fields)[:-1] + end
    (one,) = Jt905Decoder().decode(Capture(frame(0x8B00, body, terminal=ISU, serial=1)))
    assert one.fields == fields


def test_the_first_chunk_of_a_picture_announces_it():
    chunk = {"reason": 0, "picture_id": 3, "camera": 1, "size": 9000, "offset": 0, "data": bytes(500)}
    found = said(0x0800, chunk)
    assert isinstance(found, MediaEvent)
    assert (found.media, found.octets) == (3, 9000)
    assert decode(0x0800, chunk | {"offset": 512}).reports == []


def test_a_dialect_has_other_numbers_for_the_same_messages():
    body = encode_body(0x0B01, {"order": 1})
    capture = Capture(frame(0x0B00, body, terminal=ISU, serial=1))
    assert Jt905Decoder().decode(capture)[0].message == "unknown"
    assert Jt905Decoder("uninew").decode(capture)[0].message == "grab_order"
    with pytest.raises(ProtocolError, match="there are standard, uninew"):
        Jt905Decoder("klingon")


@pytest.mark.parametrize(
    "capture", ["55AA000B02000000201111111111112855AA", "55AA000C02000000201111111111112955AA", "55AA000055AA", "55AA"]
)
def test_damaged_serial_frames_are_refused(capture: str):
    (one,) = Jt905Decoder().decode(Capture(bytes.fromhex(capture)))
    assert one.error is not None


def test_a_serial_frame_is_explained_to_its_last_byte():
    capture = Capture(bytes.fromhex("55AA000B02000000201111111111112955AA"))
    (one,) = Jt905Decoder().decode(capture, explain=True)
    covered = sorted(i for s in one.spans for i in range(s.start, s.end))
    assert covered == list(range(len(capture.data)))
