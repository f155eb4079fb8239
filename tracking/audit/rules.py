"""The rules themselves: a trip and an edition of thresholds in, findings out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracking.audit.finding import Finding, Level, Rule, Trip
from tracking.audit.thresholds import Edition, Excess


def audit(trip: Trip, edition: Edition) -> Iterator[Finding]:
    """What is to be said of a trip; nothing where the evidence does not carry it."""
    if not _carries(trip, edition):
        return
    if trip.options:
        yield from _excess(Rule.DETOUR, trip, trip.matched, max(trip.options), edition.detour, edition)
    if trip.metered is not None:
        yield from _excess(Rule.OVERCHARGE, trip, trip.metered, trip.matched, edition.overcharge, edition)


def _carries(trip: Trip, edition: Edition) -> bool:
    """No long silence, no hole, a sure route, and one that the fixes themselves follow.

    A route much longer than the line along its fixes is more likely matched wrong than driven.
    """
    evidence = edition.evidence
    return (
        trip.longest_gap <= evidence.longest_gap_s
        and trip.unbridged == 0
        and trip.confidence >= evidence.confidence
        and trip.matched <= evidence.track_ratio * trip.track
    )


def _excess(
    rule: Rule, trip: Trip, measured: float, allowed: float, levels: Mapping[Level, Excess], edition: Edition
) -> Iterator[Finding]:
    """The gravest level that is reached, if any."""
    for level in (Level.NOTIFY, Level.LEAD):
        excess = levels.get(level)
        if excess and measured > excess.ratio * allowed and measured - allowed > excess.more_m:
            yield Finding(
                rule=rule, level=level, measured=measured, allowed=allowed, confidence=trip.confidence,
                thresholds=excess.model_dump(), edition=edition.since.isoformat(), fixes=trip.fixes,
            )  # fmt: skip
            return
