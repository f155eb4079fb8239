"""Several gateways for one fleet: on machines of their own, and as workers behind one port."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from gateway import command
from tests import load, stack
from tests.centre import Centre
from tests.checker import Ledger, check
from tests.terminals import ISU, NUMBER, Terminal808, Terminal905

CAR, TAXI = f"jt808/{NUMBER.lstrip('0')}", f"jt905/{ISU}"
CARS = (f"{NUMBER},jt808,苏ET1001,taxi,", f"{ISU},jt905,苏ET1002,taxi,")
STREET = "127.0.0.2"


@contextmanager
def two(tmp_path: Path, database: str) -> Iterator[tuple[Centre, Centre]]:
    """Two machines: a roll, a spool and a writer each; the first one's desk leads."""
    with stack.bus(tmp_path / "bus") as bus:
        near, far = tmp_path / "near", tmp_path / "far"
        for var in (near, far):
            stack.enrol(var, CARS)
        with (
            stack.writer(near, database, poll_s="0.02"),
            stack.writer(far, database, poll_s="0.02"),
            stack.gateway(near, bus_url=bus.url, answer_s="2") as first,
        ):
            one = Centre(near, bus, first, database)
            stack.eventually(one.hears, "the first gateway hears commands")
            with stack.gateway(far, bus_url=bus.url, answer_s="2") as second:
                yield one, Centre(far, bus, second, database)


def text(words: str) -> command.Command:
    return command.SendText(terminal=CAR, text=words)


def test_a_command_finds_the_terminal_at_another_gateway_and_its_answer_comes_back(tmp_path: Path, database: str):
    with two(tmp_path, database) as (desk, far), Terminal808(far.process.ports["jt808"]) as terminal:
        terminal.log_in()
        order = desk.say(text("前方拥堵"), id="text-1")
        heard = terminal.hear()
        assert heard.fields["text"] == "前方拥堵"
        terminal.acknowledge(heard)
        assert desk.steps(order["id"], "acknowledged")[-1] == ("acknowledged", "ok")
        assert [state for state, _ in desk.steps(order["id"], "acknowledged")].count("acknowledged") == 1
        again = desk.say(text("前方拥堵"), id="text-1")
        assert again["state"] == "acknowledged"
        assert terminal.hears_nothing()


def test_a_command_waits_for_a_terminal_wherever_it_comes(tmp_path: Path, database: str):
    with two(tmp_path, database) as (desk, far):
        assert desk.say(text("回场"), id="text-2")["state"] == "queued"
        with Terminal808(far.process.ports["jt808"]) as terminal:
            terminal.log_in()
            terminal.acknowledge(terminal.hear())
            desk.steps("text-2", "acknowledged")


def test_what_the_terminal_cannot_be_told_fails_from_afar_too(tmp_path: Path, database: str):
    with two(tmp_path, database) as (desk, far), Terminal905(far.process.ports["jt905"], ISU) as terminal:
        terminal.say(0x0002, {})
        stack.eventually(lambda: known(desk), "the desk has heard where the terminal is")
        desk.say(command.QueryAttributes(terminal=TAXI), id="no")
        assert desk.steps("no", "failed")[-1] == ("failed", "unsupported")


def known(desk: Centre) -> bool:
    return desk.counted()["elsewhere"] == 1


def test_a_terminal_that_moves_is_fenced_from_its_former_gateway(tmp_path: Path, database: str):
    with two(tmp_path, database) as (desk, far), Terminal808(desk.process.ports["jt808"]) as former:
        code = former.register()
        assert former.authenticate(code) == 0
        stack.eventually(lambda: known(desk), "the other gateway has heard where the terminal is")
        with Terminal808(far.process.ports["jt808"]) as terminal:
            terminal.log_in()
            assert former.closed()
            desk.say(text("你好"), id="text-3")
            terminal.acknowledge(terminal.hear())
            desk.steps("text-3", "acknowledged")
        told = stack.eventually(lambda: desk.reports("take_over") or None, "the take-over is reported")
        assert [(one["address"], one["former_address"], one["refused"]) for one in told] == [
            ("127.0.0.1", "127.0.0.1", False)
        ]


def test_who_has_no_code_is_turned_away_while_the_terminal_is_heard_elsewhere(tmp_path: Path, database: str):
    with two(tmp_path, database) as (desk, far), Terminal905(desk.process.ports["jt905"], ISU) as terminal:
        terminal.say(0x0002, {})
        stack.eventually(lambda: known(desk), "it is known")
        with Terminal905(far.process.ports["jt905"], ISU, source=STREET) as intruder:
            intruder.socket.sendall(intruder.frame(0x0002, {}))
            assert intruder.closed()
        terminal.say(0x0002, {})
        told = stack.eventually(lambda: desk.reports("take_over") or None, "the attempt is reported")
        assert [(one["address"], one["refused"]) for one in told] == [(STREET, True)]


def test_when_the_holder_dies_the_terminal_is_at_home_elsewhere_and_the_next_desk_takes_over(
    tmp_path: Path, database: str
):
    with two(tmp_path, database) as (desk, far), Terminal808(desk.process.ports["jt808"]) as former:
        former.log_in()
        stack.eventually(lambda: known(desk), "the other gateway has heard where the terminal is")
        desk.process.running.kill()
        with stack.eventually(partial(came, far), "the terminal may come to the other gateway") as terminal:
            stack.eventually(far.hears, "the second desk takes commands")
            far.say(text("你好"), id="text-4")
            terminal.acknowledge(terminal.hear())
            far.steps("text-4", "acknowledged")


def came(gateway: Centre) -> Terminal808 | None:
    """The terminal, logged in from another address, unless it is turned away."""
    terminal = Terminal808(gateway.process.ports["jt808"], source=STREET)
    try:
        return terminal.log_in()
    except ConnectionError:
        return None


# workers behind one port

WORKERS = 3


@contextmanager
def workers(var: Path, bus: stack.Bus, **settings: str) -> Iterator[stack.GatewayProcess]:
    command_line = [sys.executable, "-m", "gateway", "serve", "--workers", str(WORKERS)]
    with stack.gateway(var, *command_line, bus_url=bus.url, **settings) as process:
        yield process


def pids(var: Path) -> list[int]:
    found: list[int] = json.loads((var / "gateway" / "listening.json").read_text())["workers"]
    return found


def test_workers_share_a_port_and_a_roll_and_a_killed_one_is_started_again(tmp_path: Path, database: str):
    with stack.bus(tmp_path) as bus:
        stack.enrol(tmp_path, [f"{n},jt808,苏E{n[-5:]},taxi," for n in load.numbers(24)])
        with workers(tmp_path, bus) as process, stack.writer(tmp_path, database, poll_s="0.02"):
            port, codes = process.ports["jt808"], {}
            for number in load.numbers(24):
                with Terminal808(port, number) as terminal:
                    codes[number] = terminal.register()
            terminals = [Terminal808(port, number) for number in load.numbers(24)]
            assert [one.authenticate(codes[one.number]) for one in terminals] == [0] * 24
            centre = Centre(tmp_path, bus, process, database)
            stack.eventually(centre.hears, "the desk hears commands")
            stack.eventually(lambda: centre.counted()["terminals"] == 24, "all are counted, wherever they are")
            assert len(list((tmp_path / "spool").glob("*/spool.sqlite"))) == WORKERS
            for n, one in enumerate(terminals):
                centre.say(command.SendText(terminal=f"jt808/{one.number.lstrip('0')}", text=f"第{n}辆"), id=f"t{n}")
                heard = one.hear()
                assert heard.fields["text"] == f"第{n}辆"
                one.acknowledge(heard)
            for n in range(24):
                centre.steps(f"t{n}", "acknowledged")
            os.kill(pids(tmp_path)[1], signal.SIGKILL)
            stack.eventually(lambda: "is started again" in process.running.said(), "the worker is started again")
            stack.eventually(lambda: centre.counted()["terminals"] < 24, "its terminals are gone")
            for one in terminals:
                one.socket.close()


def turned_over(process: stack.GatewayProcess, times: int) -> bool:
    return process.running.said().count("all workers were restarted") == times


def more_than(ledger: Ledger, fixes: int) -> bool:
    return len(ledger.read().acknowledged) > fixes


@pytest.mark.timeout(240)
def test_a_rolling_restart_under_load_loses_nothing(tmp_path: Path, database: str):
    numbers, ledger = load.numbers(12), Ledger(tmp_path / "ledger")
    with stack.bus(tmp_path) as bus:
        stack.enrol(tmp_path, [f"{n},jt808,苏E{n[-5:]},taxi," for n in numbers])
        with stack.writer(tmp_path, database, poll_s="0.02"), workers(tmp_path, bus, linger_s="0.01") as process:
            before = pids(tmp_path)
            command_line = [
                sys.executable, "-m", "tests.load", "--port", str(process.ports["jt808"]), "--terminals", "12",
                "--ledger", str(ledger.path), "--seed", "1", "--pause", "0.02",
            ]  # fmt: skip
            with stack.running("load", command_line, tmp_path) as running:
                stack.eventually(partial(more_than, ledger, 500), "terminals work")
                for turn in (1, 2):
                    process.running.process.send_signal(signal.SIGHUP)
                    stack.eventually(partial(turned_over, process, turn), "all workers were restarted", 60)
                    done = len(ledger.read().acknowledged)
                    stack.eventually(partial(more_than, ledger, done + 500), "terminals work again")
                running.process.terminate()
                running.process.wait(stack.PATIENCE_S)
            assert "ended by itself" not in process.running.said()
        with psycopg.connect(database, autocommit=True) as db, stack.writer(tmp_path, database, poll_s="0.02"):
            last = {one.id: one.last() for one in stack.spools(tmp_path)}
            query = "SELECT spool, seq FROM spool_offset"
            stack.eventually(lambda: dict(db.execute(query).fetchall()).items() >= last.items(), "all is stored")
        verdict = check(ledger, database)
        assert verdict.clean, verdict
        assert verdict.acknowledged > 1000
        assert len(before) == WORKERS
