"""Databases that we start ourselves: whoever held one is killed, and nothing stays behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg
import pytest

from tests import stack
from tracking import timescale


def url_of(holder: stack.Running) -> str:
    def said() -> str | None:
        assert holder.process.poll() is None, holder.said()
        return next((line for line in holder.said().splitlines() if line.startswith("postgresql://")), None)

    return stack.eventually(said, "the database says where it is")


def postmaster(url: str) -> int:
    """Process id of the server, which is another machine's business only for servers of somebody else."""
    with psycopg.connect(url, autocommit=True) as db:
        (directory,) = db.execute("SHOW data_directory").fetchone() or ("",)
    return int((Path(directory) / "postmaster.pid").read_text().splitlines()[0])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")


def hold(var: Path, kind: str, name: str) -> tuple[list[str], Path, dict[str, str]]:
    return [sys.executable, "-m", "tracking", "database", kind], var / name, {"TAXIHUB_VAR": str(var)}


def test_an_embedded_server_whose_holder_was_killed_ends_with_the_next_holder(tmp_path: Path):
    command, log, env = hold(tmp_path, "embedded", "first")
    with stack.running("database", command, log, env) as first:
        server = postmaster(url_of(first))
        first.kill()
        assert alive(server)
    command, log, env = hold(tmp_path, "embedded", "second")
    with stack.running("database", command, log, env) as second:
        assert postmaster(url_of(second)) == server
    stack.eventually(lambda: not alive(server), "the server ends with its last holder")


@pytest.mark.timescale
def test_a_timescale_server_ends_when_its_holder_is_killed(tmp_path: Path):
    if reason := timescale.why_not():
        pytest.skip(reason)
    command, log, env = hold(tmp_path, "timescale", "log")
    with stack.running("database", command, log, env) as holder:
        url = url_of(holder)
        directory = Path(url.rpartition("host=")[2])
        server = int((directory / "postmaster.pid").read_text().splitlines()[0])
        holder.kill()
        stack.eventually(lambda: not alive(server), "the server ends with its holder")
    timescale.remove((tmp_path / "timescale.name").read_text())
