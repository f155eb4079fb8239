"""Calls that cannot be taken as they are, and what the call-taker says."""

from datetime import UTC, datetime, timedelta

import pytest

from dispatch.booking import Place
from dispatch.intake import Finding, Known, Request, Rules, inside, review

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
KUNSHAN = ((31.11, 120.80), (31.11, 121.16), (31.54, 121.16), (31.54, 120.80))
RULES = Rules(KUNSHAN)
SOUTH = Place("昆山南站", 31.351, 120.956)
BUND = Place("上海外滩", 31.24, 121.49)


def reviewed(known: tuple[Known, ...] = (), **said: object) -> list[Finding]:
    request = {"pick_up": SOUTH, "phone": "p1", **said}
    return review(Request(**request), RULES, known, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "code", "refused", "zh", "en"),
    [
        ({"pick_up": None}, "no_place", True, "什么位置上车", "Where shall"),
        ({"pick_up": Place(" ", 31.3, 120.9)}, "no_place", True, "什么位置上车", "Where shall"),
        ({"pick_up": BUND}, "out_of_area", True, "“上海外滩”不在我们的服务区域", "上海外滩 is outside"),
        (
            {"wanted": NOW - timedelta(hours=1)}, "past", True,
            "11月25日15:00，已经过去了，现在是16:00", "15:00 on 25 November",
        ),
        ({"wanted": NOW + timedelta(days=31)}, "too_early", True, "30天以内", "next 30 days"),
        ({"passengers": 40}, "too_many", True, "40位乘客", "coach company"),
        ({"passengers": 0}, "nobody", True, "几位", "How many"),
        ({"passengers": 9}, "several_taxis", False, "9位乘客需要3辆车", "9 people need 3 taxis"),
    ],
)  # fmt: skip
def test_what_speaks_against_a_call_is_said_in_both_languages(said: dict, code: str, refused: bool, zh: str, en: str):
    (finding,) = reviewed(**said)
    assert (finding.code, finding.refused) == (code, refused)
    assert zh in finding.zh
    assert en in finding.en


@pytest.mark.parametrize("passengers", [1, 6])
def test_a_usual_call_is_taken(passengers: int):
    assert reviewed(passengers=passengers) == []
    assert reviewed(passengers=passengers, wanted=NOW - timedelta(minutes=4)) == []


def test_a_second_call_of_one_phone_is_asked_about():
    first = Known("B17", "p1", Place("昆山南站北广场", 31.3525, 120.956), NOW - timedelta(minutes=6))
    (finding,) = reviewed((first,))
    assert (finding.code, finding.refused, finding.booking) == ("twice", False, "B17")
    assert "15:54已经有一个从“昆山南站北广场”出发的订单" in finding.zh
    assert "second taxi" in finding.en
    assert reviewed((first,), phone="p2") == []
    assert reviewed((first,), wanted=NOW + timedelta(hours=2)) == []
    assert reviewed((first,), pick_up=Place("周庄", 31.115, 120.846)) == []
    assert reviewed((Known("B18", "", SOUTH, NOW),), phone="") == []


def test_refusals_come_before_warnings():
    first = Known("B17", "p1", BUND, NOW)
    codes = [f.code for f in reviewed((first,), pick_up=BUND, passengers=12)]
    assert codes == ["out_of_area", "several_taxis", "twice"]


def test_an_area_may_have_bays():
    u = ((0, 0), (0, 10), (10, 10), (10, 7), (3, 7), (3, 3), (10, 3), (10, 0))
    assert [inside(*p, u) for p in ((1, 5), (5, 1), (5, 8), (5, 5), (11, 1), (-1, 5))] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
