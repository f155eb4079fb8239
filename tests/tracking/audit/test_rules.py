"""The audit's rules: both thresholds must be broken, and never on weak evidence."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.audit.finding import Level, Rule, Trip
from tracking.audit.rules import audit
from tracking.audit.thresholds import FILE, ThresholdsError, editions, valid

DAY = date(2026, 11, 25)
HONEST = Trip(
    start=datetime(2026, 11, 25, tzinfo=UTC), matched=6_000, track=5_800, confidence=0.95, longest_gap=20, unbridged=0,
    options=(5_500, 6_100, 5_200), metered=6_100, fixes=(datetime(2026, 11, 25, tzinfo=UTC),),
)  # fmt: skip


def found(trip: Trip) -> dict[Rule, Level]:
    return {finding.rule: finding.level for finding in audit(trip, valid(DAY))}


def longer(metres: float) -> Trip:
    return replace(HONEST, matched=metres, track=metres * 0.97, metered=metres)


@pytest.mark.parametrize(
    ("trip", "expected"),
    [
        (HONEST, {}),
        (longer(7_900), {}),
        (longer(8_000), {Rule.DETOUR: Level.LEAD}),
        (longer(12_000), {Rule.DETOUR: Level.NOTIFY}),
        (replace(longer(1_900), options=(1_000,)), {}),
        (replace(HONEST, metered=6_310), {Rule.OVERCHARGE: Level.LEAD}),
        (replace(HONEST, metered=7_100), {Rule.OVERCHARGE: Level.NOTIFY}),
        (replace(HONEST, metered=6_290), {}),
        (replace(longer(30_000), options=()), {}),
        (replace(longer(12_000), metered=None), {Rule.DETOUR: Level.NOTIFY}),
        (replace(longer(12_000), metered=14_000), {Rule.DETOUR: Level.NOTIFY, Rule.OVERCHARGE: Level.NOTIFY}),
    ],
)
def test_a_finding_needs_ratio_and_metres(trip: Trip, expected: dict[Rule, Level]):
    assert found(trip) == expected


@pytest.mark.parametrize(
    "weak", [{"longest_gap": 61.0}, {"unbridged": 300.0}, {"confidence": 0.69}, {"track": 9_000.0}]
)
def test_weak_evidence_says_nothing(weak: dict[str, float]):
    assert found(longer(12_000))
    assert found(replace(longer(12_000), **weak)) == {}


@given(
    st.floats(100, 50_000), st.lists(st.floats(100, 50_000), min_size=1, max_size=4), st.floats(0, 1),
    st.floats(0, 200), st.floats(0, 500),
)  # fmt: skip
def test_who_drove_no_longer_than_a_sensible_way_is_never_blamed(matched, options, confidence, gap, unbridged):
    trip = replace(
        HONEST, matched=matched, track=matched, metered=matched, options=[*options, matched], confidence=confidence,
        longest_gap=gap, unbridged=unbridged,
    )  # fmt: skip
    assert found(trip) == {}


def test_a_finding_names_its_rule_thresholds_edition_and_fixes():
    (finding,) = audit(longer(12_000), valid(DAY))
    assert (finding.measured, finding.allowed, finding.edition) == (12_000, 6_100, "2026-01-01")
    assert finding.thresholds == {"ratio": 1.6, "more_m": 2500.0}
    assert (finding.fixes, finding.confidence) == (HONEST.fixes, 0.95)


def test_a_trip_is_judged_by_the_edition_of_its_day(tmp_path: Path):
    text = FILE.read_text("utf-8")
    newer = text.replace("2026-01-01", "2026-06-01").replace("ratio = 1.3 ", "ratio = 1.5 ")
    (tmp_path / "two.toml").write_text(newer + "\n" + text, "utf-8")
    two = editions(tmp_path / "two.toml")
    assert [valid(day, two).detour[Level.LEAD].ratio for day in (date(2026, 5, 31), date(2026, 6, 1))] == [1.3, 1.5]
    with pytest.raises(ThresholdsError, match="2025-12-31"):
        valid(date(2026, 1, 1) - timedelta(days=1), two)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("ratio = 1.3 ", "ratio = 0.3 "), "edition.0.detour.lead.ratio"),
        (("longest_gap_s", "longest_gap"), "edition.0.evidence.longest_gap"),
        (("[edition.detour.lead]", "[edition.detour.maybe]"), "edition.0.detour.maybe"),
        (("[[edition]]", "[[edition"), "thresholds.toml"),
    ],
)
def test_a_wrong_file_is_named_with_its_entry(tmp_path: Path, change: tuple[str, str], told: str):
    path = tmp_path / "thresholds.toml"
    path.write_text(FILE.read_text("utf-8").replace(*change), "utf-8")
    with pytest.raises(ThresholdsError, match=told):
        editions(path)
    with pytest.raises(ThresholdsError, match="none"):
        editions(tmp_path / "none.toml")
