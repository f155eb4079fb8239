"""The dispatch desk, as a call-taker and a dispatcher meet it, with a taxi that answers over its socket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from dispatch import places
from dispatch.booking import Booking, Event, Place
from dispatch.places import Named
from dispatch.store import create, happen
from tests import browser, stack
from tests.dispatch.bureau import CALLER, DOOR, QUESTION, TEXT, Bureau, bureau, number
from tracking.database import Connection

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
HOSPITAL = Named("第一人民医院", "First Hospital", "hospital", "玉山镇", "前进中路", ("人民医院",), DOOR.lat, DOOR.lon)
STATION = Named("昆山南站", "Kunshan South", "station", "玉山镇", "柏庐南路", ("高铁站",), 31.3558, 120.9465)
WAITING = 400


@dataclass
class Office:
    bureau: Bureau
    console: stack.Console
    context: BrowserContext

    def desk(self, user: str) -> Page:
        """Logged in, in Chinese, at the dispatch desk."""
        self.context.clear_cookies()
        page = self.context.new_page()
        page.goto(self.console.url)
        page.evaluate("() => localStorage.clear()")
        browser.log_in(page, self.console.url, user, stack.PASSWORD)
        page.keyboard.press("F4")
        expect(page.get_by_role("heading", name="电召调度")).to_be_visible()
        return page


@pytest.fixture(scope="module")
def office(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    if reason := browser.why_not():
        pytest.skip(reason)
    var = tmp_path_factory.mktemp("office")
    with ExitStack() as running:
        office = running.enter_context(bureau(var, module_database, 3))
        office.desk(lambda db: places.store(db, [HOSPITAL, STATION]))
        console = running.enter_context(stack.console(var, module_database, bus_url=office.centre.bus.url))
        for role in ("call_taker", "dispatcher", "auditor"):
            made = stack.account({"TAXIHUB_DATABASE_URL": module_database}, "create", role, "--role", role)
            assert made.returncode == 0, made.stderr
        context = running.enter_context(browser.chromium(var / "profile"))
        yield Office(office, console, context)


def test_a_call_is_placed_by_the_keyboard_and_the_taxi_that_takes_it_is_seen(office: Office):
    taxi = office.bureau.taxi(number(1), metres=500)
    page = office.desk("call_taker")
    expect(page.get_by_label("电话", exact=True)).to_be_focused()
    page.keyboard.type("138 1234 5678")
    page.keyboard.press("Tab")
    page.keyboard.type("dyrmyy")
    expect(page.get_by_role("option", name=re.compile("第一人民医院"))).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("急诊门口")
    page.keyboard.press("Tab")
    page.keyboard.type("高铁站")
    expect(page.get_by_role("option", name=re.compile("昆山南站"))).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    read = page.get_by_text("请复述")
    expect(read).to_contain_text("第一人民医院 急诊门口")
    expect(read).to_contain_text("138****5678")
    expect(page.get_by_label("电话", exact=True)).to_be_focused()
    order = taxi.shown().fields["order"]
    row = page.get_by_role("row").filter(has_text="138****5678")
    expect(row).to_contain_text("询问司机")
    taxi.grab(order)
    assert "急诊门口" in taxi.won(order)["description"]
    expect(row).to_contain_text("已接单")
    expect(row).to_contain_text("苏ET0001")
    page.keyboard.press("F3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").filter(has_text="★")).to_contain_text("苏ET0001")
    page.screenshot(path=office.bureau.centre.var / "desk.png")
    page.get_by_role("button", name="乘客取消").click()
    expect(row).to_have_count(0)
    page.close()


def test_what_speaks_against_a_call_is_read_and_the_caller_may_insist(office: Office):
    page = office.desk("call_taker")
    _call(page, "13900000009")
    expect(page.get_by_text("请复述")).to_contain_text("139****0009")
    _call(page, "13900000009")
    expect(page.get_by_role("alert")).to_contain_text("已经有一个从")
    page.get_by_role("button", name="乘客坚持").click()
    expect(page.get_by_role("row").filter(has_text="139****0009")).to_have_count(2)
    page.close()


def _call(page: Page, phone: str) -> None:
    page.get_by_label("电话", exact=True).fill(phone)
    page.get_by_role("combobox", name="上车地点").fill("人民医院")
    page.get_by_role("option", name=re.compile("第一人民医院")).click()
    page.get_by_label("乘车人数").press("Enter")


def test_a_dispatcher_assigns_by_hand_and_an_auditor_only_looks(office: Office):
    office.bureau.taxi(number(2), metres=90_000)
    order = office.bureau.book("by hand", wanted=datetime.now(UTC) + timedelta(hours=5))
    page = office.desk("dispatcher")
    page.get_by_role("button", name=str(order), exact=True).click()
    page.get_by_label("车牌（指派）").fill("T0002")
    page.get_by_role("button", name="指派", exact=True).click()
    expect(page.get_by_role("row").filter(has=page.get_by_role("button", name=str(order), exact=True))).to_contain_text(
        "苏ET0002"
    )
    page.close()
    page = office.desk("auditor")
    expect(page.get_by_label("电话", exact=True)).to_have_count(0)
    page.get_by_role("button", name=str(order), exact=True).click()
    expect(page.get_by_role("heading", name="经过")).to_be_visible()
    expect(page.get_by_role("button", name="乘客取消")).to_have_count(0)
    page.close()


def test_four_hundred_who_wait_stand_on_the_board_longest_first(office: Office):
    async def flood(db: Connection) -> None:
        for n in range(WAITING):
            made = await create(db, _far(n), CALLER)
            await happen(db, made.id, Event.PLACE, CALLER, datetime.now(UTC))

    office.bureau.desk(flood)
    page = office.desk("dispatcher")
    expect(page.get_by_text(re.compile(rf"等车 {WAITING + 2} 单"))).to_be_visible()
    waits = page.locator("tbody tr td.number").all_inner_texts()[: WAITING + 2]
    seconds = [int(minutes) * 60 + int(rest) for minutes, rest in (wait.split(":") for wait in waits)]
    assert seconds == sorted(seconds, reverse=True)
    page.close()


def _far(n: int) -> Booking:
    return Booking(
        key=f"flood {n}", created=datetime.now(UTC) - timedelta(seconds=n), pick_up=Place("远郊", 32.9, 119.1)
    )


def test_the_bureau_reads_how_well_it_serves_by_hour_and_by_channel(office: Office):
    missed = office.bureau.book("a call that nobody can serve", passengers=50)
    office.bureau.do(missed, Event.GIVE_UP)
    page = office.desk("auditor")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="服务水平").click()
    expect(page.get_by_role("heading", name="服务水平")).to_be_focused()
    whole = page.get_by_role("row", name=re.compile("^全部"))
    expect(whole).to_contain_text("%")
    page.get_by_label("分组").select_option("channel")
    expect(page.get_by_role("row", name=re.compile("^电话"))).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Service levels")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^telephone"))).to_be_visible()
    page.get_by_label("Period").select_option("7")
    expect(page.get_by_role("row", name=re.compile("^All"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Service levels")).to_be_hidden()


def test_a_dispatcher_turns_hints_on_with_a_reason_and_an_auditor_sees_it(office: Office):
    page = office.desk("dispatcher")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="服务水平").click()
    hints = page.get_by_role("region", name="候客建议")
    expect(hints).to_contain_text("已关闭")
    tab_to(page, hints.get_by_label("原因"))
    page.keyboard.type("早高峰")
    page.keyboard.press("Enter")
    expect(hints).to_contain_text(re.compile("已开启.*dispatcher：早高峰"))
    page = office.desk("auditor")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="服务水平").click()
    expect(page.get_by_role("region", name="候客建议")).to_contain_text("已开启")
    expect(page.get_by_role("button", name="关闭", exact=True)).to_have_count(0)


def tab_to(page: Page, target: Locator) -> None:
    """By the keyboard alone."""
    for _ in range(25):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {target}")


def test_a_ride_that_comes_every_workday_is_kept_left_out_once_and_ended_by_the_keyboard(office: Office):
    page = office.desk("call_taker")
    page.keyboard.type("13900000061")
    page.keyboard.press("Tab")
    page.keyboard.type("dyrmyy")
    expect(page.get_by_role("option", name=re.compile("第一人民医院"))).to_be_visible()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("重复"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    dates = page.get_by_role("list", name="接下来的日期")
    expect(dates.get_by_role("listitem")).to_have_count(5)
    expect(dates).to_contain_text("07:30:00")
    tab_to(page, page.get_by_label("备注"))
    page.keyboard.type("门卫登记")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("周期预约 .* 已建立"))).to_be_visible()
    page.keyboard.press("F8")
    expect(page.get_by_role("heading", name="周期预约")).to_be_focused()
    row = page.get_by_role("row", name=re.compile("周一至周五 07:30.*第一人民医院.*139\\*\\*\\*\\*0061.*门卫登记"))
    expect(row).to_be_visible()
    tab_to(page, row.get_by_role("button"))
    page.keyboard.press("Enter")
    reason = page.get_by_label("原因")
    expect(page.get_by_role("button", name="当天不用车").first).to_be_disabled()
    tab_to(page, reason)
    page.keyboard.type("元旦放假")
    tab_to(page, page.get_by_role("button", name="当天不用车").nth(2))
    page.keyboard.press("Enter")
    expect(page.get_by_text("不派车：元旦放假")).to_be_visible()
    page.screenshot(path=office.bureau.centre.var / "series.png")
    page.keyboard.press("Shift+Tab")
    expect(row).to_be_visible()
    reason.focus()
    tab_to(page, page.get_by_role("button", name="结束周期"))
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("周期预约 .* 已结束|已结束；"))).to_be_visible()
    expect(row).to_be_hidden()


def test_taxis_are_called_to_a_place_by_the_keyboard_counted_and_let_go(office: Office):
    page = office.desk("dispatcher")
    page.keyboard.press("Escape")
    page.keyboard.press("F7")
    expect(page.get_by_label("需要车辆数")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("0")
    page.keyboard.press("Tab")
    page.keyboard.type("dyrmyy")
    expect(page.get_by_role("option", name=re.compile("第一人民医院"))).to_be_visible()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("原因"))
    page.keyboard.type("暴雨，医院疏散")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("不是0辆")
    page.keyboard.press("F2")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="集结车辆")).to_be_visible()
    taxi = office.bureau.taxi(number(3), metres=300)  # hundreds wait, but an emergency comes first
    taxi.chooses(taxi.hears(QUESTION), 1)
    members = page.get_by_role("table", name="集结车辆")
    row = members.get_by_role("row", name=re.compile("苏ET0003"))
    expect(row).to_contain_text("前往", timeout=15_000)
    taxi.by(DOOR, in_s=5)
    expect(row).to_contain_text("到达", timeout=15_000)
    tab_to(page, page.get_by_role("button", name="点名"))
    page.keyboard.press("Enter")
    taxi.chooses(taxi.hears(QUESTION), 1)
    expect(row).to_contain_text("在岗", timeout=15_000)
    page.screenshot(path=office.bureau.centre.var / "muster.png")
    page.keyboard.press("Tab")
    page.keyboard.type("雨停")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row).to_contain_text("已解除", timeout=15_000)
    while "解除" not in taxi.hears(TEXT).fields["text"]:
        pass
