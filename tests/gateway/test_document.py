"""The pages under docs/protocols are what the tables say today, and name everything that is published."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.document import pages
from gateway.report import KINDS, Alarm, Status, names

PAGES = Path(__file__).resolve().parents[2] / "docs" / "protocols"


@pytest.mark.parametrize("name", pages())
def test_a_page_is_not_stale(name: str):
    text = (PAGES / name).read_text("utf-8")
    assert text == pages()[name], "run: python -m gateway document docs/protocols"


def test_every_published_name_is_listed():
    text = pages()["reports.md"]
    for name in (*KINDS.values(), *names(~Alarm(0)), *names(~Status(0))):
        assert f"`{name}`" in text or f"## {name}" in text


def test_the_command_writes_the_pages(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "document", str(tmp_path / "new")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {p.name: p.read_text("utf-8") for p in (tmp_path / "new").iterdir()} == pages()


def test_a_directory_that_cannot_be_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "document", str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "exists" in done.stderr
