"""Trials: who calls, what becomes of it, and that the same seed gives the same day."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from dispatch.booking import OPEN, Event, State
from dispatch.forecast import Forecast, PickUp
from dispatch.match.exclusion import Limits
from dispatch.match.snapshot import State as Taxi
from dispatch.sphere import distances_m
from simulator import scenario
from simulator.__main__ import main
from simulator.demand import BUSY
from simulator.meter import Tariff
from simulator.riders import Riders, Traffic, draw
from simulator.temper import Roving, Temper
from simulator.trial.compare import START, Case, Comparison
from simulator.trial.outcome import Outcome, Span, observe, riders_of
from simulator.trial.run import Scene, Trial
from simulator.trial.table import age_gap, losses, summary
from simulator.trial.town import PLANE, TOWNS
from simulator.trial.ways import WAYS, NearestFirst
from tests.dispatch.scenes import crowded, even, snapshot

SHORT = Span(0.2, 0.8, 1.0)
SPEED = Traffic().crow_m_s


def scene(town: str = "crowded", taxis: int = 60, **given: object) -> Scene:
    parts = {"riders": Riders(), "temper": Temper(), "roving": Roving(), "traffic": Traffic(), "tariff": Tariff()}
    return Scene(START, taxis, TOWNS[town](), **(parts | given))


def forecast(known: Scene, per_h: float) -> Forecast:
    riders = [rider for day in range(5) for rider in riders_of(known.riders, known.town, per_h, START, SHORT, (9, day))]
    return Forecast.of(
        (PickUp(*PLANE.degrees(rider.start), START + timedelta(seconds=rider.at_s)) for rider in riders), 5
    )


def trial(way: str, seed: int, per_h: float = 170, **given: object) -> Trial:
    known = scene(**given)
    riders = riders_of(known.riders, known.town, per_h, START, SHORT, (seed,))
    run = Trial(known, riders, WAYS[way](SPEED, forecast(known, per_h)), seed)
    run.run()
    return run


@pytest.fixture(scope="module", params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    return request.param


def test_riders_come_by_the_hour_and_are_as_the_scenario_says():
    riders = draw(Riders(), TOWNS["crowded"](), 2_000, (16, 18), np.random.default_rng(1))
    assert len(riders) == pytest.approx(2_000 * (BUSY[16] + BUSY[17]), rel=0.06)
    assert [rider.at_s for rider in riders] == sorted(rider.at_s for rider in riders)
    assert 0 <= riders[0].at_s < riders[-1].at_s < 7_200
    for share, name in ((0.25, "waves"), (0.2, "elderly"), (0.8, "tells"), (0.97, "comes")):
        assert np.mean([getattr(rider, name) for rider in riders]) == pytest.approx(share, abs=0.03)
    online = {old: np.mean([r.online for r in riders if r.elderly is old]) for old in (True, False)}
    assert online[True] < 0.15 < 0.5 < online[False]


def test_the_same_seed_gives_the_same_day(way: str):
    first, again, other = trial(way, 3), trial(way, 3), trial(way, 4)
    assert first.desk.journal == again.desk.journal
    assert first.cars.income.tolist() == again.cars.income.tolist()
    assert first.desk.journal != other.desk.journal


def test_every_call_comes_to_an_end_and_most_to_a_good_one(way: str):
    run = trial(way, 5)
    states = Counter(order.state for order in run.desk.orders)
    assert not set(states) & OPEN
    assert states[State.COMPLETED] > 0.6 * len(run.desk.orders)
    assert {State.NO_SHOW, State.CANCELLED_BY_PASSENGER} <= set(states)
    assert run.desk.waiting == {}


def test_all_the_way_is_somebodys(way: str):
    run = trial(way, 6)
    fares = [run.riders[order.rider] for order in run.desk.orders if order.state is State.COMPLETED]
    driven = sum(abs(rider.goal - rider.start) for rider in fares) * run.scene.traffic.detour
    assert run.cars.paid_m.sum() >= 0.99 * driven
    assert run.cars.fares.sum() > len(fares)  # those who waved, too
    assert run.cars.empty_m.sum() > 0


def test_riders_without_taxis_give_up():
    run = trial("taxihub", 7, taxis=1, riders=Riders(waved=0.0))
    states = Counter(order.state for order in run.desk.orders)
    assert states[State.CANCELLED_BY_PASSENGER] > 0.9 * len(run.desk.orders)


@pytest.mark.parametrize(("grabbed", "completed"), [(1.0, True), (0.0, False)])
def test_drivers_may_all_take_orders_or_none(grabbed: float, completed: bool):
    run = trial("taxihub", 8, temper=Temper(grabbed=grabbed, refused=0.0, cancelled=0.0))
    events = Counter(entry.event for entry in run.desk.journal)
    assert events[Event.OFFER] > 0
    assert (Event.COMPLETE in events, Event.PASS in events) == (completed, not completed)


def test_taxis_without_riders_earn_nothing():
    run = Trial(scene(), [], WAYS["taxihub"](SPEED, Forecast({}, {})), 1)
    run.run()
    assert (run.cars.income.sum(), run.desk.journal) == (0, [])


def test_drivers_who_follow_hints_stand_where_passengers_are():
    """Everybody waits in the middle; passengers are in the east."""
    known = scene("even", 40, roving=Roving(cruises=0.0, obeys=1.0))
    east = [PickUp(*PLANE.degrees(complex(6_000, y)), START + timedelta(minutes=m)) for y in range(-4_000, 4_000, 500)
            for m in range(0, 60, 5)]  # fmt: skip
    run = Trial(known, riders_of(known.riders, known.town, 2, START, SHORT, (1,)),
                WAYS["taxihub"](SPEED, Forecast.of(east, 1)), 1)  # fmt: skip
    run.cars.start[:] = run.cars.goal[:] = complex(0, 0)
    run.run()
    assert (run.cars.places(1e9).real > 4_000).sum() > 20


@pytest.mark.parametrize("seed", range(4))
def test_nearest_first_serves_who_has_waited_longest_with_the_nearest(seed: int):
    rng = np.random.default_rng(seed)
    known = snapshot(
        crowded(30, rng), even(20, rng), bookings_wait_s=rng.permutation(30) * 10.0,
        taxis_state=rng.choice([Taxi.VACANT, Taxi.OCCUPIED], 20), taxis_locked=rng.random(20) < 0.1,
    )  # fmt: skip
    b, t = known.bookings, known.taxis
    metres = distances_m(b["lat"][:, None], b["lon"][:, None], t["lat"][None], t["lon"][None])
    metres[:, (t["state"] != Taxi.VACANT) | t["locked"]] = np.inf
    metres[metres / SPEED > Limits().reach_s] = np.inf
    expected = []
    for row in np.argsort(-b["wait_s"]):
        if np.isfinite(metres[row].min()):
            best = int(metres[row].argmin())
            metres[:, best] = np.inf
            expected.append((known.booking_ids[row], known.taxi_ids[best]))
    assert list(NearestFirst(SPEED).pairs(known)) == expected


def test_an_occupied_taxi_is_waited_for_and_never_asked():
    """It is the nearest by far, and is free in a minute: the caller is not sent the one that is 18 minutes away."""
    places = np.array([[31.38, 120.95], [31.43, 120.95]])
    known = snapshot(places[:1], places, taxis_state=[Taxi.OCCUPIED, Taxi.VACANT], taxis_clear_s=[60.0, 0.0])
    nobody = Forecast({}, {})
    assert list(WAYS["taxihub"](SPEED, nobody).pairs(known)) == []
    assert list(WAYS["matched"](SPEED, nobody).pairs(known)) == [("b000000", "t000001")]


def test_a_span_is_measured_and_what_is_outside_is_not():
    known = scene()
    riders = riders_of(known.riders, known.town, 170, START, SHORT, (8,))
    found = observe(known, riders, WAYS["nearest"](SPEED, Forecast({}, {})), 8, SHORT)
    inside = [r for r in riders if not r.waves and 0.2 * 3600 <= r.at_s < 0.8 * 3600]
    assert len(found.calls) == len(inside)
    assert isinstance(found, Outcome)
    measures = found.measures()
    assert 0 < measures["answered"] <= 1
    assert measures["wait_s"] < measures["p95_s"]


def case(ours: float, theirs: float) -> Case:
    def rows(wait: float) -> dict[str, np.ndarray]:
        names = (
            "wait_s",
            "p95_s",
            "confirm_s",
            "answered",
            "elderly_s",
            "others_s",
            "elderly_answered",
            "empty_km",
            "gini",
        )
        return {name: np.array([0.9, 0.95, 0.99]) if "answered" in name else wait + np.arange(3.0) for name in names}

    return Case("even", "low", 100.0, {"taxihub": rows(ours), "nearest": rows(theirs)})


def test_where_it_loses_is_said_and_where_it_wins_is_not():
    assert any("waits longer, s +50.0" in line for line in losses(case(150, 100)))
    assert list(losses(case(100, 150))) == []
    assert "mean wait +50%, shorter in 0 of 3" in summary(case(151, 100.5))


def test_how_the_elderly_fare_is_said():
    known = case(100, 100)
    known.found["taxihub"]["others_s"] = known.found["taxihub"]["elderly_s"] - [9.0, 10.0, 11.0]
    assert age_gap(known) == "even, low: the elderly wait longer than others: +10 ± 1 s"
    assert "no longer" in age_gap(case(100, 100))


def test_one_trial_proves_no_loss():
    found = {"taxihub": {}, "nearest": {}}
    for way, wait in (("taxihub", 200.0), ("nearest", 100.0)):
        found[way] = {name: values[:1] * 0 + wait for name, values in case(1, 1).found[way].items()}
    assert list(losses(Case("even", "low", 1.0, found))) == []


def test_a_comparison_needs_a_known_load():
    with pytest.raises(AttributeError):
        list(Comparison(scenario.load("handful"), [1], ["rush"]).cases())


def test_the_command_prints_a_table_and_what_it_comes_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "small.toml"
    file.write_text(
        'title = "小城"\nseed = 1\ntaxis = 30\ncompanies = ["a"]\nprotocols = { jt905 = 1 }\n[riders]\nlow_per_h = 40\n'
    )
    assert main(["compare", str(file), "--seeds", "2", "--load", "low", "--town", "crowded"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if line.startswith("crowded low")]
    assert [row[2] for row in rows] == ["nearest", "near", "taxihub"]
    assert all(len(row) == 14 for row in rows)
    assert any(
        line.startswith("crowded, low (40 riders in the busiest hour), against near: mean wait") for line in lines
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[riders]\nwaved = 1.5\n", "riders.waved = 1.5: a share from 0 to 1"),
        ("[roving]\nobeys = -1\n", "roving.obeys = -1: a number from 0 on"),
        ("[traffic]\ndetour = 0.5\n", "no way is shorter than the straight line"),
        ("[riders]\nhurry = 1\n", "unknown riders.hurry"),
    ],
)
def test_a_wrong_scenario_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str, said: str):
    file = tmp_path / "wrong.toml"
    file.write_text('title = "t"\nseed = 1\ntaxis = 3\ncompanies = ["a"]\nprotocols = { jt905 = 1 }\n' + table)
    assert main(["compare", str(file)]) == 1
    assert said in capsys.readouterr().err
