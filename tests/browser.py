"""A real Chromium for tests and screenshots, with WebGL2 in software and a profile of its own."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "dashboard" / "static" / "index.html"
AXE = ROOT / "dashboard" / "web" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = (
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def why_not() -> str:
    """What keeps browser tests from running; "" when nothing does."""
    if shutil.which("chromium") is None:
        return "no chromium here: apt-get install chromium fonts-noto-cjk"
    if not BUILT.is_file() or not AXE.is_file():
        return "the console is not built: npm ci and npm run build in dashboard/web"
    return ""


@contextmanager
def chromium(profile: Path, width: int = 1600, height: int = 900) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), headless=True, args=list(FLAGS),
            viewport={"width": width, "height": height}, color_scheme="light",
        )  # fmt: skip
        try:
            yield context
        finally:
            context.close()


def wait(look: Callable[[], Any], what: str, patience_s: float = 30) -> Any:
    """The first true result. Unlike `wait_for_function`, nothing is evaluated as a string in the page."""
    end = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < end, f"waited {patience_s:g} s in vain: {what}"
        time.sleep(0.05)
    return found


def log_in(page: Page, url: str, user: str, password: str) -> None:
    """Until the map stands with its tiles. A cookie of before is used: cookies do not know ports."""
    page.goto(url)
    wait(lambda: page.locator("#user, .map").count(), "the console appears")
    if page.locator("#user").count():
        page.locator("#user").fill(user)
        page.locator("#password").fill(password)
        page.keyboard.press("Enter")
    wait(lambda: page.evaluate("() => window.taxihub?.idle()"), "the map is drawn")


def vehicles(page: Page) -> dict[str, dict[str, Any]]:
    """What the console knows, by plate."""
    return {vehicle["plate"]: vehicle for vehicle in page.evaluate("() => window.taxihub.vehicles()")}


def pixels(context: BrowserContext, png: bytes) -> list[tuple[int, int, int]]:
    """All pixels of a picture, decoded by the browser itself."""
    page = context.new_page()
    flat = page.evaluate(
        """async (png) => {
            const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
            const canvas = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
            canvas.drawImage(picture, 0, 0);
            return Array.from(canvas.getImageData(0, 0, picture.width, picture.height).data);
        }""",
        base64.b64encode(png).decode(),
    )
    page.close()
    return [(flat[i], flat[i + 1], flat[i + 2]) for i in range(0, len(flat), 4)]


def violations(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA, a line each."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("(tags) => axe.run(document, { runOnly: tags })", STANDARDS)
    return [f"{v['id']}: {v['help']}: {node['html'][:160]}" for v in found["violations"] for node in v["nodes"]]
