"""A case: what people make of a finding, as one table of what may happen to it. Pure.

Nobody decides alone: what the first reviewer proposes, a second one decides, who has neither opened the case nor
proposed. Nothing is proposed before the driver was told and has answered, or let the time for it pass
(行政处罚法 articles 44, 45 and 57: told of facts and reasons, heard, decided after review).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracking.errors import CaseError

LEAST_TIME = timedelta(days=3)
"""Between notice and deadline, at least."""


class State(enum.StrEnum):
    OPENED = "opened"
    NOTIFIED = "notified"
    HEARD = "heard"
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    OVERTURNED = "overturned"
    DROPPED = "dropped"


DECIDED = frozenset({State.CONFIRMED, State.OVERTURNED})
OPEN = frozenset(State) - DECIDED - {State.DROPPED}


class Event(enum.StrEnum):
    OPEN = "open"  # a finding is taken up; only ever the first step
    NOTIFY = "notify"  # the driver is told what was found, and until when to answer
    STATE = "state"  # what the driver says to it
    PASS = "pass"  # the deadline passed without a word
    PROPOSE = "propose"  # the first reviewer: confirm or overturn, and why
    RETURN = "return"  # the second reviewer does not agree: look again
    DECIDE = "decide"  # the second reviewer agrees
    DROP = "drop"  # not worth a case, before anybody was accused
    REOPEN = "reopen"  # a decision is to be made anew: new facts, or a court


@dataclass(frozen=True, slots=True)
class Rule:
    """words: reasons, the notice's text or the statement must be given; second: by nobody who acted before."""

    words: bool = True
    second: bool = False


TABLE: dict[tuple[State, Event], Rule] = {
    (State.OPENED, Event.NOTIFY): Rule(),
    (State.OPENED, Event.DROP): Rule(),
    (State.NOTIFIED, Event.STATE): Rule(),
    (State.NOTIFIED, Event.PASS): Rule(words=False),
    (State.NOTIFIED, Event.NOTIFY): Rule(),
    (State.HEARD, Event.STATE): Rule(),
    (State.HEARD, Event.PROPOSE): Rule(),
    (State.PROPOSED, Event.STATE): Rule(),
    (State.PROPOSED, Event.RETURN): Rule(second=True),
    (State.PROPOSED, Event.DECIDE): Rule(second=True),
    (State.CONFIRMED, Event.REOPEN): Rule(),
    (State.OVERTURNED, Event.REOPEN): Rule(),
}
LEADS: dict[Event, State] = {
    Event.NOTIFY: State.NOTIFIED, Event.STATE: State.HEARD, Event.PASS: State.HEARD, Event.PROPOSE: State.PROPOSED,
    Event.RETURN: State.HEARD, Event.DROP: State.DROPPED, Event.REOPEN: State.HEARD,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a case stands: what the table asks of the next step.

    deadline   until when the driver may answer; None before he was told
    confirm    what was proposed; None where nothing is
    opener, proposer  accounts; proposer is "" where nothing is proposed
    """

    state: State
    opener: str
    proposer: str = ""
    confirm: bool | None = None
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What somebody does to a case.

    words     reasons; of a notice its text, of a statement what the driver said
    deadline  of a notice;  confirm  of a proposal
    """

    event: Event
    who: str
    at: datetime
    words: str = ""
    deadline: datetime | None = None
    confirm: bool | None = None


def after(now: Standing, step: Step) -> State:
    """The next state. Raises CaseError, which says what is missing, where that cannot happen now or not by this one."""
    rule = TABLE.get((now.state, step.event))
    if rule is None:
        possible = ", ".join(sorted(event for state, event in TABLE if state is now.state)) or "nothing any more"
        raise CaseError("not_now", f"a case that is {now.state} knows no {step.event}; possible: {possible}")
    if rule.words and not step.words.strip():
        raise CaseError("no_words", f"{step.event} of a case needs words: reasons, a notice or a statement")
    if rule.second and step.who in {now.opener, now.proposer}:
        raise CaseError("same_person", f"{step.who} opened this case or proposed its outcome: somebody else decides it")
    if step.event is Event.NOTIFY and (step.deadline is None or step.deadline < step.at + LEAST_TIME):
        raise CaseError("short_notice", f"a driver has {LEAST_TIME.days} days at least to answer a notice")
    if step.event is Event.PASS and (now.deadline is None or step.at <= now.deadline):
        raise CaseError("not_yet", f"the driver may answer until {now.deadline}")
    if step.event is Event.PROPOSE and step.confirm is None:
        raise CaseError("no_outcome", "a proposal says whether the finding is confirmed or overturned")
    if step.event is Event.DECIDE:
        return State.CONFIRMED if now.confirm else State.OVERTURNED
    return LEADS[step.event]
