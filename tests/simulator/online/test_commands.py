"""`python -m simulator` as its users run it: in a shell, against listening sockets, stopped by a signal."""

import asyncio
import json
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE

import pytest

from gateway.catalog import PROTOCOLS
from gateway.enrolment import parse_csv
from gateway.report import Flag, Status
from simulator import replay, scenario
from simulator.city.generate import CITY_FILE, PLACES_FILE
from simulator.roll import to_csv

Done = tuple[int, str, str]


async def start(*arguments: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", *map(str, arguments), stdout=PIPE, stderr=PIPE
    )


async def finish(process: asyncio.subprocess.Process) -> Done:
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def run(*arguments: object) -> Done:
    return await finish(await start(*arguments))


@pytest.mark.parametrize("command", [[], ["city"], ["roll"], ["drive"], ["replay"]])
async def test_help_is_given(command: list[str]):
    code, out, _ = await run(*command, "--help")
    assert code == 0
    assert "usage: python -m simulator" in out


async def test_city_writes_its_files(city: Path, tmp_path: Path):
    code, out, _ = await run("city", "--out", tmp_path / "new")
    assert code == 0
    assert "road ways" in out
    for name in (CITY_FILE, PLACES_FILE):
        assert (tmp_path / "new" / name).read_bytes() == (city / name).read_bytes()


async def test_roll_is_what_the_gateway_imports(tmp_path: Path):
    code, _, _ = await run("roll", "--scenario", "kunshan", "--out", tmp_path / "roll.csv")
    rows = parse_csv((tmp_path / "roll.csv").read_bytes(), PROTOCOLS)
    assert code == 0
    assert Counter(row.terminal.split("/")[0] for row in rows) == {"jt905": 135, "jt808": 135, "mqtt": 30}
    assert len({row.plate for row in rows}) == 300
    assert len({row.company for row in rows}) >= 3
    assert all(row.plate.startswith("苏ET") for row in rows)


async def test_drive_reports_until_it_is_told_to_stop(city: Path, gateway, broker, tmp_path: Path, until):
    cabs = scenario.load("handful").cabs()
    gateway.enrol(*cabs)
    tcp = {cab.key for cab in cabs if cab.protocol != "mqtt"}
    ledger = tmp_path / "ledger.jsonl"
    process = await start(
        "drive", "--scenario", "handful", "--city", city, "--jt808", f"127.0.0.1:{gateway.ports['jt808']}",
        "--jt905", f"127.0.0.1:{gateway.ports['jt905']}", "--mqtt", f"127.0.0.1:{broker.port}",
        "--state", tmp_path / "state", "--ledger", ledger,
    )  # fmt: skip
    await until(lambda: Counter(row["terminal"] for row in gateway.stored()) >= Counter(dict.fromkeys(tcp, 3)), 60)
    process.send_signal(signal.SIGTERM)
    code, _, err = await finish(process)
    assert (code, "Traceback" in err) == (0, False), err
    assert "stopped" in err
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    acknowledged = {(one["terminal"], one["time"], one["identity"]) for one in lines if one["acked_at"]}
    sent = {(one["terminal"], one["time"], one["identity"]) for one in lines}
    stored = {(row["terminal"], row["time"].isoformat(), row["identity"]) for row in gateway.stored()}
    assert {key for key, _, _ in acknowledged} == {cab.key for cab in cabs}
    assert {one for one in acknowledged if one[0] in tcp} <= stored <= sent
    assert all(row["flags"] == 0 for row in gateway.stored())
    assert all(31.1 < row["lat"] < 31.55 and 120.79 < row["lon"] < 121.17 for row in gateway.stored())


async def test_drive_outlives_a_platform_that_is_not_there(city: Path, tmp_path: Path):
    state = tmp_path / "state"
    process = await start(
        "drive", "--scenario", "handful", "--city", city, "--jt905", "127.0.0.1:1", "--taxis", "4", "--state", state
    )
    assert process.stderr is not None
    said = ""
    while "platform not reached" not in said:
        said += (await asyncio.wait_for(process.stderr.readline(), 60)).decode()
    process.send_signal(signal.SIGINT)
    code, _, err = await finish(process)
    assert (code, "Traceback" in said + err) == (0, False), said + err
    assert "127.0.0.1:1" in said
    kept = [json.loads(file.read_text())["fixes"] for file in state.iterdir()]
    assert any(kept), "what nobody acknowledged is kept for the next run"


@pytest.mark.parametrize("protocol", ["jt808", "jt905"])
async def test_replay_brings_every_recorded_fix_with_its_own_time(shared: Path, gateway, tmp_path: Path, protocol: str):
    paths = sorted((shared / "data" / "sf_cabspotting").glob("*.txt"))
    assert len(paths) == 5
    code, _, _ = await run("replay", *paths, "--protocol", protocol, "--roll", tmp_path / "roll.csv")
    assert code == 0
    gateway.roll.enrol(parse_csv((tmp_path / "roll.csv").read_bytes(), PROTOCOLS))
    address = f"127.0.0.1:{gateway.ports[protocol]}"
    code, _, err = await run(
        "replay", *paths, "--protocol", protocol, "--gateway", address, "--limit", "300", "--as-fast-as-acknowledged"
    )
    assert code == 0, err
    for path, cab in zip(paths, replay.cabs(paths, protocol), strict=True):
        rows = replay.read(path)[:300]
        stored = gateway.stored(cab.key)
        assert [row["time"] for row in stored] == [datetime.fromtimestamp(row.time, UTC) for row in rows]
        assert {row["flags"] for row in stored} == {Flag.BACKFILL}
        for row, sent in zip(stored, rows, strict=True):
            assert (row["lat"], row["lon"]) == pytest.approx((sent.lat, sent.lon), abs=2e-6)
            assert bool(Status(row["status"]) & Status.OCCUPIED) == sent.occupied


async def test_replay_at_speed_is_live(gateway, tmp_path: Path):
    trace = tmp_path / "new_abc.txt"
    trace.write_text("".join(f"37.7{i} -122.4 {i % 2} {1_211_000_000 + 60 * i}\n" for i in reversed(range(10, 20))))
    gateway.enrol(replay.cab_of(trace, "jt905"))
    code, _, err = await run(
        "replay", trace, "--protocol", "jt905", "--gateway", f"127.0.0.1:{gateway.ports['jt905']}", "--speed", "2000"
    )
    assert code == 0, err
    stored = gateway.stored()
    assert [row["time"].timestamp() for row in stored] == [1_211_000_000 + 60 * i for i in range(10, 20)]
    assert {row["flags"] for row in stored} == {0}
    assert [bool(row["status"] & Status.PICK_UP_EDGE) for row in stored] == [False, True] * 5


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["roll", "--scenario", "atlantis"], "no scenario 'atlantis' (shipped: handful, kunshan"),
        (["drive", "--city", "nowhere", "--jt905", "127.0.0.1:1"], "cannot read roads from nowhere"),
        (["drive", "--city", "nowhere"], "no taxi to drive"),
        (["drive", "--city", "nowhere", "--jt905", "7000"], "'7000' is not HOST:PORT"),
        (["replay", "nothing.txt", "--protocol", "jt905", "--gateway", "127.0.0.1:1"], "cannot read nothing.txt"),
        (["replay", "x.txt", "--protocol", "mqtt"], "invalid choice: 'mqtt'"),
        (["replay", "x.txt", "--protocol", "jt905", "--speed", "0"], "'0' is not above 0"),
    ],
)
async def test_mistakes_are_told_in_a_line(arguments: list[str], complaint: str):
    code, _, err = await run(*arguments)
    assert code != 0
    assert complaint in err
    assert "Traceback" not in err


def test_the_shipped_scenarios_make_rolls_without_doubles():
    for name in scenario.names():
        rows = parse_csv(to_csv(scenario.load(name).cabs()).encode(), PROTOCOLS)
        assert len(rows) == scenario.load(name).taxis
