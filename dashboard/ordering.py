"""What the API says and takes about bookings. Field names carry their units; times are RFC 3339 in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from dashboard.schemas import Model, Moment, Text
from dispatch import booking as rules
from dispatch.booking import Event, State
from dispatch.desk import Listed
from dispatch.gathering import Part
from dispatch.match.snapshot import Ability
from dispatch.musters import Step as MusterPast
from dispatch.queries import Step
from dispatch.series import Series as KnownSeries

NEEDS = tuple(sorted(ability.lower() for ability in Ability.__members__))
EXAMPLE_PLACE = {"name": "昆山市第一人民医院", "lat": 31.3857, "lon": 120.9561, "note": "急诊门口"}
EXAMPLE_BOOKING: dict[str, Any] = {
    "id": 42, "state": "accepted", "changed": "2026-11-25T20:00:31Z", "created": "2026-11-25T20:00:12Z",
    "due": "2026-11-25T20:00:12Z", "wanted": None, "wait_s": 19.0, "channel": "phone", "pick_up": EXAMPLE_PLACE,
    "destination": None, "stops": [], "passengers": 1, "luggage": 0, "needs": [], "priority": 0, "rider": "",
    "account": "", "note": "", "zone": "", "phone": "138****5678", "plate": "苏E·T1024",
    "terminal": "jt905/100200000001", "since": "2026-11-25T20:00:31Z", "asked": [],
}  # fmt: skip
MOST_STOPS = 5


def _example(value: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", frozen=True, json_schema_extra={"example": value})


class Place(Model):
    model_config = _example(EXAMPLE_PLACE)

    name: Text = Field(max_length=80, description="Address or landmark")
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    note: Text = Field("", max_length=80, description="Gate, entrance, where to stand")

    def place(self) -> rules.Place:
        return rules.Place(self.name, self.lat, self.lon, self.note)


class NewBooking(Model):
    """A call. Without `wanted` it is for now; `phone` as it was said, without one it is withheld."""

    model_config = _example({"phone": "13812345678", "pick_up": EXAMPLE_PLACE, "passengers": 2})

    pick_up: Place
    destination: Place | None = None
    stops: list[Place] = Field([], max_length=MOST_STOPS)
    phone: Text = Field("", max_length=32)
    wanted: Moment | None = Field(None, description="When the passenger wants to leave")
    passengers: int = Field(1, ge=0, le=200)
    luggage: int = Field(0, ge=0, le=50)
    needs: list[Literal[NEEDS]] = Field([], description="What the car or its driver must be able to do")  # type: ignore[valid-type]
    priority: int = Field(0, ge=0, le=9, description="0 as everybody; the elderly 1, VIP 2 and more")
    rider: Text = Field("", max_length=40, description="Who travels, where the caller books for somebody else (代叫)")
    account: Text = Field("", max_length=40, description="Paying customer or VIP")
    preferred_driver: Text = Field("", max_length=40, description="Licence of the driver who is wished for")
    refused_drivers: list[Annotated[Text, Field(max_length=40)]] = Field([], max_length=20)
    note: Text = Field("", max_length=200)
    channel: Text = Field("phone", max_length=20, pattern=r"^[a-z_]+$")
    insist: bool = Field(False, description="The caller was read the warnings and insists")

    def booking(self, key: str, now: datetime) -> rules.Booking:
        needs = Ability(0)
        for name in self.needs:
            needs |= Ability[str(name).upper()]
        return rules.Booking(
            key=key, created=now, pick_up=self.pick_up.place(), wanted=self.wanted, needs=needs,
            destination=self.destination.place() if self.destination else None,
            stops=tuple(stop.place() for stop in self.stops), passengers=self.passengers, luggage=self.luggage,
            priority=self.priority, rider=self.rider, account=self.account, preferred_driver=self.preferred_driver,
            refused_drivers=frozenset(self.refused_drivers), note=self.note, channel=self.channel,
        )  # fmt: skip


class NewSeries(NewBooking):
    """A call for a booking that comes again: first when it is wanted, then by the rule at the same time of day."""

    model_config = _example({
        "phone": "13812345678", "pick_up": EXAMPLE_PLACE, "wanted": "2026-11-26T23:30:00Z",
        "rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;UNTIL=20271231",
    })  # fmt: skip

    rule: Text = Field(min_length=10, max_length=200, description="RFC 5545, daily, weekly or monthly")


class Turn(Model):
    """One of a series' days. note: why there is no booking on it; booking, state: once it is made out."""

    wanted: datetime
    booking: int | None
    state: State | None
    note: str


class SeriesStep(Model):
    at: datetime
    event: str
    day: date | None
    actor: str
    who: str
    reason: str


class Series(Model):
    id: int
    rule: str
    first: datetime
    created: datetime
    ended: datetime | None
    pick_up: Place
    destination: Place | None
    passengers: int
    needs: list[str]
    rider: str
    note: str
    phone: str = Field(description="Masked")


class SeriesPage(Model):
    items: list[Series]
    next: int | None = Field(description="`before` of the next page; null on the last")


class SeriesDetail(Model):
    series: Series
    turns: list[Turn] = Field(description="Days of the next weeks")
    past: list[SeriesStep]


class SeriesTaken(Model):
    """new: false when the same request had come before."""

    series: Series
    new: bool


class Ended(Model):
    left: list[int] = Field(description="Bookings that a taxi has already: they are not cancelled")


class Dates(Model):
    items: list[datetime]


class WantedSkip(Model):
    day: date = Field(description="On the city's clock")
    reason: Text = Field(min_length=2, max_length=200)


class WantedEnd(Model):
    reason: Text = Field(min_length=2, max_length=200)


class Booking(Model):
    """A booking as it stands. `phone` is masked; `asked`: plates of taxis that have the offer on their screens."""

    model_config = _example(EXAMPLE_BOOKING)

    id: int
    state: State
    changed: datetime
    created: datetime
    due: datetime = Field(description="When the search for a taxi begins")
    wanted: datetime | None
    wait_s: float = Field(description="How long it has been searched for, lost taxis included")
    channel: str
    pick_up: Place
    destination: Place | None
    stops: list[Place]
    passengers: int
    luggage: int
    needs: list[str]
    priority: int
    rider: str
    account: str
    note: str
    zone: str
    phone: str
    plate: str
    terminal: str | None
    since: datetime | None = Field(description="When the taxi got it")
    asked: list[str]


class Bookings(Model):
    items: list[Booking]
    next: int | None = Field(description="`before` of the next page; null on the last")


class Taken(Model):
    """new: false when the same request had come before."""

    booking: Booking
    new: bool


class StepTaken(Model):
    at: datetime
    event: str
    before: State | None
    after: State
    actor: str
    who: str
    reason: str
    plate: str | None


class Detail(Model):
    booking: Booking
    past: list[StepTaken]
    possible: list[Event] = Field(description="What the one who asks may do with it now")


class WantedEvent(Model):
    model_config = _example({"event": "assign", "plate": "T1024"})

    event: Event
    reason: Text = Field("", max_length=200, description="Some events need one")
    plate: Text = Field("", max_length=16, description="assign: the taxi, by its plate or a unique end of it")


class Reason(Model):
    reason: Text = Field(min_length=2, max_length=200, description="Why the number must be seen")


class Phone(Model):
    phone: str = Field(description="In full; empty when it is withheld")


class Explanation(Model):
    """Decisions, newest first, as the matcher kept them: candidates with their costs, who was excluded and why."""

    items: list[dict[str, Any]]


class WantedQuote(Model):
    pick_up: Place
    destination: Place
    wanted: Moment | None = None


class Quote(Model):
    """Never a price: about, by the meter. basis: "roads", or "straight" where no road network answered."""

    low_yuan: float
    high_yuan: float
    zh: str
    en: str
    km: float
    minutes: float
    basis: str


class Finding(Model):
    code: str
    refused: bool
    zh: str
    en: str
    booking: str


class NamedPlace(Model):
    name: str
    name_en: str
    kind: str
    town: str
    address: str
    lat: float
    lon: float


class Places(Model):
    items: list[NamedPlace]


class Level(Model):
    """Null where there was nothing to measure."""

    calls: int
    success: float | None = Field(description="电召成功率: share of the calls to which a taxi came")
    confirm_s: float | None
    confirm_p95_s: float | None
    door_s: float | None
    door_p95_s: float | None


class FleetLevel(Model):
    """Null where there was nothing to measure."""

    drivers: int = Field(description="Who worked long enough for their income to say something")
    gini: float | None = Field(description="Of their incomes an hour by the meter: 0 = all alike")
    empty_share: float | None = Field(description="空驶率: part of the way without a passenger")
    empty_km: float
    paid_km: float
    hints: int = Field(description="To vacant taxis, that were said in time")
    hints_followed: int = Field(description="After which the taxi picked somebody up there within half an hour")


class NewMuster(Model):
    """So many taxis are called to a place (应急运力)."""

    model_config = _example({"place": EXAMPLE_PLACE, "cars": 20, "reason": "暴雨，医院疏散"})

    place: Place
    cars: int = Field(ge=0, le=100_000)
    reason: Text = Field(min_length=2, max_length=200)


class Muster(Model):
    """parts: how many taxis have each part in it."""

    id: int
    stage: Literal["open", "released", "cancelled"]
    created: datetime
    changed: datetime
    place: Place
    cars: int
    reason: str
    who: str
    parts: dict[Part, int]


class MusterMember(Model):
    """present: what its driver said at the last roll-call, null = nothing yet. Metres to the place, of its last fix."""

    plate: str
    terminal: str
    part: Part
    changed: datetime
    rolled: datetime | None
    present: bool | None
    metres: float | None
    fix: datetime | None


class MusterStep(Model):
    at: datetime
    event: str
    plate: str | None
    who: str
    reason: str


class MusterPage(Model):
    items: list[Muster]
    next: int | None = Field(description="`before` of the next page; null on the last")


class MusterDetail(Model):
    muster: Muster
    members: list[MusterMember]
    past: list[MusterStep]


class MusterTaken(Model):
    """new: false when the same request had come before."""

    muster: Muster
    new: bool


class Told(Model):
    taxis: int = Field(description="How many are being told")


class Hints(Model):
    """The switch for hints to vacant taxis. who, at, reason: of the last time it was touched."""

    on: bool
    at: datetime | None
    who: str
    reason: str


class WantedHints(Model):
    on: bool
    reason: Text = Field(min_length=2, max_length=200)


class Levels(Model):
    all: Level
    fleet: FleetLevel
    by: dict[str, Level]


def booking(one: Listed, now: datetime) -> dict[str, Any]:
    """As `Booking` has it."""
    standing, asked = one.standing, one.standing.asked
    same = ("wanted", "channel", "passengers", "luggage", "priority", "rider", "account", "note", "zone", "created")
    return {
        "id": standing.id, "state": standing.state, "changed": standing.changed, "due": asked.due,
        "wait_s": round(asked.wait_s(now), 1), "pick_up": asdict(asked.pick_up),
        "destination": asdict(asked.destination) if asked.destination else None,
        "stops": [asdict(stop) for stop in asked.stops], "phone": one.phone, "plate": one.plate,
        "needs": names(asked.needs),
        "terminal": standing.taxi, "since": standing.since, "asked": list(one.asked),
        **{name: getattr(asked, name) for name in same},
    }  # fmt: skip


def series(one: KnownSeries, phone: str) -> dict[str, Any]:
    """As `Series` has it."""
    asked = one.asked
    return {
        "id": one.id, "rule": one.rule, "first": one.first, "created": one.created, "ended": one.ended, "phone": phone,
        "pick_up": asdict(asked.pick_up), "destination": asdict(asked.destination) if asked.destination else None,
        "passengers": asked.passengers, "needs": names(asked.needs), "rider": asked.rider, "note": asked.note,
    }  # fmt: skip


def names(needs: Ability) -> list[str]:
    return [ability.name.lower() for ability in Ability if ability in needs and ability.name]


def journal(past: Sequence[Step] | Sequence[MusterPast], plates: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in asdict(step).items() if key != "taxi"}
        | {"plate": plates.get(step.taxi, step.taxi) if step.taxi else None}
        for step in past
    ]  # fmt: skip
