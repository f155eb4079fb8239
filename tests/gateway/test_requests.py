"""What attachments were asked for: once by itself, never forgotten by a restart, forgotten after its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import StorageFull
from gateway.requests import Request, Requests
from gateway.server.asking import follower

CAR, OTHER, LABEL = "jt808/13812345678", "jt808/13800000000", "ab" * 16


def test_each_label_of_each_terminal_is_wanted_once_and_survives(tmp_path: Path):
    requests = Requests(tmp_path)
    requests.want([(CAR, LABEL), (CAR, LABEL), (OTHER, LABEL)], 1)
    requests.want([(CAR, LABEL)], 2)
    requests.close()
    requests = Requests(tmp_path)
    first, second = requests.not_ordered()
    assert {(r.terminal, r.label) for r in (first, second)} == {(CAR, LABEL), (OTHER, LABEL)}
    assert first.number != second.number
    assert len(first.number) == len(second.number) == 32
    requests.ordered(first)
    assert requests.not_ordered() == [second]
    assert requests.find(first.terminal, first.number) == first
    assert requests.find(first.terminal, second.number) is None
    requests.want([(first.terminal, LABEL)], 3)
    assert requests.not_ordered() == [second]
    requests.close()


def test_a_person_may_ask_again_and_old_requests_are_forgotten(tmp_path: Path):
    requests = Requests(tmp_path)
    requests.want([(CAR, LABEL)], 1)
    again = Request("again", CAR, LABEL)
    requests.expect(again, 5)
    assert requests.find(CAR, "again") == again
    assert len(requests.not_ordered()) == 1
    requests.trim(5)
    assert requests.not_ordered() == []
    assert requests.find(CAR, "again") == again
    requests.renew(again, 9)
    requests.trim(9)
    assert requests.find(CAR, "again") == again
    requests.trim(10)
    assert requests.find(CAR, "again") is None
    requests.close()


def test_a_full_disk_keeps_an_alarm_unanswered(tmp_path: Path):
    requests = Requests(tmp_path)
    requests._db.execute("PRAGMA max_page_count = 1")
    event = {"kind": "safety_event", "terminal": CAR, "label": LABEL, "attachments": 1}
    with pytest.raises(StorageFull, match="no space left"):
        follower(requests)([event | {"label": f"{n:032x}"} for n in range(1000)], 1)
    follower(requests)([event | {"attachments": 0}, {"kind": "registration"}], 1)
    assert requests.not_ordered() == []
    requests.close()
