"""The console as its people use it: a real Chromium, a real terminal, everything between them real."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from gateway.wire.clocks import CHINA
from tests import browser, stack
from tests.browser import vehicles, wait
from tests.dashboard.test_words import HAN
from tests.terminals import Terminal808, fix

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
NUMBERS = {"苏E·T1001": "013812345678", "苏E·T1002": "013812345679", "苏E·D2001": "013812345680"}
VACANT, OCCUPIED, ALARM = (0x0B, 0x8A, 0x5A), (0x1D, 0x5F, 0xD0), (0xD0, 0x1C, 0x1C)
HALF_LOAD = 0b01 << 8
OVERSPEED = 1 << 1


@dataclass
class Desk:
    """One person's browser, and the fleet behind it."""

    context: BrowserContext
    page: Page
    console: stack.Console
    database: str
    gateway_port: int
    terminals: dict[str, Terminal808]
    said: list[str]
    asked: list[str]

    def drive(self, plate: str, lat: float, lon: float, *, ago_s: float = 0, **changes: object) -> None:
        """A fix through the gateway; returns when it is acknowledged."""
        terminal = self.terminals.get(plate)
        if terminal is None:
            terminal = self.terminals[plate] = Terminal808(self.gateway_port, NUMBERS[plate]).log_in()
        moment = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=ago_s)
        assert terminal.result(0x0200, fix(moment, lat=lat, lon=lon, **changes)) == 0

    def button(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def fresh(self) -> Page:
        """The desk as after a log-in: Chinese, by day, nothing chosen."""
        self.page.evaluate("() => localStorage.clear()")
        self.page.reload()
        wait(lambda: self.page.evaluate("() => window.taxihub?.idle()"), "the map is drawn again")
        expect(self.page.get_by_role("option")).to_have_count(3)
        return self.page

    def choose(self, part: str) -> None:
        self.page.keyboard.press("F2")
        self.page.keyboard.type(part)
        expect(self.page.get_by_role("option")).to_have_count(1)
        self.page.keyboard.press("Enter")

    def mark(self, plate: str, color: tuple[int, int, int]) -> bool:
        """Whether the middle of a car's mark on the map has this colour."""
        at = self.page.evaluate("(id) => window.taxihub.project(id)", vehicles(self.page)[plate]["id"])
        box = self.page.locator(".map").bounding_box()
        clip = {"x": box["x"] + at["x"] - 2, "y": box["y"] + at["y"] - 2, "width": 4, "height": 4}
        seen = browser.pixels(self.context, self.page.screenshot(clip=clip))
        return all(abs(a - b) <= 3 for pixel in seen for a, b in zip(pixel, color, strict=True))


@pytest.fixture(scope="module")
def desk(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    if reason := browser.why_not():
        pytest.skip(reason)
    var = tmp_path_factory.mktemp("desk")
    stack.enrol(var, [f"{number},jt808,{plate},taxi,昆山出租" for plate, number in NUMBERS.items()])
    with ExitStack() as running:
        bus = running.enter_context(stack.bus(var))
        gateway = running.enter_context(stack.gateway(var, bus_url=bus.url))
        running.enter_context(stack.writer(var, module_database))
        console = running.enter_context(stack.console(var, module_database, bus_url=bus.url))
        context = running.enter_context(browser.chromium(var / "profile"))
        page = context.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(console.url)
        yield Desk(context, page, console, module_database, gateway.ports["jt808"], {}, said, asked)


def test_nobody_enters_without_the_right_password(desk: Desk):
    page = desk.page
    page.get_by_label("用户名").fill("admin")
    page.get_by_label("密码", exact=True).fill("guessed password")
    desk.button("登录")
    expect(page.get_by_role("alert")).to_have_text("用户名或密码不正确。")
    desk.button("English")
    expect(page.get_by_role("alert")).to_have_text("User and password do not belong together.")
    assert browser.violations(page) == []
    desk.button("Night")
    assert browser.violations(page) == []
    page.evaluate("() => localStorage.clear()")
    browser.log_in(page, desk.console.url, "admin", desk.console.password)
    expect(page.get_by_role("option")).to_have_count(3)
    expect(page.locator(".note")).to_contain_text("未安装底图")


def test_a_car_that_moves_is_seen_to_move(desk: Desk):
    page = desk.fresh()
    desk.drive("苏E·T1001", 31.40, 120.95)
    wait(lambda: vehicles(page)["苏E·T1001"]["lat"] == 31.4, "the first fix arrives")
    wait(lambda: desk.mark("苏E·T1001", VACANT), "a vacant car is drawn")
    before = page.evaluate("(id) => window.taxihub.project(id)", vehicles(page)["苏E·T1001"]["id"])
    time.sleep(1)
    desk.drive("苏E·T1001", 31.39, 120.96, status=0b11 | HALF_LOAD)
    wait(lambda: vehicles(page)["苏E·T1001"]["lon"] == 120.96, "the second fix arrives")
    wait(lambda: desk.mark("苏E·T1001", OCCUPIED), "an occupied car is drawn at its new place")
    after = page.evaluate("(id) => window.taxihub.project(id)", vehicles(page)["苏E·T1001"]["id"])
    assert after["x"] > before["x"] + 30
    assert after["y"] > before["y"] + 30
    expect(page.get_by_role("option", name="苏E·T1001")).to_contain_text("载客")
    expect(page.get_by_role("group", name="按状态筛选")).to_contain_text("载客 1")


def test_a_click_on_the_map_chooses_the_car(desk: Desk):
    page = desk.fresh()
    desk.drive("苏E·T1002", 31.38, 120.93, alarm=OVERSPEED)
    wait(lambda: vehicles(page)["苏E·T1002"]["placed"], "the fix arrives")
    wait(lambda: desk.mark("苏E·T1002", ALARM), "it is drawn in red")
    at = page.evaluate("(id) => window.taxihub.project(id)", vehicles(page)["苏E·T1002"]["id"])
    page.locator(".map canvas").first.click(position=at)
    panel = page.get_by_role("complementary", name="苏E·T1002")
    expect(panel).to_contain_text("超速报警")
    expect(panel).to_contain_text("昆山出租")
    expect(panel).to_contain_text("36.0 公里/时")
    expect(panel).to_contain_text("1234.5 公里")


def test_the_keyboard_finds_chooses_and_closes(desk: Desk):
    page = desk.fresh()
    page.keyboard.press("/")
    search = page.get_by_role("combobox", name="搜索车牌")
    expect(search).to_be_focused()
    page.keyboard.type("t10")
    expect(page.get_by_role("option")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="苏E·T1002")).to_be_visible()
    page.keyboard.type("/")
    expect(search).to_have_value("t10/")
    expect(page.get_by_text("没有符合条件的车辆")).to_be_visible()
    page.keyboard.press("Escape")
    expect(search).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary")).to_have_count(0)
    page.get_by_role("listbox").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option", selected=True)).to_contain_text("苏E·T1002")


def test_a_plate_typed_before_the_vehicles_are_there_is_chosen_when_they_come(desk: Desk):
    page = desk.context.new_page()
    held: list[str | bytes] = []
    sockets: list[WebSocketRoute] = []

    def hold(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server().on_message(lambda message: held.append(message))

    page.route_web_socket(re.compile("/live"), hold)
    page.goto(desk.console.url)
    expect(page.get_by_text("正在接收车辆…")).to_be_visible()
    wait(lambda: page.title() and held, "the vehicles are on their way")
    page.keyboard.press("F2")
    page.keyboard.type("T1002")
    page.keyboard.press("Enter")
    for message in held:
        sockets[0].send(message)
    expect(page.get_by_role("complementary", name="苏E·T1002")).to_be_visible()
    page.close()


def test_a_filter_narrows_list_and_map(desk: Desk):
    page = desk.fresh()
    page.get_by_role("button", name=re.compile("^报警")).click()
    expect(page.get_by_role("option")).to_have_count(1)
    assert not desk.mark("苏E·T1001", OCCUPIED)
    page.get_by_role("button", name=re.compile("^全部")).click()
    expect(page.get_by_role("option")).to_have_count(3)
    wait(lambda: desk.mark("苏E·T1001", OCCUPIED), "the car is shown again")


def test_a_car_that_is_followed_stays_in_the_middle(desk: Desk):
    page = desk.fresh()
    desk.choose("T1001")
    desk.button("跟随")
    for step in range(3):
        desk.drive("苏E·T1001", 31.30 + step / 100, 120.99, status=0b11 | HALF_LOAD)
        box = page.locator(".map").bounding_box()

        def centred() -> bool:
            car = vehicles(page)["苏E·T1001"]
            at = page.evaluate("(id) => window.taxihub.project(id)", car["id"])
            off = abs(at["x"] - box["width"] / 2) + abs(at["y"] - box["height"] / 2)  # noqa: B023
            return round(car["lat"], 6) == round(31.30 + step / 100, 6) and off < 4  # noqa: B023

        wait(centred, f"the map follows to step {step}")
        time.sleep(1)


def test_a_text_reaches_the_car_and_the_journal(desk: Desk):
    page = desk.fresh()
    desk.choose("T1001")
    desk.button("发送文本")
    page.get_by_label("文本内容").fill("请到昆山南站接客")
    desk.button("发送")
    heard = desk.terminals["苏E·T1001"].hear()
    desk.terminals["苏E·T1001"].acknowledge(heard)
    assert (heard.header.message_id, heard.fields["text"]) == (0x8300, "请到昆山南站接客")
    expect(page.get_by_text("已发送到终端")).to_be_visible()
    desk.button("查询位置")
    assert desk.terminals["苏E·T1001"].hear().header.message_id == 0x8201
    page.keyboard.press("Escape")
    desk.choose("D2001")
    expect(page.get_by_text("此车尚无有效定位")).to_be_visible()
    desk.button("查询位置")
    expect(page.get_by_text("终端未连接，已排队，两分钟内上线即发送")).to_be_visible()
    with psycopg.connect(desk.database) as db:
        rows = db.execute("SELECT actor, action, detail->>'text' FROM journal WHERE action LIKE 'command%' ORDER BY id")
        assert rows.fetchall() == [
            ("admin", "command.send_text", "请到昆山南站接客"), ("admin", "command.outcome", None),
            ("admin", "command.query_position", None), ("admin", "command.outcome", None),
            ("admin", "command.query_position", None), ("admin", "command.outcome", None),
        ]  # fmt: skip


def test_a_day_is_replayed_with_its_chart_and_events(desk: Desk):
    """Twenty fixes of one day, of the last minutes or of those before midnight: a passenger, a gap, an alarm."""
    page = desk.fresh()
    now = datetime.now(CHINA)
    today_s = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    shift = 0 if today_s > 900 else int(today_s) + 1
    for step in range(20):
        ago = 600 - step * 20 if step < 10 else 200 - (step - 10) * 20
        load = HALF_LOAD if 5 <= step < 15 else 0
        place = {"lat": 31.35 + step / 500, "lon": 120.93 + step / 400}
        alarm = OVERSPEED if step == 17 else 0
        desk.drive("苏E·D2001", **place, ago_s=ago + shift, status=0b11 | load, speed=step * 4.0, alarm=alarm)
    desk.choose("D2001")
    stored = "SELECT count(*) = 20 FROM fix JOIN vehicle ON vehicle.id = vehicle_id WHERE plate = '苏E·D2001'"
    with psycopg.connect(desk.database, autocommit=True) as db:
        stack.eventually(lambda: db.execute(stored).fetchone() == (True,), "the track is stored")
    desk.button("轨迹回放")
    replay = page.get_by_role("region", name="轨迹回放")
    expect(replay).to_contain_text("20 个定位")
    slider = replay.get_by_role("slider", name="回放时间")
    first = slider.get_attribute("aria-valuetext")
    assert re.fullmatch(r"\d\d:\d\d:\d\d, 0 公里/时, 空车", first), first
    desk.button("下一事件")
    assert slider.get_attribute("aria-valuetext").endswith("20 公里/时, 载客")
    for _ in range(2):
        desk.button("下一事件")
    expect(replay).to_contain_text("报警：超速报警")
    expect(replay.get_by_role("button", name="下一事件")).to_be_disabled()
    slider.focus()
    page.keyboard.press("Home")
    page.get_by_label("倍速").select_option("60")
    desk.button("播放")
    wait(lambda: slider.get_attribute("aria-valuetext").endswith("76 公里/时, 空车"), "it plays to the end")
    expect(replay.get_by_role("button", name="播放")).to_be_visible()
    box = replay.locator(".chart").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 60)
    expect(slider).to_have_attribute("aria-valuetext", re.compile("无定位"))
    seen = browser.pixels(desk.context, replay.locator("canvas").screenshot())
    assert len(set(seen)) > 8
    assert sum(abs(p[0] - 0x1D) + abs(p[1] - 0x25) + abs(p[2] - 0x30) < 60 for p in seen) > 100
    for _ in range(2):
        assert browser.violations(page) == []
        desk.button("夜间模式" if page.get_by_role("button", name="夜间模式").count() else "日间模式")
    desk.button("返回实时")
    expect(replay).to_have_count(0)


def test_the_whole_desk_is_accessible_by_day_and_by_night(desk: Desk):
    page = desk.fresh()
    desk.choose("T1002")
    desk.button("发送文本")
    page.get_by_text("图例").click()
    for other in ("夜间模式", "日间模式"):
        assert browser.violations(page) == []
        desk.button(other)
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, select, summary, [role=option]')]
            .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
            .filter(([, box]) => box.width < 24 || box.height < 24).map(([html]) => html)"""
    )
    assert small == []


def test_english_is_complete_and_instant(desk: Desk):
    page = desk.fresh()
    desk.choose("T1002")
    expect(page.get_by_role("complementary")).to_contain_text("超速报警")
    desk.button("English")
    expect(page.get_by_role("complementary")).to_contain_text("Overspeed")
    desk.button("Replay")
    expect(page.get_by_role("slider")).to_be_visible()
    shown = page.evaluate("() => document.body.innerText").replace("中文", "")
    for own in ("昆山出租", *NUMBERS):
        shown = shown.replace(own, "")
    assert not HAN.search(shown), HAN.findall(shown)
    assert page.evaluate("() => document.documentElement.lang") == "en-GB"


def test_nothing_is_asked_of_other_servers_and_nothing_went_wrong(desk: Desk):
    """The only error a browser may tell is that nobody was logged in at first, and the password that was wrong."""
    asked = {re.match(r"\w+://[^/]+|blob:|data:", url)[0] for url in desk.asked}
    assert asked <= {desk.console.url, "blob:", "data:", desk.console.url.replace("http", "ws")}
    assert [text for text in desk.said if "401" not in text] == []
    assert len(desk.said) <= 3


def test_a_server_that_goes_and_comes_back_is_told_and_the_desk_goes_on(desk: Desk, tmp_path: Path):
    """The same database and cookie, another process on the same port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    bus = {"dashboard_port": port}
    page = desk.context.new_page()
    with stack.console(tmp_path, desk.database, **bus) as first:
        browser.log_in(page, first.url, "admin", first.password)
        expect(page.get_by_role("option")).to_have_count(3)
        first.running.kill()
        expect(page.get_by_text("连接中断，正在重连")).to_be_visible()
        assert len(vehicles(page)) == 3
    with stack.console(tmp_path, desk.database, **bus):
        expect(page.get_by_text("实时", exact=True)).to_be_visible(timeout=20_000)
        expect(page.get_by_role("option")).to_have_count(3)
        desk.page = page
        page.get_by_role("button", name="退出").click()
        expect(page.locator("#user")).to_be_visible()


def test_a_log_in_that_is_ended_elsewhere_ends_here(desk: Desk):
    desk.page = desk.context.new_page()
    browser.log_in(desk.page, desk.console.url, "admin", desk.console.password)
    page = desk.fresh()
    env = {"TAXIHUB_DATABASE_URL": desk.database}
    assert stack.account(env, "reset-password", "admin").returncode == 0
    expect(page.get_by_text("登录已结束，请重新登录。")).to_be_visible(timeout=15_000)
