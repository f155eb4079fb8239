"""`python -m tracking trips` as its user meets it: rows that cannot be read are named, the rest goes on."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = "vehicle,time,lat,lon,occupied,speed_kmh\n"
TRIP = "".join(
    f"苏E·T1234,2026-03-01T08:00:{10 * i:02}+08:00,{31.38 + i / 1000:.3f},120.95,{int(0 < i < 4)},36\n"
    for i in range(6)
)


def trips(*arguments: str, text: str | bytes = "") -> subprocess.CompletedProcess[str]:
    raw = text.encode() if isinstance(text, str) else text
    done = subprocess.run(
        [sys.executable, "-m", "tracking", "trips", *arguments], input=raw, capture_output=True, timeout=60
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_trip_from_a_file_as_from_standard_input(tmp_path: Path):
    file = tmp_path / "fixes.csv"
    file.write_text("\ufeff" + HEAD + TRIP, "utf-8")
    done = trips(str(file))
    assert done.stdout.splitlines() == [
        "vehicle,start,end,start_lat,start_lon,end_lat,end_lon,length_m,fixes",
        "苏E·T1234,2026-03-01T08:00:10+08:00,2026-03-01T08:00:40+08:00,31.381,120.95,31.384,120.95,332.6,4",
    ]
    assert (done.returncode, done.stdout) == (0, trips(text=HEAD + TRIP).stdout)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a,8 o'clock,31,120,0,", 'column time: "8 o\'clock" is neither an ISO 8601 time nor seconds since 1970'),
        ("a,1767225600000,31,120,0,", "column time: '1767225600000' is not between 1970 and 2100"),
        ("a,1,north,120,0,", "column lat: 'north' is no number"),
        ("a,1,31,,0,", "column lon: '' is no number"),
        ("a,1,nan,120,0,", "column lat: 'nan' is no number"),
        ("a,1,91,120,0,", "column lat: '91' is beyond 90 degrees"),
        ("a,1,31,-180.5,0,", "column lon: '-180.5' is beyond 180 degrees"),
        ("a,1,31,120,2,", "column occupied: '2' is neither 0 nor 1"),
        ("a,1,31,120,1,-3", "column speed_kmh: '-3' is negative"),
        (",1,31,120,1,3", "column vehicle: '' names no vehicle"),
        ("a,1,31,120", "column 5: 4 columns instead of 6"),
        ('"a,1,31,120,1,3', "column 2: 1 columns instead of 6"),
        ("a,1,31,120,1,3,4", "column 7: 7 columns instead of 6"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_goes_on(row: str, told: str):
    first, rest = TRIP.split("\n", 1)
    done = trips(text=f"{HEAD}{first}\n{row}\n{rest}")
    assert f"trips: line 3, {told}" in done.stderr.splitlines()
    assert "1 trips of 1 vehicles from 6 fixes; 1 rows could not be read" in done.stderr
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 2)


def test_bytes_that_are_no_text_spoil_their_own_row_only():
    done = trips(text=HEAD.encode() + b"\xff\xfe,\xff,1,2,0,\n" + TRIP.encode())
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "told"), [("", "no column vehicle"), ("vehicle,time,lat,lon,occupied\n", "speed_kmh")]
)
def test_a_file_without_the_columns_is_refused(text: str, told: str):
    done = trips(text=text)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_columns_in_another_order_and_times_of_a_zone():
    done = trips("--zone", "Asia/Shanghai", text="lon,lat,occupied,vehicle,time,speed_kmh,note\n" + "".join(
        f"120.95,{31.38 + i / 1000:.3f},{int(0 < i < 3)},7,{when},,x\n"
        for i, when in enumerate(["2026-03-01 07:59:00", "2026-03-01T00:00:00Z", "2026-03-01 08:01", "1772323320"])
    ))  # fmt: skip
    assert "7,2026-03-01T00:00:00Z,1772323320,31.381,120.95,31.383,120.95,221.8,3" in done.stdout


def test_trips_that_go_on_beyond_the_file_are_counted():
    done = trips(text=HEAD + "".join(TRIP.splitlines(keepends=True)[2:]))
    assert "0 trips of 1 vehicles from 4 fixes; 0 rows could not be read, 1 trips go on beyond" in done.stderr


def test_a_missing_file_is_named(tmp_path: Path):
    done = trips(str(tmp_path / "none.csv"))
    assert done.returncode == 2
    assert "none.csv" in done.stderr
