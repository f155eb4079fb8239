"""What drivers read out of the words that dispatch says to terminals without a screen for orders."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dispatch.booking import Booking, Place
from dispatch.saying import Saying, command
from simulator.errand import Errand, Town, cancelled, dismissed, is_order, is_roll_call
from simulator.gazetteer import Place as Known

HOSPITAL = Known("第一人民医院", "First Hospital", "hospital", "玉山镇", "前进中路", 31.3850, 120.9550, ("人民医院",))
STATION = Known("昆山南站", "Kunshan South", "station", "玉山镇", "柏庐南路", 31.3558, 120.9465, ("高铁站",))
EAST = Known("第一人民医院东门", "East Gate", "hospital", "玉山镇", "前进中路", 31.3851, 120.9562)
TOWN = Town([HOSPITAL, STATION, EAST])
TAXI, ORDER, CALL_BACK = "jt808/320583000001", 7001, "05125700000"
NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
BOOKING = Booking(
    key="1", created=NOW, pick_up=Place("前进中路 人民医院", 31.3850, 120.9550, "急诊门口"),
    destination=Place("高铁站", 31.3558, 120.9465), rider="王阿姨",
)  # fmt: skip


def words(saying: Saying, booking: Booking | None = BOOKING) -> str:
    said: Any = command(saying, TAXI, ORDER, booking, CALL_BACK)
    return str(said.question if saying is Saying.OFFER else said.text)


def test_a_driver_knows_where_to_go_from_the_words_of_the_award():
    assert TOWN.errand(words(Saying.AWARD)) == Errand(ORDER, (HOSPITAL.lat, HOSPITAL.lon), (STATION.lat, STATION.lon))


def test_without_a_destination_the_passenger_will_say_it_himself():
    assert TOWN.errand(words(Saying.AWARD, replace(BOOKING, destination=None))) == Errand(
        ORDER, (HOSPITAL.lat, HOSPITAL.lon), None
    )


def test_a_booking_for_later_is_read_too():
    assert TOWN.errand(words(Saying.AWARD, replace(BOOKING, wanted=NOW))) is not None


def test_of_two_names_that_fit_the_longer_is_meant():
    assert TOWN.find("请到第一人民医院东门接人") == (EAST.lat, EAST.lon)
    assert TOWN.find("请到第一人民医院接人") == (HOSPITAL.lat, HOSPITAL.lon)


def test_a_door_that_nobody_knows_is_no_errand():
    assert TOWN.errand(words(Saying.AWARD, replace(BOOKING, pick_up=Place("某处", 31.4, 120.9)))) is None


@pytest.mark.parametrize("saying", [Saying.REFUSE, Saying.CANCEL])
def test_what_is_no_award_sends_nobody_anywhere(saying: Saying):
    assert TOWN.errand(words(saying)) is None


def test_an_order_that_is_none_any_more_is_told_from_one_that_somebody_else_has():
    assert cancelled(words(Saying.CANCEL)) == ORDER
    assert cancelled(words(Saying.REFUSE)) is None
    assert cancelled(words(Saying.AWARD)) is None


def test_only_offers_are_orders():
    assert is_order(words(Saying.OFFER))
    assert not is_order("能否加班")


def test_a_driver_knows_a_muster_from_an_order_and_when_it_is_over():
    assert is_order("应急集结3：昆山南站，需5辆车，能到吗？")
    assert is_roll_call("应急集结3点名，您在岗吗？")
    assert not is_roll_call("应急集结3：昆山南站，需5辆车，能到吗？")
    assert TOWN.muster("应急集结3：请前往昆山南站 北广场，到达后待命") == (STATION.lat, STATION.lon)
    assert TOWN.muster(words(Saying.AWARD)) is None
    for why in ("解除，感谢配合，可恢复营运", "取消，请勿前往", "车辆已满，请勿前往，谢谢"):
        assert dismissed(f"应急集结3{why}")
    assert not dismissed("应急集结3：请前往昆山南站，到达后待命")
