"""The table of due process, service credit, notices and lessons: pure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.audit.finding import Rule as AuditRule
from tracking.cases.credit import Entry, credit, schemes, valid, year_of
from tracking.cases.feedback import Decided, lessons
from tracking.cases.notice import ZH, Facts, notice
from tracking.cases.process import LEADS, OPEN, TABLE, Event, Standing, State, Step, after
from tracking.errors import CaseError, TrackingError

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
ISSUED = date(2020, 3, 15)


def standing(state: State, **more: object) -> Standing:
    return Standing(**{"state": state, "opener": "one", **more})  # type: ignore[arg-type]


def step(event: Event, who: str = "one", words: str = "because", **more: object) -> Step:
    return Step(**{"event": event, "who": who, "at": NOW, "words": words, **more})  # type: ignore[arg-type]


def code(now: Standing, done: Step) -> str:
    with pytest.raises(CaseError) as caught:
        after(now, done)
    return caught.value.code


def test_the_way_of_a_case_that_is_confirmed():
    later = NOW + timedelta(days=7)
    assert after(standing(State.OPENED), step(Event.NOTIFY, deadline=later)) is State.NOTIFIED
    assert after(standing(State.NOTIFIED, deadline=later), step(Event.STATE)) is State.HEARD
    assert after(standing(State.HEARD), step(Event.PROPOSE, confirm=True)) is State.PROPOSED
    proposed = standing(State.PROPOSED, proposer="two", confirm=True)
    assert after(proposed, step(Event.DECIDE, "three")) is State.CONFIRMED
    assert (
        after(standing(State.PROPOSED, proposer="two", confirm=False), step(Event.DECIDE, "three")) is State.OVERTURNED
    )


@pytest.mark.parametrize("who", ["one", "two"])
@pytest.mark.parametrize("event", [Event.DECIDE, Event.RETURN])
def test_nobody_decides_what_he_opened_or_proposed(who: str, event: Event):
    assert code(standing(State.PROPOSED, proposer="two", confirm=True), step(event, who)) == "same_person"


def test_nothing_is_proposed_before_the_driver_could_answer():
    assert code(standing(State.OPENED), step(Event.PROPOSE, confirm=True)) == "not_now"
    assert code(standing(State.NOTIFIED, deadline=NOW), step(Event.PROPOSE, confirm=True)) == "not_now"
    assert code(standing(State.NOTIFIED, deadline=NOW), step(Event.PASS)) == "not_yet"
    late = standing(State.NOTIFIED, deadline=NOW - timedelta(seconds=1))
    assert after(late, step(Event.PASS, words="")) is State.HEARD


def test_a_notice_leaves_days_and_every_step_but_silence_has_words():
    assert code(standing(State.OPENED), step(Event.NOTIFY, deadline=NOW + timedelta(days=2))) == "short_notice"
    assert code(standing(State.OPENED), step(Event.NOTIFY)) == "short_notice"
    for state, event in TABLE:
        if event is not Event.PASS:
            assert code(standing(state), step(event, words="  ")) == "no_words"


def test_a_statement_that_comes_late_undoes_the_proposal():
    assert after(standing(State.PROPOSED, proposer="two", confirm=True), step(Event.STATE)) is State.HEARD


@given(st.sampled_from(State), st.sampled_from(Event))
def test_every_step_leads_somewhere_or_is_refused_by_the_table(state: State, event: Event):
    done = step(event, "three", deadline=NOW + timedelta(days=5), confirm=True)
    now = standing(state, proposer="two", confirm=True, deadline=NOW - timedelta(days=1))
    if (state, event) in TABLE:
        led = after(now, done)
        assert led is (State.CONFIRMED if event is Event.DECIDE else LEADS[event])
        assert led in OPEN or event in {Event.DECIDE, Event.DROP}
    else:
        assert code(now, done) == "not_now"


def test_years_of_assessment_begin_on_the_day_of_the_certificate():
    assert year_of(ISSUED, date(2026, 3, 14)) == (date(2025, 3, 15), date(2026, 3, 15))
    assert year_of(ISSUED, date(2026, 3, 15)) == (date(2026, 3, 15), date(2027, 3, 15))
    assert year_of(date(2024, 2, 29), date(2025, 3, 1)) == (date(2025, 3, 1), date(2026, 3, 1))
    assert year_of(date(2024, 2, 29), date(2025, 2, 28)) == (date(2024, 2, 29), date(2025, 3, 1))


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.dates(date(2000, 1, 1), date(2060, 1, 1)))
def test_a_day_lies_in_one_year_of_assessment(issued: date, today: date):
    since, until = year_of(issued, today)
    assert since <= today < until
    assert 365 <= (until - since).days <= 366
    assert year_of(issued, until)[0] == until


@pytest.mark.parametrize(
    ("points", "score", "grade"),
    [([], 20, "AAA"), ([-1], 19, "AA"), ([-10], 10, "A"), ([-10, -5], 5, "A"), ([-20], 0, "B"), ([-20, -10], 0, "B"),
     ([-10, 3], 13, "AA"), ([5, 9], 30, "AAA"), ([-20, 9, 9], 10, "A"), ([-10, -5, -1, -1], 3, "B")],
)  # fmt: skip
def test_points_and_grades(points: list[int], score: int, grade: str):
    today = date(2026, 11, 20)
    entries = [Entry(today, one) for one in points] + [Entry(date(2026, 3, 14), -20), Entry(date(2027, 3, 15), -20)]
    stands = credit(entries, ISSUED, today, valid(today))
    assert (stands.score, stands.grade) == (score, grade)


def test_a_scheme_says_what_is_wrong_with_it(tmp_path):
    file = tmp_path / "credit.toml"
    file.write_text("[[scheme]]\nsince = 2020-01-01\nbase = -1\n")
    with pytest.raises(TrackingError, match=r"scheme\.0\.base"):
        schemes(file)
    with pytest.raises(TrackingError, match="valid on 2001-01-01"):
        valid(date(2001, 1, 1))


def test_a_notice_tells_what_was_seen_and_what_may_be_done():
    assert set(ZH) >= set(AuditRule)
    facts = Facts(
        case=7, rule=AuditRule.DETOUR, plate="苏E·T1001", driver="320583001", start=NOW,
        finish=NOW + timedelta(minutes=20), measured=12_345.0, allowed=8_100.0, confidence=0.934, edition="2026-01-01",
    )  # fmt: skip
    text = notice(facts, NOW + timedelta(days=7), ZoneInfo("Asia/Shanghai"))
    for part in ("苏E·T1001", "320583001", "12.35 公里", "8.10 公里", "2026年11月27日16:00", "93%", "不是处理决定"):
        assert part in text
    hours = Facts(
        case=8, rule=AuditRule.HOURS, plate="苏E·T1001", driver="", start=NOW, finish=NOW + timedelta(hours=6),
        measured=5 * 3600 + 240, allowed=4 * 3600, confidence=1.0, edition="2026-01-01",
    )  # fmt: skip
    assert "5 小时 4 分" in notice(hours, NOW + timedelta(days=7), UTC)


def test_lessons_raise_a_threshold_that_accuses_the_innocent():
    weak = [Decided("detour", 1.3 + 0.01 * n, False) for n in range(20)]
    strong = [Decided("detour", 1.8 + 0.01 * n, True) for n in range(20)]
    (one,) = lessons([*strong, *weak])
    assert one.enough
    assert not one.holds
    assert one.raise_to is not None
    assert 1.45 < one.raise_to <= 1.8
    assert (one.confirmed, one.overturned) == (20, 20)


def test_lessons_leave_alone_what_holds_and_what_is_not_known():
    good, few = lessons([*(Decided("detour", 1.5, True) for _ in range(30)), Decided("hours", 1.2, False)])
    assert (good.holds, good.raise_to) == (True, None)
    assert (few.enough, few.holds, few.raise_to) == (False, False, None)
    (hopeless,) = lessons(Decided("gps_off", 1 + n / 10, n % 2 == 0) for n in range(40))
    assert (hopeless.enough, hopeless.holds, hopeless.raise_to) == (True, False, None)
