"""Scenario files and traces: what is in them, and what is said of those that are wrong."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.report import Status
from simulator import replay, scenario
from simulator.meter import Tariff
from simulator.replay import TraceError
from simulator.scenario import ScenarioError

BASIC = {"title": "t", "seed": 1, "taxis": 20, "companies": ["a"], "protocols": {"jt808": 1.0}}


def test_the_default_fleet_is_that_of_a_county_city():
    cabs = scenario.load("kunshan").cabs()
    assert len(cabs) == 300
    editions = Counter(cab.version for cab in cabs if cab.protocol == "jt808")
    assert set(editions) == {2011, 2013, 2019}
    assert all(cab.number.startswith("10") and len(cab.number) == 12 for cab in cabs if cab.protocol == "jt905")


def test_the_fleet_of_a_scenario_is_always_the_same():
    assert scenario.load("kunshan").cabs() == scenario.load("kunshan").cabs()


@given(
    taxis=st.integers(1, 400),
    shares=st.dictionaries(st.sampled_from(["jt905", "jt808", "mqtt"]), st.floats(0.01, 10), min_size=1),
)
def test_shares_are_dealt_out_to_the_last_taxi(taxis: int, shares: dict[str, float]):
    cabs = scenario.parse(BASIC | {"taxis": taxis, "protocols": shares}).cabs()
    assert len({cab.key for cab in cabs}) == taxis
    for protocol, share in shares.items():
        expected = taxis * share / sum(shares.values())
        assert abs(sum(cab.protocol == protocol for cab in cabs) - expected) <= 1.0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"taxi": 5}, "unknown taxi"),
        ({"taxis": 0}, "taxis = 0: from 1"),
        ({"protocols": {"gt06": 1}}, r"unknown protocols\.gt06"),
        ({"editions": {"2015": 1}}, r"unknown editions\.2015"),
        ({"report": {"often": 1}}, r"unknown report\.often"),
        ({"report": {"vacant_s": "soon"}}, r"report\.vacant_s = 'soon'"),
        ({"terminal": {"retries": -1}}, r"terminal\.retries = -1"),
        ({"tariff": {"per_km_yuan": "much"}}, r"tariff\.per_km_yuan = 'much'"),
        ({"orders": {"grabed": 1}}, r"unknown orders\.grabed"),
        ({"camera": {"lost_piece": -3}}, r"camera\.lost_piece = -3"),
        ({"orders": {"grabbed": 0.9, "refused": 0.2}}, r"orders: grabbed and refused are 1\.1 together"),
    ],
)
def test_a_wrong_scenario_is_refused_with_the_key(change: dict, complaint: str):
    with pytest.raises(ScenarioError, match=complaint):
        scenario.parse(BASIC | change)


def test_money_of_a_tariff_is_exact():
    tariff = scenario.parse(BASIC | {"tariff": {"per_km_yuan": 2.3, "flag_fall_yuan": 11}}).tariff
    assert (tariff.per_km_yuan, tariff.flag_fall_yuan) == (Decimal("2.3"), 11)
    assert scenario.load("kunshan").tariff == Tariff()


def test_a_file_that_lacks_something_says_what(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text("seed = 1\n")
    with pytest.raises(ScenarioError, match=r"mine\.toml: title, taxis, companies, protocols missing"):
        scenario.load(str(path))
    path.write_text("seed = \n")
    with pytest.raises(ScenarioError, match=r"mine\.toml: Invalid value \(at line 1"):
        scenario.load(str(path))


def test_a_trace_is_read_oldest_first_whatever_its_order(tmp_path: Path):
    trace = tmp_path / "new_x.txt"
    trace.write_text("37.75 -122.39 1 1211033600\n37.74 -122.40 0 1211033540\n")
    assert [(row.time, row.occupied) for row in replay.read(trace)] == [(1211033540, False), (1211033600, True)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("37.75 -122.39 1\n", r"new_x\.txt:1: 'lat lon 0/1 unix-seconds' expected"),
        ("37.75 -122.39 1 1211033600\n37.7 -122.3 2 1211033600\n", r"new_x\.txt:2: "),
        ("97.75 -122.39 1 1211033600\n", "are no degrees"),
        ("\n", "has no fixes"),
    ],
)
def test_a_bad_trace_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str):
    trace = tmp_path / "new_x.txt"
    trace.write_text(text)
    with pytest.raises(TraceError, match=complaint):
        replay.read(trace)


def test_positions_of_a_trace_have_motion_where_fixes_are_close(tmp_path: Path):
    trace = tmp_path / "new_x.txt"
    trace.write_text("37.75 -122.39 0 1211033540\n37.76 -122.39 1 1211033640\n37.76 -122.40 1 1211043640\n")
    cab = replay.cab_of(trace, "jt808")
    first, second, third = replay.positions(cab, replay.read(trace))
    assert second.time == datetime.fromtimestamp(1211033640, UTC)
    assert (second.speed, second.course) == pytest.approx((11.1, 0.0), abs=0.05)
    assert (first.speed, third.speed) == (0, 0)
    edges = [p.status & (Status.PICK_UP_EDGE | Status.DROP_OFF_EDGE) for p in (first, second, third)]
    assert edges == [Status(0), Status.PICK_UP_EDGE, Status(0)]


def test_traces_with_one_number_are_refused(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    same = [tmp_path / name / "new_x.txt" for name in ("a", "b")]
    with pytest.raises(TraceError, match="the same terminal number"):
        replay.cabs(same, "jt905")
