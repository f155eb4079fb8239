"""The live feed's WebSocket. What goes over it is in docs/live-feed.md."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from dashboard.gate import Entrant
from dashboard.parts import Parts, Process, Who
from dashboard.stream import Client
from tracking.errors import DatabaseAway
from tracking.people import whose

router = APIRouter()
SESSION_ENDED = 4401
BAD_MESSAGE = 1003
TOO_MANY = 1013
CHECK_S = 3.0
"""How often it is asked whether the log-in still stands."""
SEND_S = 20.0
"""A client that takes nothing for so long is gone."""


class _Close(Exception):
    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason


@router.websocket("/api/v1/live")
async def live(websocket: WebSocket, parts: Process, who: Who) -> None:
    """Every vehicle, a snapshot, then changes, until either side ends it or the log-in ends."""
    await websocket.accept()
    client = parts.feed.join()
    if client is None:
        await websocket.close(TOO_MANY, "too many live connections")
        return
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_send(websocket, parts, client), name="live: to a client")
            tasks.create_task(_hear(websocket, client), name="live: from a client")
            tasks.create_task(_check(parts, who), name="live: its log-in")
    except* _Close as closed:
        first = closed.exceptions[0]
        assert isinstance(first, _Close)
        with suppress(RuntimeError, WebSocketDisconnect):
            await websocket.close(first.code, first.reason)
    except* (WebSocketDisconnect, TimeoutError):
        pass
    finally:
        parts.feed.leave(client)


async def _send(websocket: WebSocket, parts: Parts, client: Client) -> None:
    while True:
        for frame in await client.next(parts.feed):
            async with asyncio.timeout(SEND_S):
                await (websocket.send_text(frame) if isinstance(frame, str) else websocket.send_bytes(frame))


async def _hear(websocket: WebSocket, client: Client) -> None:
    """A client that noticed a gap says so."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        try:
            wanted = json.loads(message.get("text") or "")["type"]
        except (ValueError, LookupError, TypeError) as error:
            raise _Close(BAD_MESSAGE, 'not understood; there is {"type": "resync"}') from error
        if wanted != "resync":
            raise _Close(BAD_MESSAGE, f"unknown message {str(wanted)[:40]!r}")
        client.resynchronise()


async def _check(parts: Parts, who: Entrant) -> None:
    """End with the log-in. While the database is away nobody can end one, so the connection stays."""
    while True:
        await asyncio.sleep(CHECK_S)
        try:
            async with parts.database.connection() as db:
                account = await whose(db, who.token)
        except DatabaseAway:
            continue
        if account is None:
            raise _Close(SESSION_ENDED, "the log-in has ended")
