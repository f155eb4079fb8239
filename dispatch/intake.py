"""Whether a call can be taken, in words that a call-taker can read aloud, Chinese and English.

A refusal ends it; a warning is read to the caller, who may insist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.booking import Place
from dispatch.clock import CITY
from dispatch.sphere import distance_m

Ring = Sequence[tuple[float, float]]
"""Corners (lat, lon) of an area, in degrees; the last is joined to the first."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the centre takes.

    area      where it fetches people, empty = anywhere;  seats of its largest and of its usual taxis
    late      how long ago a wanted time may be: people speak slowly;  ahead  how long before a call may come
    same_m    and same_within: two calls of one phone so near each other are taken for the same wish
    """

    area: Ring = ()
    largest: int = 6
    usual: int = 4
    most: int = 40
    late: timedelta = timedelta(minutes=5)
    ahead: timedelta = timedelta(days=30)
    same_m: float = 500.0
    same_within: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller said. phone: any text that stands for the number, the same for the same number; "" = withheld."""

    pick_up: Place | None
    wanted: datetime | None = None
    passengers: int = 1
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """An open booking of the same or another phone. when: wanted, or called where it is for now."""

    id: str
    phone: str
    pick_up: Place
    when: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """code is stable; refused: it ends here; booking: the one that is meant, of a second call."""

    code: str
    refused: bool
    zh: str
    en: str
    booking: str = ""


def review(request: Request, rules: Rules, known: Iterable[Known], now: datetime) -> list[Finding]:
    """Everything that speaks against it, refusals first; an empty list is a booking that can be taken."""
    found = [*_place(request, rules), *_time(request, rules, now), *_party(request, rules)]
    found += _again(request, rules, known, now)
    return sorted(found, key=lambda finding: not finding.refused)


def _place(request: Request, rules: Rules) -> Iterator[Finding]:
    place = request.pick_up
    if place is None or not place.name.strip():
        yield Finding(
            "no_place", True, "请问您在什么位置上车？请告诉我路名、小区或附近的标志建筑。",
            "Where shall the taxi pick you up? A street, an estate or a landmark nearby, please.",
        )  # fmt: skip
    elif rules.area and not inside(place.lat, place.lon, rules.area):
        yield Finding(
            "out_of_area", True, f"很抱歉，“{place.name}”不在我们的服务区域内，无法为您派车。",
            f"We are sorry: {place.name} is outside our service area, we cannot send a taxi there.",
        )  # fmt: skip


def _time(request: Request, rules: Rules, now: datetime) -> Iterator[Finding]:
    wanted = request.wanted
    if wanted is None:
        return
    clock, today = wanted.astimezone(CITY), now.astimezone(CITY)
    if wanted < now - rules.late:
        yield Finding(
            "past", True,
            f"您说的时间是{clock.month}月{clock.day}日{clock:%H:%M}，已经过去了，现在是{today:%H:%M}。请问您要什么时候用车？",
            f"{clock:%H:%M on %d %B} is over, it is {today:%H:%M} now. When do you need the taxi?",
        )  # fmt: skip
    elif wanted > now + rules.ahead:
        yield Finding(
            "too_early", True, f"我们只接受{rules.ahead.days}天以内的预约。",
            f"We take bookings for the next {rules.ahead.days} days only.",
        )  # fmt: skip


def _party(request: Request, rules: Rules) -> Iterator[Finding]:
    people = request.passengers
    if people < 1:
        yield Finding("nobody", True, "请问一共几位乘车？", "How many people will travel?")
    elif people >= rules.most:
        yield Finding(
            "too_many", True, f"{people}位乘客出租车无法安排，建议您联系客运公司租用大巴。",
            f"We cannot take {people} people by taxi. Please ask a coach company.",
        )  # fmt: skip
    elif people > rules.largest:
        cars = -(-people // rules.usual)
        yield Finding(
            "several_taxis", False, f"{people}位乘客需要{cars}辆车，我为您分别下{cars}个订单，可以吗？",
            f"{people} people need {cars} taxis. Shall I book {cars} for you?",
        )  # fmt: skip


def _again(request: Request, rules: Rules, known: Iterable[Known], now: datetime) -> Iterator[Finding]:
    when = request.wanted or now
    for other in known:
        same = bool(request.phone) and other.phone == request.phone and abs(other.when - when) <= rules.same_within
        if same and (request.pick_up is None or _near(request.pick_up, other.pick_up, rules.same_m)):
            clock = other.when.astimezone(CITY)
            yield Finding(
                "twice", False,
                f"您在{clock:%H:%M}已经有一个从“{other.pick_up.name}”出发的订单，我们正在处理。需要再叫一辆车吗？",
                f"You already have a booking from {other.pick_up.name} at {clock:%H:%M}, and we are on it. "
                "Do you need a second taxi?",
                other.id,
            )  # fmt: skip
            return


def _near(one: Place, other: Place, within_m: float) -> bool:
    return distance_m(one.lat, one.lon, other.lat, other.lon) <= within_m


def inside(lat: float, lon: float, ring: Ring) -> bool:
    """Whether a point lies in an area: a ray to the east crosses its border an odd number of times."""
    odd = False
    for n, (lat_1, lon_1) in enumerate(ring):
        lat_2, lon_2 = ring[n - 1]
        if (lat_1 > lat) != (lat_2 > lat) and lon < lon_1 + (lat - lat_1) / (lat_2 - lat_1) * (lon_2 - lon_1):
            odd = not odd
    return odd
