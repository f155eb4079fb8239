"""What journeys cost by dated tariffs, and what is said about it beforehand."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dispatch
from dispatch.errors import InputError
from dispatch.tariff import Book, Tariff, Trip, preview, quote, read
from simulator import meter
from tests import stack

CITY = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 25, 12, tzinfo=CITY)
KUNSHAN = (Path(dispatch.__file__).parent / "tariffs" / "kunshan.toml").read_text("utf-8")
ONE = """
[[edition]]
class = "taxi"
from = 2024-05-01
title_zh = "普通"
title_en = "Plain"
flag_fall_yuan = 12
flag_fall_km = 3
steps = [{ over_km = 3, yuan_km = 2.4 }]
"""


def tariff(more: str = "", text: str = ONE) -> Tariff:
    return read(text + more).editions[0]


def trip(km: str, minutes: int = 20, on: datetime = NOON, **more: object) -> Trip:
    return Trip(on, on + timedelta(minutes=minutes), Decimal(km), **more)  # type: ignore[arg-type]


def total(priced: Tariff, *args: object, **more: object) -> Decimal:
    return priced.fare(trip(*args, **more)).total  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("km", "yuan"), [("0", 12), ("3", 12), ("3.05", 12), ("3.3", 13), ("8", 24), ("8.29", 24), ("8.3", 25)]
)
def test_flag_fall_then_by_the_kilometre(km: str, yuan: int):
    assert total(tariff(), km) == yuan


def test_further_steps_cost_their_own_price():
    text = ONE.replace("yuan_km = 2.4 }", "yuan_km = 2 }, { over_km = 10, yuan_km = 3 }, { over_km = 20, yuan_km = 1 }")
    priced = tariff(text=text)
    assert [total(priced, km) for km in ("5", "10", "12", "20", "25")] == [16, 26, 32, 56, 61]
    assert priced.fare(trip("12")).rows == {"flag_fall": 12, "way": 20}


def test_the_way_is_counted_in_the_meters_steps():
    up = tariff('km_step = 0.5\nkm_rounding = "up"\nround_yuan = 0.1')
    assert total(up, "3.01") == Decimal("13.2")
    down = tariff("km_step = 0.5\nround_yuan = 0.1")
    assert total(down, "3.49") == 12


def test_waiting_time_fuel_fees_and_tolls():
    priced = tariff("waiting_yuan_min = 0.5\nfree_waiting_min = 4\nfuel_yuan = 1\ncall_fee_yuan = 3\nround_yuan = 0.1")
    fare = priced.fare(trip("3", slow_min=9, called=True, tolls_yuan=Decimal(10)))
    assert fare.rows == {"flag_fall": 12, "waiting": Decimal("2.5"), "fuel": 1, "call_fee": 3, "tolls": 10}
    assert fare.total == Decimal("28.5")
    assert total(priced, "3") == 13
    assert total(tariff("time_yuan_min = 0.3"), "3", minutes=40) == 24


def test_one_way_costs_more_beyond_its_kilometres():
    priced = tariff("one_way = { over_km = 10, share = 0.5 }")
    assert total(priced, "20") == Decimal(53)
    assert total(priced, "20", one_way=True) == Decimal(65)
    assert total(priced, "10", one_way=True) == total(priced, "10")


@pytest.mark.parametrize(
    ("policy", "early", "across", "late"), [("by_minute", 12, 13, 14), ("by_start", 12, 12, 14), ("by_end", 12, 14, 14)]
)
def test_the_boundary_of_the_night_is_a_policy(policy: str, early: int, across: int, late: int):
    priced = tariff(f'night = {{ from = 23, to = 5, share = 0.2, policy = "{policy}" }}')
    times = (NOON.replace(hour=22), NOON.replace(hour=22, minute=50), NOON.replace(hour=23, minute=30))
    assert [total(priced, "3", on=on) for on in times] == [early, across, late]
    assert total(priced, "3", on=NOON.replace(hour=4, minute=20)) == late


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), st.integers(1, 180), st.integers(0, 900),
    st.integers(0, 60),
)  # fmt: skip
def test_the_simulated_meter_comes_to_the_same(start: datetime, minutes: int, tenths: int, slow_min: int):
    """Two implementations that know nothing of each other, over the tariff that both have."""
    on = start.replace(second=0, microsecond=0, tzinfo=CITY)
    off, km = on + timedelta(minutes=minutes), Decimal(tenths) / 10
    priced = read(KUNSHAN).at(NOON)
    assert priced.fare(Trip(on, off, km, slow_min)).total == meter.Tariff().fare(on, off, km, slow_min)


@given(st.integers(0, 600), st.integers(0, 60), st.integers(1, 50))
def test_farther_and_slower_is_never_cheaper(tenths: int, slow_min: int, more: int):
    priced = read(KUNSHAN).at(NOON)
    km = Decimal(tenths) / 10
    base = priced.fare(Trip(NOON, NOON + timedelta(hours=1), km, slow_min)).total
    assert priced.fare(Trip(NOON, NOON + timedelta(hours=1), km + Decimal(more) / 10, slow_min)).total >= base
    assert priced.fare(Trip(NOON, NOON + timedelta(hours=1), km, slow_min + more)).total >= base


# dates


def test_an_edition_is_in_force_from_the_citys_midnight():
    book = read(KUNSHAN)
    midnight = datetime(2024, 5, 1, tzinfo=CITY)
    assert book.at(midnight).flag_fall_yuan == 12
    assert book.at(midnight - timedelta(seconds=1)).flag_fall_yuan == 10
    with pytest.raises(InputError, match="no tariff of class 'taxi' is in force on 2018-12-31"):
        book.at(datetime(2018, 12, 31, tzinfo=CITY))
    with pytest.raises(InputError, match="'limousine'"):
        book.at(midnight, "limousine")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no .*edition"),
        ("edition = 5", "no .*edition"),
        ("[[edition", "not TOML"),
        (ONE.replace("flag_fall_yuan = 12\n", ""), "edition 1, flag_fall_yuan: Field required"),
        (ONE.replace("= 12", "= -1"), "edition 1, flag_fall_yuan: "),
        (ONE.replace("over_km = 3", "over_km = 4"), "edition 1, as a whole: .*begin where the flag fall ends"),
        (ONE.replace("[{ over_km = 3, yuan_km = 2.4 }]", "[]"), "edition 1, steps: "),
        (ONE + "flag_fall = 3", "edition 1, flag_fall: Extra"),
        (ONE + 'night = { from = 25, to = 5, share = 0.2, policy = "by_minute" }', "edition 1, night.from: "),
        (ONE + 'night = { from = 23, to = 5, share = 0.2, policy = "mostly" }', "edition 1, night.policy: "),
        (ONE + ONE, "two editions of class 'taxi' begin on 2024-05-01"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_place(text: str, said: str):
    with pytest.raises(InputError, match=said):
        read(text)


# before and after, and beforehand


def test_a_preview_shows_what_a_change_does_to_journeys():
    book: Book = read(KUNSHAN)
    trips = [trip("2"), trip("8", slow_min=10), trip("30", on=NOON.replace(hour=23))]
    seen = preview(book.editions[0], book.editions[1], trips)
    assert [(row.before, row.after) for row in seen.rows] == [(10, 12), (25, 29), (83, 92)]
    assert (seen.dearer, seen.cheaper) == (3, 0)
    assert (seen.mean_before * 3, seen.mean_after * 3) == (118, 133)
    assert seen.change == pytest.approx(Decimal(15) / 118)
    assert seen.largest is seen.rows[2]
    nothing = preview(book.editions[0], book.editions[1], [])
    assert (nothing.rows, nothing.change, nothing.largest) == ((), 0, None)


def test_a_quote_is_about_and_by_the_meter():
    told = quote(read(KUNSHAN).at(NOON), NOON, Decimal(8), timedelta(minutes=20))
    assert (told.low, told.high) == (24, 31)
    assert told.zh == "大约24至31元，以计价器为准。"
    assert told.en == "About 24 to 31 yuan; the meter decides."
    short = quote(read(KUNSHAN).at(NOON), NOON, Decimal(1), timedelta(minutes=1))
    assert short.zh == "大约12元，以计价器为准。"


def test_the_office_sees_what_a_new_tariff_would_do_to_its_own_journeys(database: str, tmp_path: Path):
    with psycopg.connect(database) as db:
        (terminal,) = db.execute("INSERT INTO terminal (key) VALUES ('jt905/1') RETURNING id").fetchone() or (0,)
        for n, (km, waited) in enumerate(((2.0, 0), (8.0, 600), (25.0, 0), (8.0, 0))):
            on = datetime.now(CITY) - timedelta(days=1 if n < 3 else 90)
            db.execute(
                "INSERT INTO meter_record (terminal_id, operation, began, ended, message_id, distance, waiting, amount)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, 30)",
                (terminal, n, on.replace(hour=12), on.replace(hour=13), n, km * 1000, waited),
            )
    file = tmp_path / "new.toml"
    dearer = ONE.replace("2024-05-01", "2027-01-01").replace("flag_fall_yuan = 12", "flag_fall_yuan = 14")
    file.write_text(dearer, "utf-8")
    seen = previewed(database, file)
    assert seen.returncode == 0, seen.stderr
    assert "2024-05-01 → 2027-01-01, 28 d, 3 journeys" in seen.stdout
    rows = {line.split()[0]: line.split()[1:] for line in seen.stdout.splitlines() if line[:1].isdigit()}
    assert rows["0-3"][:3] == ["1", "12.00", "14.00"]
    assert rows["10-20"] == ["0"]
    assert "涨价 dearer 2, 降价 cheaper 1, 不变 same 0" in seen.stdout
    file.write_text(ONE.replace("2024-05-01", "2018-01-01"), "utf-8")
    assert "nothing to compare with" in previewed(database, file).stderr
    file.write_text(ONE.replace("12", "-12"), "utf-8")
    assert "edition 1, flag_fall_yuan" in previewed(database, file).stderr


def previewed(database: str, file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dispatch", "tariff", str(file), *more], cwd=stack.ROOT, text=True, capture_output=True,
        env={**os.environ, "TAXIHUB_DATABASE_URL": database}, timeout=60,
    )  # fmt: skip
