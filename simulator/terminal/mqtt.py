"""A device that publishes JSON fixes on `taxihub/<terminal>/fix` at QoS 1, through any MQTT broker.

With a log-in it is its driver's phone, too, and takes orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice

import aiomqtt
import orjson
import structlog

from gateway.report import Position, Status, names
from simulator.danger import Hazard
from simulator.terminal.backoff import Backoff
from simulator.terminal.car import Car, Occurrence
from simulator.terminal.phone import Phone
from simulator.terminal.reach import Reach
from simulator.terminal.store import Fix, Store, Witness

log = structlog.get_logger()
BATCH_MOST = 50
HELLO_S = 60.0


def body_of(position: Position) -> bytes:
    """Position -> one JSON fix, the inverse of the gateway's translation."""
    return orjson.dumps(
        {
            "time": position.time.isoformat(),
            "lat": round(position.lat, 6),
            "lon": round(position.lon, 6),
            "speed_kmh": None if position.speed is None else round(position.speed * 3.6, 1),
            "course_deg": None if position.course is None else round(position.course) % 360,
            "altitude_m": position.altitude,
            "odometer_km": None if position.odometer is None else round(position.odometer / 1000, 1),
            "satellites": position.satellites,
            "valid": Status.POSITIONED in position.status,
            "status": dict.fromkeys(names(position.status & ~Status.POSITIONED), True),
            "alarms": names(position.alarms),
        }
    )


@dataclass
class MqttTerminal:
    """number: the topic's middle level; answer_s: how long the broker may take to acknowledge.

    car and password: of a driver's phone, whose log-in is its number
    """

    key: str
    number: str
    reach: Reach
    backoff: Backoff
    witness: Witness
    answer_s: float = 10.0
    kept: int = 10_000
    car: Car | None = None
    password: str = ""
    phone: Phone | None = field(init=False, default=None)
    store: Store = field(init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.store = Store(self.kept)
        if self.car is not None and self.password:
            self.phone = Phone(self.car, self._later)

    @property
    def topic(self) -> str:
        return f"taxihub/{self.number}/fix"

    def record(self, position: Position, _hazard: Hazard | None = None) -> None:
        """A new fix: kept, and published as soon as there is a connection. It has no cameras."""
        if self.phone is not None and self.phone.won:
            position = replace(position, status=position.status | Status.BOOKED)
        _, gone = self.store.keep(Fix(position.time, body_of(position)))
        if gone is not None:
            self.witness.lost(gone)
        self._wake.set()

    def occurred(self, what: Occurrence) -> None:
        """A device that is no phone has neither meter nor keys."""
        if self.phone is not None:
            self.phone.occurred(what)
            self._wake.set()

    def _later(self, after_s: float, do: Callable[[], None]) -> None:
        def now() -> None:
            do()
            self._wake.set()

        asyncio.get_running_loop().call_later(after_s, now)

    def interval_s(self, _position: Position, usual_s: float) -> float:
        return usual_s

    async def run(self) -> None:
        """Connect and publish until cancelled."""
        while True:
            client = aiomqtt.Client(
                self.reach.host, self.reach.port, identifier=f"taxihub-{self.number}", timeout=self.answer_s,
                username=self.number if self.password else None, password=self.password or None,
            )  # fmt: skip
            try:
                async with client:
                    self.backoff.reset()
                    self.reach.reached(self.key)
                    async with asyncio.TaskGroup() as group:
                        if self.phone is not None:
                            await client.subscribe(f"taxihub/{self.number}/told")
                            self.phone.begin()
                            group.create_task(self._listen(client, self.phone), name=f"{self.key} listens")
                        group.create_task(self._publish(client), name=f"{self.key} publishes")
            except* (aiomqtt.MqttError, OSError) as errors:
                self.reach.failed(self.key, str(errors.exceptions[0]))
            await asyncio.sleep(self.backoff.next_s())

    async def _listen(self, client: aiomqtt.Client, phone: Phone) -> None:
        async for message in client.messages:
            phone.hear(bytes(message.payload) if isinstance(message.payload, bytes) else b"")
            self._wake.set()

    async def _publish(self, client: aiomqtt.Client) -> None:
        """The newest fix first, then what waits, oldest first, many in one message."""
        newest = self.store.newest()
        if newest is not None:
            await self._send(client, [newest])
        while True:
            self._wake.clear()
            while self.phone is not None and self.phone.letters:
                await client.publish(f"taxihub/{self.number}/said", self.phone.letters[0], qos=1)
                self.phone.letters.popleft()
            while keys := list(islice(self.store.waiting(), BATCH_MOST)):
                await self._send(client, keys)
            with suppress(TimeoutError):
                async with asyncio.timeout(HELLO_S if self.phone is not None else None):
                    await self._wake.wait()
                    continue
            if self.phone is not None:
                self.phone.say("hello")

    async def _send(self, client: aiomqtt.Client, keys: Sequence[int]) -> None:
        fixes = [self.store[key] for key in keys]
        for fix in fixes:
            self.witness.sent(fix)
        payload = fixes[0].body if len(fixes) == 1 else b"[" + b",".join(fix.body for fix in fixes) + b"]"
        await client.publish(self.topic, payload, qos=1)
        for fix in self.store.drop(keys):
            self.witness.acknowledged(fix)
