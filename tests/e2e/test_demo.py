"""`make run` as its user has it: one command, a city of taxis in the browser, real traces, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.report import BAD
from tests import browser, stack
from tests.browser import vehicles, wait

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
CABS = ("new_abboip", "new_aiwalb", "new_akgicjud", "new_ugthfu", "new_uvreoipy")
FIXES = 150
SAN_FRANCISCO = (36.5, 38.5, -123.5, -121.0)


@dataclass
class Demo:
    running: stack.Running
    var: Path
    state: dict[str, Any]

    def ask(self, path: str, **more: Any) -> Any:
        """The API, logged in as the demo's administrator."""
        login = self.state["logins"][0]
        body = json.dumps({"user": login["user"], "password": login["password"]}).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.state["url"] + "/api/v1/session", body, headers)
        token = json.load(urllib.request.urlopen(request, timeout=10))["token"]
        request = urllib.request.Request(self.state["url"] + path, headers={"authorization": f"Bearer {token}"})
        return json.load(urllib.request.urlopen(request, timeout=10))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    if reason := browser.why_not():
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("demo")
    var = directory / "var"
    command = [sys.executable, "-m", "simulator", "demo", "--scenario", "handful", "--region", "world"]
    with stack.running("demo", [*command, "--var", str(var)], directory) as running:
        stack.eventually(
            lambda: running.process.poll() is not None or (var / "run.json").exists(), "the demo runs", 200
        )
        assert running.process.poll() is None, running.said()
        yield Demo(running, var, json.loads((var / "run.json").read_text()))


def test_it_says_where_it_is_and_who_may_enter(demo: Demo):
    assert set(demo.state) == {"url", "logins", "ports", "database_url"}
    assert {"jt808", "jt905", "mqtt"} <= set(demo.state["ports"])
    said = demo.running.said()
    for login in demo.state["logins"]:
        assert set(login) == {"user", "password", "role"}
        assert login["password"] in said
    assert demo.state["url"] in said
    assert (demo.var / "run.json").stat().st_mode & 0o077 == 0
    assert json.load(urllib.request.urlopen(demo.state["url"] + "/healthz", timeout=10))["status"] == "up"


def test_a_simulated_taxi_is_seen_to_move(demo: Demo):
    """On the console's own map, between two looks at the canvas; its terminals speak all three protocols."""
    login = demo.state["logins"][1]
    with browser.chromium(demo.var / "profile") as context:
        page = context.new_page()
        browser.log_in(page, demo.state["url"], login["user"], login["password"])
        before = wait(lambda: (v := vehicles(page)) and all(c["placed"] for c in v.values()) and v, "all taxis stand")
        assert len(before) == 12

        def moved() -> list[str]:
            now = vehicles(page)
            return [
                p for p, v in before.items() if abs(now[p]["lat"] - v["lat"]) + abs(now[p]["lon"] - v["lon"]) > 2e-4
            ]

        plate = wait(moved, "a taxi moves")[0]
        page.keyboard.press("F2")
        page.keyboard.type(plate)
        page.get_by_role("option", name=plate).click()
        page.locator("aside h2", has_text=plate).wait_for()
        page.get_by_role("button", name="跟随", exact=True).click()
        first = page.locator(".map").screenshot()
        wait(lambda: page.locator(".map").screenshot() != first, "the picture of the map changes")
    spoken = {item["terminal"].partition("/")[0] for item in demo.ask("/api/v1/vehicles")["items"]}
    assert spoken == {"jt808", "jt905", "mqtt"}


def test_real_cabs_are_replayed_as_terminals_and_stand_on_the_map(demo: Demo, shared: Path):
    files = [str(shared / "data" / "sf_cabspotting" / f"{name}.txt") for name in CABS]
    roll = demo.var / "cabs.csv"
    replay = [sys.executable, "-m", "simulator", "replay", "--protocol", "jt808"]
    subprocess.run([*replay, "--roll", str(roll), *files], check=True, cwd=stack.ROOT)
    imported = [sys.executable, "-m", "gateway", "roll", "import", str(roll)]
    subprocess.run(imported, check=True, cwd=stack.ROOT, env={**os.environ, "TAXIHUB_VAR": str(demo.var)})
    port = demo.state["ports"]["jt808"]
    replay += ["--limit", str(FIXES), "--speed", "100000", "--gateway", f"127.0.0.1:{port}", *files]
    subprocess.run(replay, check=True, cwd=stack.ROOT, timeout=200)
    sent = {name: oldest(Path(file)) for name, file in zip(CABS, files, strict=True)}
    with psycopg.connect(demo.state["database_url"], autocommit=True) as db:
        query = f"SELECT count(*) FROM fix WHERE time < '2009-01-01' AND flags & {int(BAD)} = 0"
        total = sum(len(times) for times in sent.values())
        stack.eventually(lambda: db.execute(query).fetchone() == (total,), "every fix is a good row", 60)
    south, north, west, east = SAN_FRANCISCO
    items = demo.ask("/api/v1/vehicles?limit=1000")["items"]
    there = [v for v in items if v["last"] and south < v["last"]["lat"] < north and west < v["last"]["lon"] < east]
    assert len(there) == len(CABS)
    with browser.chromium(demo.var / "profile2") as context:
        page = context.new_page()
        login = demo.state["logins"][1]
        browser.log_in(page, demo.state["url"], login["user"], login["password"])
        plates = {v["plate"] for v in there}
        wait(lambda: (v := vehicles(page)) and all(v.get(p, {}).get("placed") for p in plates), "the cabs stand there")


def oldest(file: Path) -> set[int]:
    """Times of the oldest fixes of a trace, which stands newest first."""
    return {int(line.split()[3]) for line in file.read_text().splitlines()[-FIXES:]}


def test_ctrl_c_stops_it_all(demo: Demo):
    mine = str(demo.var)
    assert [p for p in processes() if mine in p]
    demo.running.process.send_signal(signal.SIGINT)
    assert demo.running.process.wait(60) == 0, demo.running.said()
    assert [p for p in processes() if mine in p] == []
    assert not (demo.var / "run.json").exists()


def processes() -> list[str]:
    """Command lines and environments of all processes."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            command = (directory / "cmdline").read_bytes()
            found.append((command + b" " + (directory / "environ").read_bytes()).decode("utf-8", "replace"))
        except OSError:
            continue
    return [text for text in found if "taxihub" in text or "TAXIHUB_VAR" in text or "postgres" in text]
