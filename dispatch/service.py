"""The dispatch process: follows the feed, answers who is near, tells how supply lies in the city.

Subjects: `taxihub.supply.nearest` takes {"lat","lon","count"} and answers a list of candidates, or
{"error"}; `taxihub.supply.cells` carries {"at","resolution","cells":{cell:vacant}} every few seconds.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime

import orjson
import structlog

from dispatch.cells import RESOLUTION
from dispatch.loop import Loop
from dispatch.supply import Supply
from gateway.bus import COMMAND_STATE_SUBJECT, FIX_SUBJECT, REPORT_SUBJECT, Bus
from gateway.report import FixBatch

log = structlog.get_logger()
NEAREST_SUBJECT = "taxihub.supply.nearest"
CELLS_SUBJECT = "taxihub.supply.cells"
TELL_S = 5.0
MOST = 100


async def serve(bus: Bus, supply: Supply, loop: Loop, stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(bus.run(), name="bus"),
            group.create_task(_follow(bus, supply), name="follow"),
            group.create_task(_answer(bus, supply), name="nearest"),
            group.create_task(_tell(bus, supply), name="cells"),
            group.create_task(_hear(bus, REPORT_SUBJECT, b'"order_answer"', loop), name="answers"),
            group.create_task(_hear(bus, COMMAND_STATE_SUBJECT, b"saying-", loop), name="fates"),
            group.create_task(loop.run(), name="bookings"),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _follow(bus: Bus, supply: Supply) -> None:
    async with bus.subscribe(FIX_SUBJECT) as messages:
        async for message in messages:
            try:
                supply.apply(FixBatch.from_bytes(message.payload), datetime.now(UTC))
            except ValueError as error:
                log.warning("live feed: message refused", cause=str(error))


async def _hear(bus: Bus, subject: str, sign: bytes, loop: Loop) -> None:
    """Word that drivers have answered; what they said is read from the history."""
    async with bus.subscribe(subject) as messages:
        async for message in messages:
            if sign in message.payload:
                loop.heard()


async def _answer(bus: Bus, supply: Supply) -> None:
    async with bus.subscribe(NEAREST_SUBJECT) as messages:
        async for message in messages:
            await message.respond(json.dumps(nearest(supply, message.payload, datetime.now(UTC))).encode())


def nearest(supply: Supply, payload: bytes, now: datetime) -> object:
    """One question -> its answer, as they stand on the bus."""
    try:
        asked = orjson.loads(payload)
        lat, lon, count = float(asked["lat"]), float(asked["lon"]), int(asked.get("count", 5))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        return {"error": f'{{"lat","lon","count"}} is expected: {error}'}
    if not (-90 <= lat <= 90 and -180 <= lon <= 180 and 1 <= count <= MOST):
        return {"error": f"lat within -90..90, lon within -180..180, count within 1..{MOST}"}
    return [asdict(candidate) for candidate in supply.nearest(lat, lon, count, now)]


async def _tell(bus: Bus, supply: Supply) -> None:
    while True:
        await asyncio.sleep(TELL_S)
        now = datetime.now(UTC)
        if gone := supply.forget_stale(now):
            log.info("taxis went silent", count=gone)
        cells = {f"{cell:x}": vacant for cell, vacant in supply.cells().items()}
        told = {"at": now.isoformat(), "resolution": RESOLUTION, "cells": cells}
        await bus.publish(CELLS_SUBJECT, json.dumps(told).encode())
