"""Which fixes' places are believed, and over which hops a car has moved at all.

A fix whose place is not believed still tells what the meter said: it is left out of lengths only.
A *hop* lies between two fixes that follow each other; hop i is from fix i to fix i + 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tracking import ground
from tracking.trips.fixes import Bools, Fixes, Floats, Index


@dataclass(frozen=True, slots=True)
class Limits:
    """fastest       m/s: quicker hops are impossible
    slack         m that a hop may be longer than that: receivers scatter
    displaced_s   no receiver errs by so much for longer: where two places contradict each other, both stay
    outvoted      at an end of the track, so many times more fixes must speak against those that go
    frozen_speed  m/s: who reports this much at the very place of the fix before has a receiver that hangs
    still_speed   m/s: below it a car stands
    still_reach   m: as far as a standing car's fixes scatter
    """

    fastest: float = 50.0
    slack: float = 150.0
    displaced_s: float = 600.0
    outvoted: int = 8
    frozen_speed: float = 3.0
    still_speed: float = 0.5
    still_reach: float = 50.0


LIMITS = Limits()


def believed(fixes: Fixes, limits: Limits = LIMITS) -> Bools:
    """Whether each fix's place is believed; `fixes` in order. Shape (n,)."""
    good: Bools = np.isfinite(fixes.lat) & np.isfinite(fixes.lon) & ((fixes.lat != 0) | (fixes.lon != 0))
    good &= ~_frozen(fixes, limits)
    placed = np.flatnonzero(good)
    part = fixes if placed.size == len(fixes) else fixes.at(placed)
    good[placed[_displaced(part, limits)]] = False
    return good


def _frozen(fixes: Fixes, limits: Limits) -> Bools:
    """The very place of the fix before, at speed: in a tunnel many terminals repeat the last place."""
    frozen = np.zeros(len(fixes), bool)
    same = (fixes.vehicle[1:] == fixes.vehicle[:-1]) & (fixes.lat[1:] == fixes.lat[:-1])
    np.logical_and(same & (fixes.lon[1:] == fixes.lon[:-1]), fixes.speed[1:] > limits.frozen_speed, out=frozen[1:])
    return frozen


def _displaced(placed: Fixes, limits: Limits) -> Index:
    """Fixes that lie where the car cannot have been.

    Impossible hops cut a vehicle's fixes into blocks. A short block goes when the one before it and the one after
    it fit together and hold more fixes; at an end of the track, when its only neighbour holds many times more.
    """
    most = np.diff(placed.time) * (limits.fastest / 1e6) + limits.slack
    impossible = ground.hops(placed.lat, placed.lon) > most
    impossible &= placed.vehicle[1:] == placed.vehicle[:-1]
    (cuts,) = np.nonzero(impossible)
    if not cuts.size:
        return cuts
    changes = np.flatnonzero(placed.vehicle[1:] != placed.vehicle[:-1])
    cuts = np.union1d(cuts, changes) + 1
    starts, ends = np.concatenate(([0], cuts)), np.concatenate((cuts, [len(placed)]))
    blocks = [Block(placed, int(a), int(b)) for a, b in zip(starts, ends, strict=True)]
    return np.concatenate([starts[:0], *(np.arange(b.start, b.end) for b in _outvoted(blocks, limits))])


class Block:
    """Fixes `start` to `end` - 1 of one vehicle, which fit together."""

    def __init__(self, fixes: Fixes, start: int, end: int) -> None:
        self.start, self.end, self.size = start, end, end - start
        self.vehicle = int(fixes.vehicle[start])
        self._head, self._tail = _place(fixes, start), _place(fixes, end - 1)

    @property
    def seconds(self) -> float:
        return (self._tail[0] - self._head[0]) / 1e6

    def leads_to(self, other: Block, limits: Limits) -> bool:
        """Whether a car can have driven from the last fix here to the first one there."""
        (t, lat, lon), (to_t, to_lat, to_lon) = self._tail, other._head
        return ground.metres(lat, lon, to_lat, to_lon) <= limits.fastest * (to_t - t) / 1e6 + limits.slack


def _place(fixes: Fixes, at: int) -> tuple[int, float, float]:
    return int(fixes.time[at]), float(fixes.lat[at]), float(fixes.lon[at])


def _outvoted(blocks: Sequence[Block], limits: Limits) -> Iterator[Block]:
    """The blocks that go: each is held against the last one that stays and the next one."""
    last: Block | None = None
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        before = last if last and last.vehicle == block.vehicle else None
        after = following if following and following.vehicle == block.vehicle else None
        if _goes(before, block, after, limits):
            yield block
        else:
            last = block


def _goes(before: Block | None, block: Block, after: Block | None, limits: Limits) -> bool:
    if block.seconds > limits.displaced_s or (before and before.leads_to(block, limits)):
        return False  # it stays, or what stood between them has gone
    if before and after:
        return before.leads_to(after, limits) and block.size < before.size + after.size
    neighbour = before or after
    return neighbour is not None and block.size * limits.outvoted < neighbour.size


def lengths(fixes: Fixes, limits: Limits = LIMITS) -> tuple[Floats, Bools]:
    """Metres of each hop between believed fixes in order, and whether the car stood; shapes (n - 1,).

    A standing car's fixes wander about: such hops are 0 m long. Where no speed is reported, the way from fix to
    fix tells.
    """
    metres = ground.hops(fixes.lat, fixes.lon)
    stood = metres < limits.still_reach
    near = np.flatnonzero(stood)
    told = np.fmax(fixes.speed[near + 1], fixes.speed[near])
    seconds = np.maximum(fixes.time[near + 1] - fixes.time[near], 1) / 1e6
    stood[near] = np.where(np.isnan(told), metres[near] / seconds, told) < limits.still_speed
    metres[stood] = 0.0
    return metres, stood
