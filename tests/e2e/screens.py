"""Pictures of a running console, day and night, in both languages: `python -m tests.e2e.screens URL USER OUT`.

The password is read from TAXIHUB_SCREENS_PASSWORD or from standard input.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tests import browser
from tests.browser import wait

LOOKS = (("zh", "day"), ("en", "day"), ("zh", "night"), ("en", "night"))
REPLAY = {"zh": "轨迹回放", "en": "Replay"}


def settled(page: Page) -> None:
    wait(lambda: page.evaluate("() => window.taxihub.idle()"), "the map is drawn")
    page.wait_for_timeout(1500)


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
    look = f"{language}-{theme}.png"
    page.screenshot(path=out / f"map-{look}")
    placed = [v for v in browser.vehicles(page).values() if v["placed"]]
    plate = min(placed, key=lambda v: v["age_s"])["plate"]
    page.keyboard.press("F2")
    page.keyboard.type(plate)
    page.get_by_role("option", name=plate).click()
    page.locator("aside h2", has_text=plate).wait_for()
    settled(page)
    page.screenshot(path=out / f"vehicle-{look}")
    page.get_by_role("button", name=REPLAY[language], exact=True).click()
    page.locator(".replay .bar").wait_for()
    page.wait_for_timeout(1500)
    settled(page)
    page.screenshot(path=out / f"replay-{look}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.screens", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("user")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    if reason := browser.why_not():
        print(f"screens: {reason}", file=sys.stderr)
        return 2
    password = os.environ.get("TAXIHUB_SCREENS_PASSWORD") or sys.stdin.readline().rstrip("\n")
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile, browser.chromium(Path(profile)) as context:
        page = context.new_page()
        page.goto(args.url)
        page.locator("#user").wait_for()
        page.screenshot(path=args.out / "log-in.png")
        browser.log_in(page, args.url, args.user, password)
        for language, theme in LOOKS:
            take(page, args.url, language, theme, args.out)
    print(f"{len(list(args.out.glob('*.png')))} pictures in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
