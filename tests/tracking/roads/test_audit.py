"""From simulated drives to findings: honest ones give none, a drive far round gives a detour."""

import numpy as np
import pytest

from simulator.roads.route import Roads
from tests.simulated_trips import round_about, trips
from tracking.audit.facts import facts
from tracking.audit.finding import Level, Rule
from tracking.audit.rules import audit
from tracking.audit.thresholds import valid
from tracking.roads.engine import Engine
from tracking.roads.match import match
from tracking.roads.straight import Straight


def findings(engine: Engine, fixes, metered: float | None = None) -> list:
    trip = facts(fixes, match(fixes, engine), engine, metered)
    return list(audit(trip, valid(trip.start.date())))


def test_honest_trips_are_not_blamed(engine: Engine, driven_roads: Roads):
    for trip in trips(driven_roads, 40, 10, seed=77, noise_m=6, wrong=0.02):
        assert [f for f in findings(engine, trip.fixes, trip.length * 1.005) if f.level is Level.NOTIFY] == []


def test_who_drives_far_round_is_found(engine: Engine, driven_roads: Roads):
    cheats = [fixes for seed in range(400) if (fixes := round_about(driven_roads, seed)) is not None]
    assert len(cheats) >= 5
    caught = [Rule.DETOUR in {f.rule for f in findings(engine, fixes)} for fixes in cheats]
    assert np.mean(caught) >= 0.8


def test_a_meter_that_counts_too_much_is_found(engine: Engine, driven_roads: Roads):
    for trip in trips(driven_roads, 10, 10, seed=5, noise_m=4, wrong=0):
        if trip.length > 6_000:
            assert Rule.OVERCHARGE in {f.rule for f in findings(engine, trip.fixes, trip.length * 1.15)}


def test_without_roads_no_detour_is_claimed(engine: Engine, driven_roads: Roads):
    (trip,) = trips(driven_roads, 1, 10, seed=5, noise_m=4, wrong=0)
    told = facts(trip.fixes, match(trip.fixes, engine), Straight())
    assert told.options == []
    assert list(audit(told, valid(told.start.date()))) == []
    assert told.matched == pytest.approx(trip.length, rel=0.05)
