"""Every name that the server may say has a word in both languages of the console."""

import json
import re
from pathlib import Path

import pytest

from dashboard import schemas
from dispatch.booking import Event, State
from gateway.report import Alarm, Flag, Status, names
from tracking.people import Role
from tracking.quarantine import Outcome
from tracking.vehicle import Condition

TEXT = Path(__file__).parents[2] / "dashboard" / "web" / "src" / "text"
WORDS = {language: json.loads((TEXT / f"{language}.json").read_text("utf-8")) for language in ("zh", "en")}
SAID = {
    "booking_state": list(State), "booking_event": ["create", *Event],
    "kind": ["fix", "message", "command", "terminal"], "tried": list(Outcome),
    "alarm": names(~Alarm(0)), "status": names(~Status(0)), "flag": names(~Flag(0)), "condition": list(Condition),
    "role": list(Role), "outcome": list(schemas.Outcome.model_fields["outcome"].annotation.__args__),
}  # fmt: skip
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("kind", SAID)
def test_each_member_of_an_enumeration_is_translated(kind: str):
    assert len(SAID[kind]) >= 4
    for name in SAID[kind]:
        chinese, english = WORDS["zh"][f"{kind}.{name}"], WORDS["en"][f"{kind}.{name}"]
        assert HAN.search(chinese), chinese
        assert english.strip()
        assert not HAN.search(english), english


@pytest.mark.parametrize(
    "kind", ["alarm", "status", "flag", "condition", "role", "kind", "tried", "booking_state", "booking_event"]
)
def test_no_word_is_left_over_from_a_name_that_is_gone(kind: str):
    said = {key.removeprefix(f"{kind}.") for key in WORDS["zh"] if key.startswith(f"{kind}.")}
    assert said == {str(name) for name in SAID[kind]}


def test_no_two_alarms_share_a_word():
    for words in WORDS.values():
        alarms = [word for key, word in words.items() if key.startswith("alarm.")]
        assert len(alarms) == len(set(alarms))
