"""Passengers who telephone: what they do when it takes too long, and that they do it through a real bureau."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from dispatch.migrate import migrate
from simulator.calls import DISPATCHER, NOBODY_S, TAKER, Call, wish
from simulator.city.generate import PLACES_FILE
from simulator.riders import Rider, comes
from tests import stack

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
PATIENCE_S, DOOR_TIMES = 300.0, 4.0
RIDER = Rider(0.0, 0j, 1j, False, False, False, True, PATIENCE_S, True)


def wished(state: str, *, wait_s: float = 0.0, since_s: float = 0.0, shows: bool = True) -> tuple[str, str] | None:
    booking = {"state": state, "wait_s": wait_s, "changed": (NOW - timedelta(seconds=since_s)).isoformat()}
    told = wish(Call(RIDER, shows), booking, DOOR_TIMES, NOW)
    return told and told[:2]


@pytest.mark.parametrize("state", ["waiting", "offered"])
def test_who_is_promised_nothing_gives_up_when_his_patience_ends(state: str):
    assert wished(state, wait_s=PATIENCE_S) is None
    assert wished(state, wait_s=PATIENCE_S + 1) == (TAKER, "cancel")


@pytest.mark.parametrize("state", ["accepted", "en_route"])
def test_who_was_promised_a_taxi_bears_it_longer(state: str):
    assert wished(state, wait_s=9999, since_s=DOOR_TIMES * PATIENCE_S) is None
    assert wished(state, since_s=DOOR_TIMES * PATIENCE_S + 1) == (TAKER, "cancel")


def test_a_driver_at_whose_door_nobody_appears_rings_up_the_dispatcher():
    assert wished("arrived", since_s=NOBODY_S + 1, shows=False) == (DISPATCHER, "miss")
    assert wished("arrived", since_s=NOBODY_S, shows=False) is None
    assert wished("arrived", since_s=NOBODY_S + 1) is None


def test_who_is_aboard_has_nothing_to_tell():
    assert wished("on_board", wait_s=9999, since_s=9999) is None


def test_the_share_of_those_who_do_not_come_is_that_of_the_scenario():
    rng = np.random.default_rng(1)
    doors = rng.uniform((31.2, 120.8), (31.5, 121.1), (20_000, 2))
    missed = sum(not comes(lat, lon, 0.1) for lat, lon in doors)
    assert 1800 < missed < 2200
    assert all(comes(lat, lon, 0.0) for lat, lon in doors)


def test_the_place_is_told_from_its_rounded_degrees_on_both_sides():
    assert {comes(31.38501, 120.95499, 0.5), comes(31.385, 120.955, 0.5)} != {True, False}


SCENARIO = """
title = "nobody drives, everybody calls"
seed = 1
taxis = 1
companies = ["鹿鸣出租"]
protocols = { jt905 = 1.0 }
editions = { 2019 = 1.0 }

[riders]
low_per_h = 40000
middle_per_h = 40000
high_per_h = 40000
patience_s = 2
"""


@pytest.mark.timeout(200)
def test_they_call_the_bureau_itself_and_cancel_when_no_taxi_is_found(database: str, city: Path, tmp_path: Path):
    migrate(database)
    listed = [sys.executable, "-m", "dispatch", "places", str(city / PLACES_FILE)]
    subprocess.run(listed, check=True, cwd=stack.ROOT, env={**os.environ, "TAXIHUB_DATABASE_URL": database})
    (tmp_path / "scenario.toml").write_text(SCENARIO, "utf-8")
    with stack.console(tmp_path, database) as console:
        logins: list[dict[str, Any]] = []
        for role in (TAKER, DISPATCHER):
            made = stack.account({"TAXIHUB_DATABASE_URL": database}, "create", role, "--role", role)
            assert made.returncode == 0, made.stderr
            logins.append({"user": role, "password": stack.PASSWORD, "role": role})
        (tmp_path / "logins.json").write_text(json.dumps(logins), "utf-8")
        command = [
            sys.executable, "-m", "simulator", "call", "--scenario", str(tmp_path / "scenario.toml"),
            "--city", str(city), "--bureau", console.url, "--logins", str(tmp_path / "logins.json"),
        ]  # fmt: skip
        with stack.running("callers", command, tmp_path) as callers, psycopg.connect(database, autocommit=True) as db:

            def states() -> Counter[str]:
                return Counter(dict(db.execute("SELECT state, count(*) FROM booking GROUP BY state").fetchall()))

            stack.eventually(lambda: states()["cancelled_by_passenger"] >= 3, "some callers gave up", 120)
            assert callers.process.poll() is None, callers.said()
            row = db.execute(
                "SELECT b.channel, b.phone_sealed IS NOT NULL, t.who, t.reason FROM booking b JOIN transition t"
                " ON t.booking_id = b.id AND t.event = 'cancel' LIMIT 1"
            ).fetchone()
            assert row is not None
            assert row[0] in ("phone", "online")
            assert row[1:] == (True, TAKER, "乘客来电：等不及了")
