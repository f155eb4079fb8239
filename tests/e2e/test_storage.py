"""The screen of the history's keeping, as an administrator, an auditor and a dispatcher meet it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from gateway.report import Enrolment
from gateway.spool import Entry
from tests import browser, stack
from tests.browser import wait
from tests.dashboard.test_words import HAN
from tests.tracking.fixes import NOON, batch
from tests.tracking.test_ingest import fix_entry, spool_in, wait_for, writing
from tracking.housekeeping import Housekeeper, Rules
from tracking.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PLATE = "苏E·T1001"
TRY, LOOK = re.compile("^(重试|Try again)"), re.compile("^查看")


@dataclass
class Office:
    """A console over a database that refused three things, and browsers to look at it."""

    console: stack.Console
    database: str
    context: BrowserContext
    var: Path

    def page(self, user: str = "admin") -> Page:
        """Logged in, in Chinese and by day."""
        self.context.clear_cookies()
        page = self.context.new_page()
        page.goto(self.console.url)
        page.evaluate("() => localStorage.clear()")
        browser.log_in(page, self.console.url, user, stack.PASSWORD)
        return page

    def screen(self, user: str = "admin") -> Page:
        page = self.page(user)
        page.get_by_role("button", name=re.compile("^数据维护")).click()
        expect(page.get_by_role("heading", name="数据维护")).to_be_focused()
        sheet, map_ = page.locator(".sheet").bounding_box(), page.locator("main").bounding_box()
        assert (sheet["x"], sheet["x"] + sheet["width"]) == (0, map_["x"] + map_["width"])
        assert (sheet["y"], sheet["height"]) == (map_["y"], map_["height"])  # it covers the map, and moves nothing
        return page


@pytest.fixture(scope="module")
def office(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    if reason := browser.why_not():
        pytest.skip(reason)
    var = tmp_path_factory.mktemp("office")
    with psycopg.connect(module_database) as db:
        Store(db).enrol(Enrolment(terminal="jt808/0", plate=PLATE, company="昆山出租"), NOON)
    fixes = batch(30)
    fixes.rows["flags"] = 0
    fixes.rows["lat"][3] = -31.25
    said = {"terminal": "jt905/1", "message": "silence", "frame": "7e0b02", "reports": []}
    spool = spool_in(var / "spool")
    spool.append([fix_entry(fixes), Entry("message", 1, json.dumps([said]).encode()), Entry("gossip", 1, b"\xff")])
    with psycopg.connect(module_database) as db:
        db.execute("ALTER TABLE position ADD CONSTRAINT north CHECK (lat > 0)")
        db.execute("ALTER TABLE message ADD CONSTRAINT loud CHECK (name <> 'silence')")
    with writing(module_database, var / "spool"):
        wait_for(module_database, 3).close()
    with ExitStack() as running:
        console = running.enter_context(stack.console(var, module_database))
        for role in ("auditor", "dispatcher"):
            made = stack.account({"TAXIHUB_DATABASE_URL": module_database}, "create", role, "--role", role)
            assert made.returncode == 0, made.stderr
        context = running.enter_context(browser.chromium(var / "profile"))
        yield Office(console, module_database, context, var)


def test_a_dispatcher_sees_nothing_of_it(office: Office):
    expect(office.page("dispatcher").get_by_role("button", name=re.compile("数据维护"))).to_have_count(0)


def test_an_auditor_looks_and_changes_nothing(office: Office):
    page = office.screen("auditor")
    expect(page.get_by_role("row")).to_have_count(4)
    expect(page.get_by_text("只有管理员可以重试。")).to_be_visible()
    expect(page.get_by_role("button", name=TRY)).to_have_count(0)
    expect(page.get_by_role("button", name="全部重试")).to_have_count(0)


def test_each_row_tells_what_was_refused_and_why(office: Office):
    page = office.screen()
    expect(page.get_by_role("button", name="数据维护：隔离 3 条")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="定位")
    expect(row).to_contain_text("jt808/0")
    expect(row).to_contain_text("north")
    row.get_by_role("button", name=LOOK).click()
    expect(page.get_by_role("region", name="解码内容")).to_contain_text('"lat": -31.25')
    expect(page.get_by_role("region", name="原始字节")).to_contain_text("54 58 46 31")
    page.get_by_role("row").filter(has_text="gossip").get_by_role("button", name=LOOK).click()
    expect(page.get_by_text("无法解码")).to_be_visible()
    expect(page.get_by_role("region", name="原始字节")).to_have_text("ff")
    with psycopg.connect(office.database) as db:
        (seen,) = db.execute("SELECT count(*) FROM journal WHERE action = 'quarantine.view'").fetchone() or (0,)
    assert seen == 2


def test_it_is_accessible_and_english_is_complete(office: Office):
    page = office.screen()
    page.get_by_role("button", name=LOOK).first.click()
    expect(page.get_by_role("region", name="原始字节")).to_be_visible()
    for other in ("夜间模式", "日间模式"):
        assert browser.violations(page) == []
        page.get_by_role("button", name=other).click()
    small = page.evaluate(
        """() => [...document.querySelectorAll('.sheet button')].map((e) => [e.innerText, e.getBoundingClientRect()])
            .filter(([, box]) => box.width < 24 || box.height < 24).map(([text]) => text)"""
    )
    assert small == []
    page.get_by_role("button", name="English").click()
    shown = page.locator(".sheet").inner_text().replace("昆山", "").replace("名", "")
    assert "Quarantine" in shown
    assert not HAN.search(shown), HAN.findall(shown)


def test_by_keyboard_it_opens_tries_again_and_closes(office: Office):
    page = office.page()
    opener = page.get_by_role("button", name=re.compile("^数据维护"))
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="数据维护")).to_be_focused()
    row = page.get_by_role("row").filter(has_text="jt808/0")
    for _ in range(20):
        page.keyboard.press("Tab")
        if row.get_by_role("button", name=TRY).evaluate("(e) => e === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(row).to_contain_text("仍被拒收")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="数据维护")).to_have_count(0)
    expect(opener).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox")).to_be_focused()


def test_once_the_cause_is_mended_all_of_it_is_stored_and_the_rest_stays(office: Office):
    page = office.screen()
    with psycopg.connect(office.database) as db:
        db.execute("ALTER TABLE position DROP CONSTRAINT north")
        db.execute("ALTER TABLE message DROP CONSTRAINT loud")
    page.get_by_role("button", name="全部重试").click()
    expect(page.get_by_text("已入库 2 条，仍被拒收 1 条。")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="已入库")).to_have_count(2)
    expect(page.get_by_role("row").filter(has_text="仍被拒收")).to_contain_text("gossip")
    expect(page.get_by_role("button", name="数据维护：隔离 1 条")).to_be_visible()
    page.get_by_role("button", name="刷新").click()
    expect(page.get_by_role("row")).to_have_count(2)
    with psycopg.connect(office.database) as db:
        db.execute("DELETE FROM quarantine")
    page.get_by_role("button", name="刷新").click()
    expect(page.get_by_text("隔离区是空的：收到的内容都已入库，没有等待处理的。")).to_be_visible()
    assert browser.violations(page) == []


def test_the_daily_work_is_told_with_its_failures(office: Office):
    page = office.screen()
    daily = page.get_by_role("region", name="每日维护")
    expect(daily).to_contain_text("尚未执行过。")
    expect(daily).to_contain_text("没有进程会自动执行")
    with psycopg.connect(office.database) as db:
        db.execute("UPDATE housekeeping SET next = '2026-11-24T19:30:00Z'")
    page.get_by_role("button", name="刷新").click()
    expect(daily).to_contain_text("本应于 2026-11-25 03:30:00 执行")
    in_the_way = office.var / "in the way"
    in_the_way.write_text("")
    for directory in (in_the_way, office.var / "archive"):
        rules = Rules(directory, "Asia/Shanghai", keep_days=10, compress_days=7)
        keeper = Housekeeper(office.database, rules, threading.Event())
        if directory == in_the_way:
            with pytest.raises(OSError, match="in the way"):
                keeper.once(datetime(2027, 1, 1, tzinfo=UTC))
            page.get_by_role("button", name="刷新").click()
            expect(daily).to_contain_text("失败，将再次尝试")
            expect(daily).to_contain_text("in the way")
        else:
            keeper.once(datetime(2027, 1, 1, tzinfo=UTC))
    page.get_by_role("button", name="刷新").click()
    expect(daily).to_contain_text("移入文件 1 天（30 个定位）")
    expect(daily).to_contain_text("当前数据库不支持压缩。")
    expect(daily).not_to_contain_text("失败")


def test_a_day_whose_file_is_missing_is_told_in_both_languages(office: Office):
    (file,) = (office.var / "archive").rglob("*.parquet")
    file.rename(file.with_suffix(".away"))
    page = office.page()
    page.keyboard.press("F2")
    page.keyboard.type("T1001")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="轨迹回放", exact=True).click()
    alert = page.get_by_role("region", name="轨迹回放").get_by_role("alert")
    expect(alert).to_contain_text("2026-11-25 的历史文件缺失或已被改动")
    expect(alert).to_contain_text(file.name)
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("alert")).to_contain_text("The file of 2026-11-25 is missing or was changed")
    file.with_suffix(".away").rename(file)
    page.reload()
    wait(lambda: page.evaluate("() => window.taxihub?.idle()"), "the map is drawn")
    page.keyboard.press("F2")
    page.keyboard.type("T1001")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_role("region", name="Replay")).to_contain_text("30 fixes")
