"""Forecasts and hints: no pick-up is lost by smoothing, and who is sent where helps and hurts nobody."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.clock import CITY
from dispatch.forecast import QUARTERS, RESOLUTION, Forecast, PickUp, Spot, quarter
from dispatch.match.snapshot import Snapshot, State
from dispatch.reposition import Advice, hints, shared_out
from tests.dispatch.scenes import LAT, LON, NOW, even, snapshot

MIDDAY = datetime(2026, 11, 25, 12, 7, 30, tzinfo=CITY)
CELL = h3.latlng_to_cell(31.38, 120.95, RESOLUTION)
FAR = h3.latlng_to_cell(31.42, 120.99, RESOLUTION)
moments = st.integers(0, 86_399).map(lambda s: datetime(2026, 11, 25, tzinfo=CITY) + timedelta(seconds=s))
pick_ups = st.lists(st.builds(PickUp, st.floats(*LAT), st.floats(*LON), moments), max_size=30)


@given(pick_ups, st.integers(1, 9))
def test_smoothing_moves_pick_ups_and_loses_none(history: list[PickUp], days: int):
    forecast = Forecast.of(history, days)
    total = sum(row.sum() for row in forecast.pick_ups.values())
    assert total == pytest.approx(len(history) / days)
    assert all(len(row) == QUARTERS and (row >= 0).all() for row in forecast.pick_ups.values())


def test_most_is_expected_where_and_when_it_was():
    forecast = Forecast.of([PickUp(31.38, 120.95, MIDDAY + timedelta(days=day)) for day in range(10)], 10)
    now = forecast.at(MIDDAY)
    assert max(now, key=lambda cell: now[cell].pick_ups) == CELL
    assert (now[CELL].lat, now[CELL].lon) == pytest.approx((31.38, 120.95))
    assert now[CELL].pick_ups > forecast.at(MIDDAY + timedelta(minutes=15))[CELL].pick_ups > 0
    assert forecast.at(MIDDAY + timedelta(hours=3))[CELL].pick_ups == 0


def test_a_forecast_passes_smoothly_from_quarter_to_quarter():
    forecast = Forecast.of([PickUp(31.38, 120.95, MIDDAY)], 1)
    at = [forecast.at(MIDDAY + timedelta(minutes=minutes))[CELL].pick_ups for minutes in (0, 7.5, 15)]
    assert at[1] == pytest.approx((at[0] + at[2]) / 2)


def test_the_last_quarter_of_a_day_is_beside_the_first():
    midnight = datetime(2026, 11, 25, 23, 59, tzinfo=CITY)
    assert quarter(midnight) == QUARTERS - 1
    row = Forecast.of([PickUp(31.38, 120.95, midnight)], 1).pick_ups[CELL]
    assert row[0] == row[QUARTERS - 2] > 0


def test_a_forecast_needs_a_day():
    with pytest.raises(ValueError, match="at least one day of history, not 0"):
        Forecast.of([], 0)


def spots(**pick_ups_: float) -> dict[int, Spot]:
    return {cell: Spot(pick_ups_[name], *h3.cell_to_latlng(cell)) for name, cell in (("here", CELL), ("far", FAR))}


@given(st.lists(st.floats(0, 100), max_size=20), st.integers(0, 300))
def test_every_taxi_is_shared_out_and_more_go_where_more_is_expected(expected: list[float], taxis: int):
    shares = shared_out({cell: Spot(value, 0, 0) for cell, value in enumerate(expected)}, taxis, 1.0)
    assert sum(shares.values()) == (taxis if any(expected) else 0)
    by_need = sorted((value, shares.get(cell, 0)) for cell, value in enumerate(expected))
    for (less, few), (more, many) in pairwise(by_need):
        assert few <= many + (less == more)


def test_shares_are_those_of_webster():
    """Three seats by 3.4, 2.3 and 0.6: 2, 1, 0; and by 5 to 3 in eight seats exactly."""
    assert shared_out({n: Spot(v, 0, 0) for n, v in enumerate((3.4, 2.3, 0.6))}, 3, 1.0) == {0: 2, 1: 1}
    assert shared_out({0: Spot(5, 0, 0), 1: Spot(3, 0, 0)}, 8, 1.0) == {0: 5, 1: 3}


def standing(here: int, **columns: object) -> Snapshot:
    places = np.tile(h3.cell_to_latlng(CELL), (here, 1))
    return snapshot(np.zeros((0, 2)), places, **columns)


def test_what_is_too_many_goes_where_passengers_are_expected():
    known = standing(4)
    found = hints(known, spots(here=1, far=1), known.taxi_ids, {}, Advice())
    assert [(hint.taxi, hint.cell) for hint in found] == [("t000000", FAR), ("t000001", FAR)]
    assert found[0].metres == pytest.approx(h3.great_circle_distance(*map(h3.cell_to_latlng, (CELL, FAR)), "m"), 1e-3)


def test_who_is_on_the_way_counts_where_he_goes():
    known = standing(4)
    bound = {"t000000": FAR, "t000001": FAR}
    assert hints(known, spots(here=1, far=1), {"t000002", "t000003"}, bound, Advice()) == ()


def test_who_will_soon_be_vacant_counts_and_is_not_sent():
    known = standing(4, taxis_state=[State.VACANT, State.VACANT, State.OCCUPIED, State.OCCUPIED],
                     taxis_clear_s=[0, 0, 100, np.nan])  # fmt: skip
    assert len(hints(known, spots(here=1, far=2), known.taxi_ids[:2], {}, Advice())) == 2
    assert len(hints(known, spots(here=1, far=2), known.taxi_ids[:2], {}, Advice(soon_s=0))) == 1


def test_nobody_is_sent_too_far_or_round_the_corner():
    known = standing(4)
    assert hints(known, spots(here=1, far=1), known.taxi_ids, {}, Advice(farthest_m=2_000)) == ()
    assert hints(known, spots(here=1, far=1), known.taxi_ids, {}, Advice(shortest_m=9_000)) == ()


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(0, 40))
def test_only_idle_taxis_are_sent_and_no_cell_gets_more_than_its_share(seed: int, taxis: int, cells: int):
    rng = np.random.default_rng(seed)
    state = rng.choice([State.VACANT, State.OCCUPIED, State.BOOKED], taxis)
    known = snapshot(np.zeros((0, 2)), even(taxis, rng), taxis_state=state, taxis_clear_s=rng.uniform(0, 1200, taxis))
    expected = {
        h3.latlng_to_cell(lat, lon, RESOLUTION): Spot(rng.random(), lat, lon) for lat, lon in even(cells, rng).tolist()
    }
    idle = {
        key for key, s in zip(known.taxi_ids, state.tolist(), strict=True) if s == State.VACANT and rng.random() < 0.7
    }
    found = hints(known, expected, idle, {}, Advice())
    assert hints(known, expected, idle, {}, Advice()) == found
    sent = [hint.taxi for hint in found]
    assert sorted(set(sent)) == sent
    assert set(sent) <= idle
    counted = int(((state == State.VACANT) | ((state == State.OCCUPIED) & (known.taxis["clear_s"] <= 600))).sum())
    wanted = shared_out(expected, counted, Advice().power)
    assert all(many <= wanted[cell] for cell, many in Counter(hint.cell for hint in found).items())
    assert all(1_000 <= hint.metres <= 8_000 for hint in found)
    assert known.now == NOW
