"""Passengers who telephone: they call the bureau's desk over its API, wait, give up, and come to the door or do not.

The desk's side of each call is played too: a place is looked up as the caller says it, warnings are
read and insisted on, and a driver at whose taxi nobody appears rings up the dispatcher.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import structlog

from gateway.wire.clocks import CHINA
from simulator.demand import Demand
from simulator.gazetteer import Place
from simulator.plane import Plane
from simulator.riders import Rider, Riders, comes, draw

log = structlog.get_logger()
TAKER, DISPATCHER = "call_taker", "dispatcher"
LOOK_S, RETRY_S, ANSWER_S, STATUS_S = 3.0, 2.0, 10.0, 60.0
AHEAD, AHEAD_S = 0.08, (25 * 60.0, 60 * 60.0)
"""Share of calls for later, and for how much later."""
STANDS_M = 25.0
"""How far around the place that he names a passenger stands."""
NOBODY_S = 180.0
"""After which a driver at the door rings up because nobody comes."""
CALLERS = 4000
"""Telephones in the city; some call again and again."""
UNPROMISED, UNMET = ("waiting", "offered"), ("accepted", "en_route")


class Desk:
    """The bureau's API, with a log-in for each role. One that is away is waited for, and asked again with the same key.

    logins: role -> (user, password)
    """

    def __init__(self, url: str, logins: Mapping[str, tuple[str, str]]) -> None:
        self._logins, self._tokens = logins, dict[str, str]()
        self._client = httpx.AsyncClient(base_url=url, timeout=ANSWER_S)

    async def ask(self, role: str, method: str, path: str, **more: Any) -> httpx.Response:
        """Any answer but "log in first" and "come back later"."""
        headers = more.pop("headers", {})
        while True:
            try:
                token = self._tokens.get(role) or await self._log_in(role)
                bearer = {"Authorization": f"Bearer {token}"}
                answer = await self._client.request(method, path, headers=headers | bearer, **more)
                if answer.status_code == httpx.codes.UNAUTHORIZED:
                    self._tokens.pop(role, None)
                elif answer.status_code not in (429, 502, 503, 504):
                    return answer
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                log.info("the desk does not answer", cause=str(error) or type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def _log_in(self, role: str) -> str:
        user, password = self._logins[role]
        answer = await self._client.post("/api/v1/session", json={"user": user, "password": password})
        self._tokens[role] = str(answer.raise_for_status().json()["token"])
        return self._tokens[role]

    async def close(self) -> None:
        await self._client.aclose()


@dataclass(frozen=True, slots=True)
class Call:
    """A rider whose booking was taken. comes: to the door."""

    rider: Rider
    comes: bool


def wish(call: Call, booking: Mapping[str, Any], door_times: float, now: datetime) -> tuple[str, str, str] | None:
    """What has to be told to the desk: (role, event, reason). booking: as the API has it."""
    state, patience = booking["state"], call.rider.patience_s
    if state in UNPROMISED and booking["wait_s"] > patience:
        return TAKER, "cancel", "乘客来电：等不及了"
    since_s = (now - datetime.fromisoformat(booking["changed"])).total_seconds()
    if state in UNMET and since_s > door_times * patience:
        return TAKER, "cancel", "乘客来电：车一直没到"
    if state == "arrived" and not call.comes and since_s > NOBODY_S:
        return DISPATCHER, "miss", "司机来电：无人上车"
    return None


@dataclass
class Callers:
    """The passengers of a city who call, from now on.

    plane  of the demand's points, which are those of the places;  per_h  riders in the busiest hour
    counts  what has come of it
    """

    desk: Desk
    places: Sequence[Place]
    demand: Demand
    plane: Plane
    riders: Riders
    per_h: float
    rng: np.random.Generator
    counts: Counter[str] = field(default_factory=Counter)
    _waiting: dict[int, Call] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._look(), name="callers look after their bookings")
                group.create_task(self._tell(), name="status")
                while True:
                    await self._hour(group)
        finally:
            await self.desk.close()

    async def _hour(self, group: asyncio.TaskGroup) -> None:
        """Everybody who calls within the next hour, each at his time."""
        clock, loop = datetime.now(CHINA), asyncio.get_running_loop()
        begin, hour = loop.time(), clock.hour + clock.minute / 60
        for rider in draw(self.riders, self.demand, self.per_h, (hour, hour + 1), self.rng):
            await asyncio.sleep(max(0.0, begin + rider.at_s - loop.time()))
            if not rider.waves:
                group.create_task(self._call(rider), name="call")
        await asyncio.sleep(max(0.0, begin + 3600 - loop.time()))

    async def _call(self, rider: Rider) -> None:
        start, goal = self._near(rider.start), self._near(rider.goal)
        door = await self._place(start)
        if door is None:
            self.counts["refused"] += 1
            return
        east, north = self.rng.normal(0, STANDS_M, 2)
        lat, lon = self.plane.degrees(self.plane.point(door["lat"], door["lon"]) + complex(east, north))
        lat, lon = round(lat, 4), round(lon, 4)
        said: dict[str, Any] = {
            "pick_up": {"name": door["name"], "lat": lat, "lon": lon}, "phone": self._phone(),
            "priority": int(rider.elderly), "channel": "online" if rider.online else "phone",
        }  # fmt: skip
        if rider.tells:
            said["destination"] = {"name": goal.name, "lat": goal.lat, "lon": goal.lon}
        if self.rng.random() < AHEAD:
            later = timedelta(seconds=float(self.rng.uniform(*AHEAD_S)))
            said["wanted"] = (datetime.now(UTC) + later).isoformat(timespec="seconds")
        if (number := await self._book(said)) is not None:
            self._waiting[number] = Call(rider, comes(lat, lon, self.riders.no_show))

    def _near(self, point: complex) -> Place:
        return self.places[int(np.abs(self.demand.points - point).argmin())]

    def _phone(self) -> str:
        """A landline of Kunshan of a range that nobody has."""
        return f"05122{int(self.rng.integers(CALLERS)):07d}"

    async def _place(self, place: Place) -> dict[str, Any] | None:
        """As the desk's gazetteer knows it."""
        answer = await self.desk.ask(TAKER, "GET", "/api/v1/places", params={"q": place.name[:40], "limit": 1})
        found: list[dict[str, Any]] = answer.json()["items"] if answer.is_success else []
        return found[0] if found else None

    async def _book(self, said: dict[str, Any]) -> int | None:
        """Warnings are insisted on; a refusal is the end of it."""
        for insists in (False, True):
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            answer = await self.desk.ask(
                TAKER, "POST", "/api/v1/bookings", json=said | {"insist": insists}, headers=headers
            )
            if answer.is_success:
                self.counts["called"] += 1
                return int(answer.json()["booking"]["id"])
            if answer.status_code != httpx.codes.CONFLICT:
                break
        self.counts["refused"] += 1
        log.info("call refused", status=answer.status_code, answer=answer.text[:300])
        return None

    async def _look(self) -> None:
        """Now and then, how each booking stands; those that are over are forgotten."""
        while True:
            await asyncio.sleep(LOOK_S)
            before = list(self._waiting)
            standing = {one["id"]: one for one in await self._open()}
            for number in before:
                call, booking = self._waiting.pop(number), standing.get(number)
                if booking is None:
                    continue
                self._waiting[number] = call
                if (told := wish(call, booking, self.riders.door_times, datetime.now(UTC))) is not None:
                    await self._ring_up(number, *told)

    async def _open(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        params: dict[str, Any] = {"state": "open", "limit": 1000}
        while True:
            page = (await self.desk.ask(TAKER, "GET", "/api/v1/bookings", params=params)).raise_for_status().json()
            found += page["items"]
            if page["next"] is None:
                return found
            params["before"] = page["next"]

    async def _ring_up(self, number: int, role: str, event: str, reason: str) -> None:
        path, told = f"/api/v1/bookings/{number}/events", {"event": event, "reason": reason}
        if (await self.desk.ask(role, "POST", path, json=told)).is_success:
            self.counts["cancelled" if event == "cancel" else "missed"] += 1
            self._waiting.pop(number, None)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(STATUS_S)
            log.info("callers", open=len(self._waiting), **self.counts)
