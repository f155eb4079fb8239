"""A centre for tests: bus, writer and gateway as processes, what may be said through them, and what they remember."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import psycopg
from nats.errors import NoRespondersError

from gateway import command
from gateway.bus import COMMAND_SUBJECT, COUNTS_SUBJECT
from tests import stack


@dataclass
class Centre:
    var: Path
    bus: stack.Bus
    process: stack.GatewayProcess
    database: str

    def say(self, wanted: command.Command, **more: Any) -> dict[str, Any]:
        """What the gateway answers to a command on the bus."""
        data = {"command": command.to_plain(wanted), "actor": "test", **more}
        return self._asked(json.dumps(data).encode())

    def hears(self) -> bool:
        """Whether the gateway takes commands, which it does some time after it takes connections."""
        try:
            return bool(self._asked(b""))
        except NoRespondersError:
            return False

    def counted(self) -> dict[str, Any]:
        """The counts of all gateways."""
        return self._asked(b"", COUNTS_SUBJECT)

    def _asked(self, payload: bytes, subject: str = COMMAND_SUBJECT) -> dict[str, Any]:
        """In a thread of its own, since the test's may have a loop already."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(self._ask(payload, subject))).result()

    async def _ask(self, payload: bytes, subject: str) -> dict[str, Any]:
        client = await nats.connect(self.bus.url)
        try:
            answer = await client.request(subject, payload, timeout=10)
        finally:
            await client.close()
        told: dict[str, Any] = json.loads(answer.data)
        return told

    def steps(self, key: str, last: str) -> list[tuple[str, str]]:
        """(state, result) of a command's steps as the history has them, once the last one is there."""
        with psycopg.connect(self.database, autocommit=True) as db:

            def found() -> list[tuple[str, str]] | None:
                rows = db.execute(
                    "SELECT state, result FROM command_step WHERE command_id = %s ORDER BY at", (key,)
                ).fetchall()
                return rows if rows and rows[-1][0] == last else None

            return stack.eventually(found, f"command {key} becomes {last}")

    def reports(self, kind: str, **equal: Any) -> list[dict[str, Any]]:
        """What terminals have said of a kind, as the history has it, in the order in which it came."""
        query = (
            "SELECT report FROM message, jsonb_array_elements(reports) report"
            " WHERE report->>'kind' = %s AND report @> %s::jsonb ORDER BY received"
        )
        with psycopg.connect(self.database, autocommit=True) as db:
            return [report for (report,) in db.execute(query, (kind, json.dumps(equal))).fetchall()]


@contextmanager
def centre(
    var: Path, database: str, roll: Sequence[str], phones: Mapping[str, str] | None = None, **settings: str
) -> Iterator[Centre]:
    """roll: lines as `stack.enrol` takes them; phones: passwords by number; settings: of the gateway."""
    stack.enrol(var, roll)
    with (
        stack.bus(var, phones) as bus,
        stack.writer(var, database, poll_s="0.02"),
        stack.gateway(
            var, bus_url=bus.url, mqtt_url=bus.mqtt_url if phones else "", **{"answer_s": "1", **settings}
        ) as process,
    ):
        told = Centre(var, bus, process, database)
        stack.eventually(told.hears, "the gateway hears commands")
        yield told
