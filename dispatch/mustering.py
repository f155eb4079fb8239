"""Musters worked off: answers and silences followed, more drivers asked, arrivals and departures seen from fixes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import structlog

from dispatch import musters
from dispatch.clock import LONG_AGO
from dispatch.errors import MusterError
from dispatch.gathering import AWAY_M, COUNTED, THERE_M, Part, Turn, to_ask
from dispatch.match.snapshot import State
from dispatch.musters import SYSTEM, Member, Muster
from dispatch.scene import Scene
from dispatch.sphere import distances_m
from dispatch.ways import Ways
from tracking.database import Connection

log = structlog.get_logger()


@dataclass
class Mustering:
    """every: so often;  think: how long a driver may;  far: how far back answers are looked for."""

    scene: Scene
    ways: Ways
    every: timedelta = timedelta(seconds=1)
    think: timedelta = timedelta(seconds=90)
    far: timedelta = timedelta(hours=6)
    _turned: datetime = LONG_AGO

    async def turn(self, db: Connection, now: datetime) -> None:
        for answer in await musters.answers(db, now - self.far):
            await musters.follow(db, answer, now)
        if now - self._turned < self.every:
            return
        self._turned = now
        for number, taxi in await musters.unanswered(db, now - self.think):
            await _try(db, number, taxi, Turn.LAPSE, now)
        for one in await musters.running(db):
            known = await musters.members(db, one.id)
            await self._follow_fixes(db, one, known, now)
            await self._ask(db, one, known, now)

    async def _follow_fixes(self, db: Connection, one: Muster, known: list[Member], now: datetime) -> None:
        ids, rows = self.scene.supply.taxis(now)
        index = {taxi: n for n, taxi in enumerate(ids)}
        metres = distances_m(one.place.lat, one.place.lon, rows["lat"], rows["lon"])
        for member in known:
            n = index.get(member.taxi)
            if n is None or member.part not in COUNTED or rows["fix_age_s"][n] > (now - member.changed).total_seconds():
                continue
            if rows["state"][n] in (State.OCCUPIED, State.OFF):
                why = "its meter is on" if rows["state"][n] == State.OCCUPIED else "off duty"
                await _try(db, one.id, member.taxi, Turn.LEAVE, now, why)
            elif member.part is Part.COMING and metres[n] <= THERE_M:
                await _try(db, one.id, member.taxi, Turn.ARRIVE, now)
            elif member.part is Part.THERE and metres[n] > AWAY_M:
                await _try(db, one.id, member.taxi, Turn.LEAVE, now, f"{metres[n]:.0f} m away")

    async def _ask(self, db: Connection, one: Muster, known: list[Member], now: datetime) -> None:
        parts = np.array([member.part for member in known])
        lacking, asked = one.cars - int(np.isin(parts, list(COUNTED)).sum()), int((parts == Part.ASKED).sum())
        if lacking <= asked:
            return
        snapshot = await self.scene.snapshot(db, [], now)
        limits, before = self.scene.rules.policy.limits, frozenset(member.taxi for member in known)

        def choose() -> list[str]:
            return to_ask(snapshot, one.place, lacking, asked, before, self.ways.at(now, 1), limits)

        found = await asyncio.to_thread(choose)
        try:
            if found and (many := await musters.ask(db, one, found, now)):
                log.info("drivers are called to a muster", muster=one.id, asked=many, lacking=lacking)
        except MusterError as error:  # it was closed in between
            log.info("nobody is asked", muster=one.id, cause=str(error))


async def _try(db: Connection, number: int, taxi: str, turn: Turn, now: datetime, reason: str = "") -> None:
    try:
        await musters.happen(db, number, taxi, turn, SYSTEM, now, reason)
    except MusterError as error:  # somebody else was quicker
        log.info("did not happen", muster=number, taxi=taxi, cause=str(error))
