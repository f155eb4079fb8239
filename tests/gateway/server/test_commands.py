"""Commands through a real gateway: queued, sent, acknowledged, failed or expired, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import psycopg
import pytest

from gateway import command
from gateway.bus import COMMAND_SUBJECT
from tests import stack
from tests.terminals import ISU, NUMBER, Terminal808, Terminal905

CAR, TAXI = f"jt808/{NUMBER.lstrip('0')}", f"jt905/{ISU}"


@dataclass
class Gateway:
    var: Path
    bus: stack.Bus
    process: stack.GatewayProcess
    database: str

    def say(self, wanted: command.Command, **more: Any) -> dict[str, Any]:
        """What the gateway answers to a command on the bus."""

        async def ask() -> dict[str, Any]:
            client = await nats.connect(self.bus.url)
            data = {"command": command.to_plain(wanted), "actor": "test", **more}
            answer = await client.request(COMMAND_SUBJECT, json.dumps(data).encode(), timeout=10)
            await client.close()
            order: dict[str, Any] = json.loads(answer.data)
            return order

        return asyncio.run(ask())

    def steps(self, key: str, last: str) -> list[tuple[str, str]]:
        """(state, result) of a command's steps as the history has them, once the last one is there."""
        with psycopg.connect(self.database, autocommit=True) as db:

            def found() -> list[tuple[str, str]] | None:
                rows = db.execute(
                    "SELECT state, result FROM command_step WHERE command_id = %s ORDER BY at", (key,)
                ).fetchall()
                return rows if rows and rows[-1][0] == last else None

            return stack.eventually(found, f"command {key} becomes {last}")


@contextmanager
def served(var: Path, database: str, **settings: str) -> Iterator[Gateway]:
    stack.enrol(var, [f"{NUMBER},jt808,苏ET1001,taxi,", f"{ISU},jt905,苏ET1002,taxi,"])
    with (
        stack.bus(var) as bus,
        stack.writer(var, database, poll_s="0.02"),
        stack.gateway(var, bus_url=bus.url, answer_s="1", **settings) as process,
    ):
        yield Gateway(var, bus, process, database)


def test_a_command_is_sent_acknowledged_and_remembered(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway, Terminal808(gateway.process.ports["jt808"]) as terminal:
        terminal.log_in()
        order = gateway.say(command.SendText(terminal=CAR, text="前方拥堵"), id="text-1")
        assert (order["id"], order["state"], order["actor"]) == ("text-1", "sent", "test")
        heard = terminal.hear()
        assert heard.fields["text"] == "前方拥堵"
        terminal.acknowledge(heard)
        assert gateway.steps("text-1", "acknowledged") == [("queued", ""), ("sent", ""), ("acknowledged", "ok")]
        again = gateway.say(command.SendText(terminal=CAR, text="前方拥堵"), id="text-1")
        assert again["state"] == "acknowledged"
        assert terminal.hears_nothing()


def test_an_answer_of_its_own_ends_in_the_history_with_its_fields(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway, Terminal808(gateway.process.ports["jt808"]) as terminal:
        terminal.log_in()
        order = gateway.say(command.QueryParameters(terminal=CAR, ids=[1]))
        asked = terminal.hear()
        answer = {"ack_serial": asked.header.serial, "parameters": {"0x0001": {"heartbeat_interval": 30}}}
        terminal.socket.sendall(terminal.frame(0x0104, answer))
        gateway.steps(order["id"], "acknowledged")
        with psycopg.connect(database) as db:
            rows = db.execute("SELECT detail->'parameters' FROM command_step WHERE state = 'acknowledged'").fetchall()
        assert rows == [({"0x0001": {"heartbeat_interval": 30}},)]


def test_a_refusal_fails_and_what_the_protocol_cannot_say_fails_at_once(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway, Terminal808(gateway.process.ports["jt808"]) as terminal:
        terminal.log_in()
        order = gateway.say(command.LockDoors(terminal=CAR, locked=True))
        terminal.acknowledge(terminal.hear(), result=3)
        assert gateway.steps(order["id"], "failed")[-1] == ("failed", "unsupported")
        order = gateway.say(command.OfferOrder(terminal=CAR, order=1, kind="immediate", description="x"))
        assert order["state"] == "failed"
        assert gateway.steps(order["id"], "failed")[-1] == ("failed", "unsupported")


def test_a_command_waits_for_its_terminal_and_survives_a_kill(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway:
        order = gateway.say(command.SendText(terminal=TAXI, text="请回公司"), expires_s=600)
        assert order["state"] == "queued"
        gateway.process.running.kill()
        with stack.gateway(tmp_path, bus_url=gateway.bus.url, answer_s="30") as process:
            with Terminal905(process.ports["jt905"]) as isu:
                assert isu.result(0x0002, {}) == 0
                assert isu.hear().fields["text"] == "请回公司"
            # the connection went before it was acknowledged: it comes again on the next one
            with Terminal905(process.ports["jt905"]) as isu:
                assert isu.result(0x0002, {}) == 0
                heard = isu.hear()
                isu.acknowledge(heard)
                states = [state for state, _ in gateway.steps(order["id"], "acknowledged")]
        assert states == ["queued", "sent", "queued", "sent", "acknowledged"]


def test_an_unanswered_command_is_repeated_and_then_given_up(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway, Terminal808(gateway.process.ports["jt808"]) as terminal:
        terminal.log_in()
        order = gateway.say(command.QueryPosition(terminal=CAR))
        steps = gateway.steps(order["id"], "failed")
        assert [state for state, _ in steps] == ["queued", "sent"] * 3 + ["failed"]
        assert steps[-1] == ("failed", "no_answer")
        assert [terminal.hear().name for _ in range(3)] == ["query_position"] * 3


def test_a_command_expires(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway:
        order = gateway.say(command.QueryPosition(terminal=TAXI), expires_s=0.2)
        assert gateway.steps(order["id"], "expired")[-1] == ("expired", "expired")
        with Terminal905(gateway.process.ports["jt905"]) as isu:
            assert isu.result(0x0002, {}) == 0
            assert isu.hears_nothing()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, module_database: str) -> Iterator[Gateway]:
    with served(tmp_path_factory.mktemp("asked"), module_database) as gateway:
        yield gateway


def wish(**more: str) -> bytes:
    """A command with something more around it, as JSON."""
    rest = "".join(f', "{key}": {value}' for key, value in more.items())
    return f'{{"command": {{"type": "query_position", "terminal": "x"}}{rest}}}'.encode()


@pytest.mark.parametrize(
    ("payload", "cause"),
    [(b"", "empty document"), (b"[]", "types"), (b'{"type": "fly"}', "types"), (b'{"type": "send_text"}', "terminal"),
     (b'{"type": "track", "terminal": "x", "interval_s": "soon"}', "interval_s"),
     (b'{"type": "query_position", "terminal": "x", "colour": 1}', "colour"), (b"[" * 100_000, "depth"),
     (wish(expires_s="1e300"), "expires_s"), (wish(expires_s="-1"), "expires_s"), (wish(expires_s="true"), "expires_s"),
     (wish(id="7"), "id"), (wish(id='""'), "id"), (wish(actor="{}"), "actor")],
)  # fmt: skip
def test_a_command_that_is_none_is_refused_with_what_is_wrong(asked: Gateway, payload: bytes, cause: str):
    async def ask(url: str) -> dict[str, Any]:
        client = await nats.connect(url)
        answer = await client.request(COMMAND_SUBJECT, payload, timeout=10)
        await client.close()
        told: dict[str, Any] = json.loads(answer.data)
        return told

    assert cause in asyncio.run(ask(asked.bus.url))["error"].lower()
    assert asked.say(command.QueryPosition(terminal=CAR))["state"] == "queued"
