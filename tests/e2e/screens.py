"""Pictures of the console over a demo of its own, by day in Chinese and by night in English."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from tests import browser, stack
from tests.browser import wait

LOOKS = (("zh", "day"), ("en", "night"))
REPLAY = {"zh": "轨迹回放", "en": "Replay"}


def settled(page: Page) -> None:
    wait(lambda: page.evaluate("() => window.taxihub.idle()"), "the map is drawn")
    page.wait_for_timeout(1500)


def picture(page: Page, path: Path) -> None:
    page.screenshot(path=path, type="jpeg", quality=85)


def take(page: Page, url: str, language: str, theme: str, out: Path) -> None:
    """The map, the newest vehicle near by, and its last day. Leaves the choice of look behind."""
    page.evaluate(
        "([language, theme]) => { localStorage.setItem('taxihub.language', language);"
        " localStorage.setItem('taxihub.theme', theme); }",
        [language, theme],
    )
    page.goto(url)
    wait(lambda: page.evaluate("() => window.taxihub?.vehicles().some((v) => v.placed)"), "vehicles with a place")
    settled(page)
    look = f"{language}-{theme}.jpg"
    picture(page, out / f"map-{look}")
    placed = [v for v in browser.vehicles(page).values() if v["placed"]]
    plate = min(placed, key=lambda v: v["age_s"])["plate"]
    page.keyboard.press("F2")
    page.keyboard.type(plate)
    page.get_by_role("option", name=plate).click()
    page.locator("aside h2", has_text=plate).wait_for()
    settled(page)
    picture(page, out / f"vehicle-{look}")
    page.get_by_role("button", name=REPLAY[language], exact=True).click()
    page.locator(".replay .bar").wait_for()
    page.wait_for_timeout(1500)
    settled(page)
    picture(page, out / f"replay-{look}")


def pictures(url: str, user: str, password: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile, browser.chromium(Path(profile), 1280, 720) as context:
        page = context.new_page()
        page.goto(url)
        page.locator("#user").wait_for()
        picture(page, out / "log-in.jpg")
        browser.log_in(page, url, user, password)
        for language, theme in LOOKS:
            take(page, url, language, theme, out)
    print(f"{len(list(out.glob('*.jpg')))} pictures in {out}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.screens", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--drive-s", type=float, default=240, help="how long taxis drive before the pictures")
    args = parser.parse_args()
    if reason := browser.why_not():
        print(f"screens: {reason}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        var = Path(directory) / "var"
        command = [sys.executable, "-m", "simulator", "demo", "--var", str(var)]
        with stack.running("demo", command, Path(directory)) as demo:
            stack.eventually((var / "run.json").exists, f"the demo runs: {demo.said()}", 200)
            state = json.loads((var / "run.json").read_text())
            time.sleep(args.drive_s)
            pictures(state["url"], state["logins"][1]["user"], state["logins"][1]["password"], args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
