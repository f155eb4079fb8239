"""Which of our fields each expected value of the real packets stands for.

A row is theirs -> ours, both as dotted paths; "[]" stands for any index, the same on both sides.
A number after our path is what our physical value is multiplied by to give their raw one.
"""

from __future__ import annotations

from typing import Any

Row = str | tuple[str, float]


def under(ours: str, rows: dict[str, Row], theirs: str) -> dict[str, Row]:
    """The same rows one level deeper."""
    moved = {}
    for path, row in rows.items():
        moved[theirs + path] = ours + row if isinstance(row, str) else (ours + row[0], row[1])
    return moved


def same(*names: str) -> dict[str, Row]:
    return {name: name for name in names}


PLACE: dict[str, Row] = {
    **same("alarm", "status", "altitude", "direction", "time"),
    "lat": ("lat", 1e6), "lon": ("lon", 1e6), "speed": ("speed", 10),
}  # fmt: skip
SAFETY: dict[str, Row] = {
    **same("alarm_id", "flag", "type", "level", "front_speed", "fatigue", "speed", "altitude", "time"),
    "front_distance": ("front_time", 10), "deviate": "departure", "sign_type": "sign", "sign_value": "sign_value",
    "lat": ("lat", 1e6), "lon": ("lon", 1e6), "veh_status": "vehicle",
    "ident.terminal_id": "identification.terminal_id", "ident.time": "identification.time",
    "ident.seq": "identification.sequence", "ident.attachments": "identification.attachments",
    "ident.reserved": "identification.reserved",
}  # fmt: skip
ITEMS: dict[str, Row] = {
    "0x01.mileage_0.1km": ("0x01.odometer", 10), "0x02.fuel_0.1l": ("0x02.fuel", 10),
    "0x03.rec_speed_0.1kmh": ("0x03.recorder_speed", 10), "0x12.dir": "0x12.direction", "0x13.result": "0x13.result",
    "0x14.u32": "0x14.video_alarms", "0x25.signals": "0x25.vehicle_signals", "0x2a.io": "0x2a.io",
    "0x2b.ad0": "0x2b.ad0", "0x2b.ad1": "0x2b.ad1", "0x30.rssi": "0x30.signal", "0x31.sats": "0x31.satellites",
    **{k: v for n in ("0x64", "0x65", "0x66", "0x67") for k, v in under(f"{n}.", SAFETY, f"{n}.").items()},
}  # fmt: skip
POSITION = {**PLACE, **under("items.", ITEMS, "extra.")}
MEDIA = {"id": "media_id", **same("type", "format", "event", "channel")}
LIMIT: dict[str, Row] = {
    "id": "area_id", "attr": "attributes", "max_speed": "max_speed", "over_secs": "overspeed_time",
    "night_speed": "night_max_speed", "name": "name", "lat": ("lat", 1e6), "lon": ("lon", 1e6),
}  # fmt: skip
IDENTIFIED = {k: v for k, v in SAFETY.items() if k.startswith("ident.")}
FILE = same("name", "type", "size")
SHOT = {"cmd": "command", **same("channel", "interval", "save", "resolution", "quality", "brightness", "contrast",
                                 "saturation", "chroma")}  # fmt: skip

JT808: dict[str, dict[str, Row]] = {
    "0x0001": same("ack_serial", "ack_id", "result"),
    "0x8001": same("ack_serial", "ack_id", "result"),
    "0x0100": same("province", "city", "maker", "model", "terminal_id", "plate_color", "plate"),
    "0x0102": {"auth": "auth", "imei": "imei", "sw": "software"},
    "0x0104": {"ack_serial": "ack_serial"},
    "0x0107": {**same("type", "maker", "model", "terminal_id", "iccid", "gnss"), "hw": "hardware", "fw": "firmware",
               "comm": "communication"},
    "0x0108": same("type", "result"),
    "0x0200": POSITION,
    "0x0201": {"ack_serial": "ack_serial", **PLACE},
    "0x0301": {"event_id": "event_id"},
    "0x0302": same("ack_serial", "answer_id"),
    "0x0303": {"type": "type", "action": "flag"},
    "0x0702": {"status": "status", "time": "time", "ic_result": "result", "name": "name", "licence": "licence",
               "org": "issuer", "valid": "expires", "id_no": "id_number"},
    "0x0704": {"count": "count", "type": "type", **under("positions[].", POSITION, "items[].")},
    "0x0705": {"count": "count", "items[].id": "frames[].can"},
    "0x0800": MEDIA,
    "0x0801": {**MEDIA, **under("position.", PLACE, "loc.")},
    "0x0802": {"ack_serial": "ack_serial", **under("media[].", MEDIA, "items[]."),
               **under("media[].position.", PLACE, "items[].loc.")},
    "0x0805": same("ack_serial", "result"),
    "0x0900": same("type"),
    "0x0901": {"data": "data"},
    "0x1210": {**IDENTIFIED, "terminal_id": "terminal_id", "alarm_no": "alarm_number", "info_type": "info_type",
               "files[].name": "files[].name", "files[].size": "files[].size"},
    "0x1211": FILE,
    "0x1212": FILE,
    "0x8003": {"orig_serial": "first_serial"},
    "0x8004": {"utc": "time"},
    "0x8100": {"ack_serial": "ack_serial", "result": "result", "auth": "code"},
    "0x8105": {"cmd": "command", "param": "parameters"},
    "0x8106": {"ids[]": "ids[]"},
    "0x8108": same("type", "maker", "version"),
    "0x8301": {"set_type": "action", "items[].id": "events[].event_id", "items[].text": "events[].text"},
    "0x8302": {"flag": "flag", "question": "question", "answers[].id": "answers[].answer_id",
               "answers[].text": "answers[].text"},
    "0x8303": {"set_type": "action", "items[].type": "entries[].type", "items[].name": "entries[].name"},
    "0x8304": same("type", "text"),
    "0x8400": same("phone"),
    "0x8401": {"set_type": "action", **{f"items[].{n}": f"contacts[].{n}" for n in ("flag", "phone", "name")}},
    "0x8500": same("flag"),
    "0x8600": {"action": "action", "items[].radius": "areas[].radius", **under("areas[].", LIMIT, "items[].")},
    "0x8601": {"ids[]": "ids[]"},
    "0x8602": {"action": "action", **under("areas[].", LIMIT, "items[]."), "items[].lat_ul": ("areas[].north", 1e6),
               "items[].lon_ul": ("areas[].west", 1e6), "items[].lat_lr": ("areas[].south", 1e6),
               "items[].lon_lr": ("areas[].east", 1e6)},
    "0x8604": LIMIT,
    "0x8606": {"id": "route_id", "attr": "attributes", "name": "name", **under("points[].", LIMIT, "points[]."),
               "points[].road_id": "points[].section_id", "points[].width": "points[].width",
               "points[].long": "points[].too_long", "points[].short": "points[].too_short"},
    "0x8800": {"id": "media_id"},
    "0x8801": SHOT,
    "0x8802": same("type", "channel", "event"),
    "0x8803": same("type", "channel", "event", "delete"),
    "0x8805": {"id": "media_id", "delete": "delete"},
    "0x8A00": same("e"),
    "0x9101": {"ip": "host", "tcp": "tcp_port", "udp": "udp_port", **same("channel", "data_type", "stream")},
    "0x9102": {"cmd": "command", "close_type": "close", **same("channel", "stream")},
    "0x9208": {**IDENTIFIED, "ip": "host", "tcp": "tcp_port", "udp": "udp_port", "alarm_no": "alarm_number"},
    "0x9212": same("name", "type", "result"),
}  # fmt: skip
TAXI: dict[str, Row] = {
    **same("alarm", "status", "time"), "lat": ("lat", 600_000), "lon": ("lon", 600_000), "speed": ("speed", 10),
    "direction": ("direction", 0.5),
}  # fmt: skip
JT905: dict[str, dict[str, Row]] = {
    "0x0000": {"device": "device", "vendor": "vendor", "cmd": "command", "time": "data.time"},
    "0x0104": {"ack_serial": "ack_serial"},
    "0x0200": TAXI,
    "0x0201": {"ack_serial": "ack_serial", **TAXI},
    "0x0202": TAXI,
    "0x0203": under("positions[].", TAXI, "items[]."),
    "0x0302": {"id": "question_id", "answer": "answer_id"},
    "0x0500": TAXI,
    "0x0800": same("reason", "camera", "size", "offset"),
    "0x0B04": {
        "company": "company_licence", "driver": "driver_licence", "plate": "plate", "k": "meter_constant", "on": "on",
        "off": "off", "km": "distance", "op_km": "occupied_distance", "trips": "trips", "total": "amount",
        "card_total": "card_amount", "between_km": "between_distance", "total_km": "total_distance",
        "total_op_km": "total_occupied_distance", "price": "price", "op_count": "total_trips", "sign_out": "mode",
    },
    "0x0B05": {
        "op_id": "operation", "eval_id": "evaluation", "eval": "rating", "eval_ext": "rating_extension",
        "order_id": "order", **under("pick_up.", TAXI, "on."), **under("drop_off.", TAXI, "off."),
        "meter.plate": "meter.plate", "meter.company": "meter.company_licence", "meter.driver": "meter.driver_licence",
        "meter.on_time": "meter.on", "meter.km": "meter.distance", "meter.empty_km": "meter.empty_distance",
        "meter.surcharge": "meter.surcharge", "meter.amount": "meter.amount", "meter.trip_no": "meter.trip",
        "meter.pay_type": "meter.payment", "meter.card": "meter.card",
    },
    "0x0B08": {"order_id": "order"},
    "0x0B10": {"vendor": "vendor", "cmd": "command"},
    "0x8001": same("ack_serial"),
    "0x8105": {"cmd": "command"},
    "0x8202": same("interval", "duration"),
    "0x8300": same("text"),
    "0x8400": same("flag", "phone"),
    "0x8500": {"item": "item", "cmd": "command"},
    "0x8801": SHOT,
    "0x8802": same("camera", "start", "end"),
    "0x8B01": {
        "order_id": "order", "time": "time", "plon": ("passenger_lon", 600_000), "plat": ("passenger_lat", 600_000),
        "dlon": ("destination_lon", 600_000), "dlat": ("destination_lat", 600_000), "fee": "fee", "phone": "phone",
        "desc": "description",
    },
    "0x8B10": same("data_type"),
}  # fmt: skip


def find(values: Any, path: str) -> Any:
    """The value at a dotted path with indices: "areas[1].lat"."""
    for name in path.replace("[", ".[").split("."):
        values = values[int(name[1:-1])] if name.startswith("[") else values[name]
    return values
