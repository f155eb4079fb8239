"""`python -m gateway decode` as its users run it: tables, JSON and JSON lines, in a process of its own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.decode.captured import Line, guess, hex_bytes
from gateway.decode.lines import Sessions, answer, read, written
from gateway.errors import ProtocolError
from gateway.explain import Capture, Decoder
from gateway.protocols.jt808.explain import Jt808Decoder
from gateway.wire.framing import wrap
from gateway.wire.jsonfix import load

POSITION = (
    "7E020000261234567890120001000000010000000200BA7F0E07E4F11C0028003C00001810151010100104000000640202007D016C7E"
)
TAXI = "7E02000023103456789012007D02000000010000000200BA7F0E07E4F11C003C002110152110100104000000640202007D01347E"
HEARTBEAT = "7E000200001234567890120001897E"
BROKEN = HEARTBEAT.replace("897E", "887E")
FIX = {"time": "2026-11-25T09:02:03+08:00", "lat": 31.4, "lon": 120.9}


def decode(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "decode", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


def objects(*lines: object) -> list[dict]:
    given = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    done = decode("--jsonl", text=given)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_table_tells_field_value_and_unit():
    done = decode(POSITION)
    assert done.returncode == 0
    assert ["31", "00", "3c", "速度", "speed", "6.0", "km/h"] in [line.split() for line in done.stdout.splitlines()]
    assert "7d 01 = 7d" in done.stdout
    assert "jt808 (guessed" in done.stdout


def test_hex_may_come_from_a_file_or_standard_input(tmp_path: Path):
    captures = tmp_path / "captures"
    captures.write_text(f"{HEARTBEAT}\n\n{' '.join(TAXI[i : i + 2] for i in range(0, len(TAXI), 2))}\n")
    for done in (decode("--json", "--file", str(captures)), decode("--json", text=captures.read_text())):
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(f["protocol"], f["message"]) for f in found] == [("jt808", "heartbeat"), ("jt905", "position")]
        assert all(f["guessed"] for f in found)


def test_a_refused_frame_is_explained_and_seen_in_the_exit_status():
    done = decode(BROKEN)
    assert done.returncode == 1
    assert "checksum: computed 89, got 88" in done.stdout
    assert "终端手机号 terminal" in done.stdout
    assert decode("7E7D03").returncode == 1
    assert "no hex digit" in decode("7E xy").stdout


def test_a_missing_file_is_an_error_of_its_own():
    done = decode("--file", "/nowhere/at/all")
    assert done.returncode == 2
    assert "No such file" in done.stderr


def test_a_reader_that_leaves_ends_it_quietly():
    command = [sys.executable, "-m", "gateway", "decode", "--jsonl"]
    line = json.dumps({"protocol": "jt808", "hex": POSITION}) + "\n"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(line.encode())
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["error"] is None  # answered before the next line is written
        process.stdout.close()
        process.stdin.write(line.encode() * 100)
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


def test_every_line_is_answered_in_order_whatever_it_holds():
    found = objects(
        {"session": "a", "protocol": "jt808", "hex": POSITION},
        "{not json",
        "",
        {"protocol": "nmea", "hex": "00"},
        {"protocol": "jt808", "hex": "7E0"},
        {"protocol": "jt808"},
        {"protocol": "jt808", "hex": HEARTBEAT, "text": "x"},
        {"protocol": "jt808", "hex": 5},
        [1],
        {"protocol": "jt808", "hex": BROKEN},
        {"protocol": "jt808", "hex": HEARTBEAT + POSITION[2:]},
        {"hex": TAXI},
    )
    assert [bool(f["error"]) for f in found] == [False, *[True] * 8, *[False] * 3]
    assert [len(f["frames"]) for f in found] == [1, *[0] * 8, 1, 2, 1]
    assert "nmea" in found[3]["error"]
    assert found[9]["frames"][0]["error"] == "checksum: computed 89, got 88"
    assert [f["message"] for f in found[10]["frames"]] == ["heartbeat", "position"]


LINES_THAT_NOBODY_CAN_KEEP = {
    "more than 64 bits": [
        {"protocol": "mqtt", "text": json.dumps(FIX | {"counter": 1 << 64})},
        {"protocol": "mqtt", "text": json.dumps(FIX | {"lat": 10**400})},
        {"protocol": "owntracks", "text": json.dumps({"_type": "lwt", "tst": -(1 << 63) - 1})},
    ],
    "half a character": [
        {"protocol": "mqtt", "text": json.dumps(FIX | {"note": "\ud800"})},
        {"protocol": "mqtt", "text": json.dumps(FIX | {"\udfff": {}})},
        {"protocol": "mqtt", "text": json.dumps([FIX, FIX | {"deep": [{"note": "\ud800"}]}])},
        {"protocol": "owntracks", "text": json.dumps({"_type": "location", "tid": "\udc00"})},
    ],
    "U+0000": [{"protocol": "mqtt", "text": json.dumps(FIX | {"note": "a\0b"})}],
    "deep": [
        {"protocol": "mqtt", "text": json.dumps(FIX)[:-1] + ', "a": ' + "[" * n + "]" * n + "}"} for n in (70, 300)
    ],
    "maximum recursion": [{"protocol": "mqtt", "text": "[" * 20_000 + "]" * 20_000}],
    "RFC 3339": [
        {"protocol": "mqtt", "text": json.dumps(FIX | {"time": time})}
        for time in ("0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", 1e300, -(1 << 60), "today", [])
    ],
    "is not OwnTracks": [
        {"protocol": "owntracks", "text": json.dumps({"_type": kind})} for kind in (["location"], {}, 5, None)
    ],
    "Invalid IPv6 URL": [{"protocol": "owntracks", "http": {"url": "http://[::1/pub", "body": {"_type": "lwt"}}}],
    "must be a string": [
        {"protocol": ["jt808"], "hex": HEARTBEAT},
        {"protocol": {}, "hex": HEARTBEAT},
        {"protocol": "jt808", "hex": HEARTBEAT, "dialect": ["2011"]},
        '{"protocol": "jt808", "hex": "00", "session": ' + "[" * 1000 + "]" * 1000 + "}",
        {"protocol": "owntracks", "http": {"headers": {"X-Limit-U": ["li"]}, "body": {"_type": "lwt"}}},
    ],
    "http body": ['{"http": {"body": ' + "[" * 500 + "]" * 500 + "}}"],
}  # fmt: skip


def test_a_line_that_nobody_can_keep_is_refused_with_its_reason_and_the_next_one_is_taken():
    rows = [(reason, line) for reason, lines in LINES_THAT_NOBODY_CAN_KEEP.items() for line in lines]
    good = {"protocol": "jt808", "hex": HEARTBEAT}
    found = objects(*(one for _, line in rows for one in (line, good)))
    assert len(found) == 2 * len(rows)
    for (reason, line), refused, taken in zip(rows, found[::2], found[1::2], strict=True):
        assert not refused["reports"], line
        assert reason in (refused["error"] or refused["frames"][0]["error"]), line
        assert taken["frames"][0]["message"] == "heartbeat"


def test_json_that_cannot_be_kept_is_refused_with_the_place_of_what_is_wrong():
    with pytest.raises(ProtocolError, match=re.escape(r"[1].deep[0].\u6606 is an integer of more than 64 bits")):
        load(json.dumps([{}, {"deep": [{"昆": 1 << 64}]}]).encode())
    assert load(b'{"a": [18446744073709551615, -9223372036854775808, "\xe6\x98\x86"]}')["a"][2] == "昆"


def test_a_decoder_that_fails_costs_one_line():
    class Broken(Sessions):
        def decoder(self, line: Line) -> Decoder:
            raise RuntimeError("\ud800")

    line = json.dumps({"protocol": "jt808", "hex": HEARTBEAT}).encode()
    assert json.loads(written(line, Broken())) == {
        "frames": [], "reports": [], "error": r"defect: RuntimeError('\ud800')",
    }  # fmt: skip


def test_an_argument_that_is_no_text_is_no_hex():
    command = [sys.executable, "-m", "gateway", "decode", b"7e\xff"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_position_report_has_units_in_its_names():
    (frame,), (report,), error = objects({"protocol": "jt808", "hex": POSITION})[0].values()
    assert error is None
    assert (frame["message_id"], frame["terminal"], frame["serial"], frame["ok"]) == ("0x0200", "123456789012", 1, True)
    assert frame["fields"]["items"] == {"0x01": {"odometer": 10.0}, "0x02": {"fuel": 12.5}}
    assert frame["fields"]["time"] == "2018-10-15T10:10:10+08:00"
    wanted = {
        "kind": "position", "terminal": "jt808/123456789012", "time": "2018-10-15T02:10:10Z", "lat": 12.222222,
        "lon": 132.444444, "valid": True, "speed_kmh": 6.0, "course_deg": 0, "altitude_m": 40, "odometer_km": 10.0,
        "alarms": ["emergency"], "status": {"positioned": True}, "attributes": {},
    }  # fmt: skip
    assert {key: report[key] for key in wanted} == wanted


def test_an_alarm_and_a_status_of_the_same_bit_keep_their_own_names():
    lines = [{"protocol": "mqtt", "text": json.dumps(FIX | flags)} for flags in (
        {"valid": False, "status": ["acc_on"]}, {"alarms": ["emergency"]}, {"alarms": ["overspeed"]}
    )]  # fmt: skip
    reports = [found["reports"][0] for found in objects(*lines)]
    assert [(list(r["status"]), r["alarms"]) for r in reports] == [
        (["acc_on"], []), (["positioned"], ["emergency"]), (["positioned"], ["overspeed"]),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [HEARTBEAT[2:], HEARTBEAT[:-2], HEARTBEAT[2:-2], "2424" + HEARTBEAT + "0d0a"])
def test_delimiters_at_the_ends_may_be_missing_and_a_few_strange_bytes_stand_there(text: str):
    (frame,) = objects({"protocol": "jt808", "hex": text})[0]["frames"]
    assert (frame["message"], frame["ok"]) == ("heartbeat", True)


def test_texts_and_http_requests_of_json_devices():
    fix = FIX | {"status": {"occupied": True}}
    location = {"_type": "location", "lat": 31.4, "lon": 120.9, "tst": 1764032523, "vel": 36}
    post = {"method": "POST", "url": "/pub?u=wang&d=phone", "headers": {}, "body": json.dumps(location)}
    limited = {"url": "/pub", "headers": {"X-Limit-U": "li", "X-Limit-D": "pad"}, "body": location}
    found = objects(
        {"session": "tracker-7", "protocol": "mqtt", "text": json.dumps([fix, fix])},
        {"session": "s", "protocol": "owntracks", "text": json.dumps(location | {"topic": "owntracks/zhao/car"})},
        {"protocol": "owntracks", "http": post},
        {"protocol": "owntracks", "http": limited},
        {"protocol": "owntracks", "text": '{"_type": "lwt", "tst": 1}'},
        {"protocol": "mqtt", "text": '{"lat": 91}'},
    )
    assert [r["terminal"] for f in found for r in f["reports"]] == [
        "mqtt/tracker-7", "mqtt/tracker-7", "owntracks/zhao/car", "owntracks/wang/phone", "owntracks/li/pad",
    ]  # fmt: skip
    assert found[0]["reports"][0]["time"] == "2026-11-25T01:02:03Z"
    assert found[0]["reports"][0]["status"] == {"positioned": True, "occupied": True}
    assert found[2]["reports"][0]["speed_kmh"] == 36
    assert [f["frames"][0]["ok"] for f in found] == [*[True] * 5, False]
    assert found[4]["reports"] == []


def test_a_line_beyond_the_bound_is_answered_and_the_next_one_taken(tmp_path: Path):
    path = tmp_path / "lines"
    path.write_bytes(b"short\n" + b"x" * 50 + b"\nlast")
    with path.open("rb") as source:
        assert list(read(source, longest=10)) == [b"short", None, b"last"]
    assert "longer" in answer(None, Sessions())["error"]


def test_only_the_latest_sessions_are_kept():
    sessions = Sessions(most=2)

    def state(session: str) -> object:
        return sessions.decoder(Line("jt808", session, Capture(b"")))

    first, second = state("a"), state("b")
    assert state("a") is first
    assert state("c") is not first
    assert state("a") is first
    assert state("b") is not second


def test_the_protocol_is_guessed_from_the_bytes():
    assert guess(hex_bytes(POSITION))[0] == "jt808"
    assert guess(hex_bytes(TAXI))[0] == "jt905"
    assert guess(b'{"_type": "location"}')[0] == "owntracks"
    assert guess(b'{"lat": 1}')[0] == "mqtt"
    with pytest.raises(ProtocolError, match="'g' at digit 4"):
        hex_bytes("0x7e 02 g0")


def test_every_byte_of_every_real_frame_is_explained_once(shared: Path):
    lines = (shared / "vectors" / "jtt.jsonl").read_text("utf-8").splitlines()
    frames = [bytes.fromhex(v["hex"]) for v in map(json.loads, lines) if v["hex"].startswith("7E")]
    frames += [b"~" + wrap(b"x" * n)[1:] for n in (1, 12, 13)] + [b"~", b"~~", b"~\x7d\x03~", b"~\1\x7e\2"]
    explained = 0
    for raw in frames:
        for one in Jt808Decoder().decode(Capture(raw), explain=True):
            covered = [i for span in one.spans for i in range(span.start, span.end)]
            assert covered == list(range(len(one.raw))), raw.hex()
            explained += 1
    assert explained > 200
