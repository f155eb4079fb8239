"""Tasks of the gateway end when they are told to, whatever comes in at that moment."""

import asyncio
from pathlib import Path

import pytest

from gateway.bus import MemoryBus
from gateway.outbox import Outbox
from gateway.server.commands import Commands
from gateway.server.presence import Presence
from gateway.server.switchboard import Switchboard

WAITING = 500


async def accepted(_entries: object) -> None:
    """The history takes whatever it is told."""


@pytest.mark.parametrize("steps", range(6))
async def test_commands_end_although_connections_are_being_lost(tmp_path: Path, steps: int):
    """All terminals leave at once, as they do when a carrier fails, and the process is told to stop."""
    commands = Commands(Outbox(tmp_path), MemoryBus(), accepted)
    commands.lines = Switchboard(MemoryBus(), Presence("here", 0, desk=True), dict)
    task = asyncio.create_task(commands.run())
    await asyncio.sleep(0.05)
    for n in range(WAITING):
        commands.lost(f"jt808/{n}", "here")
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done == {task}
    assert task.cancelled()
