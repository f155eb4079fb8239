"""Pictures that terminals take when they are told to: whole in the media store, also when a piece was lost."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gateway import command
from gateway.protocols.jt905.media import CHUNK
from gateway.report import Position, Status
from simulator.roll import Cab
from simulator.terminal.car import Car
from simulator.terminal.conversation import Timing
from simulator.terminal.link import Link
from simulator.terminal.outfit import Outfitter
from simulator.terminal.reach import Reach
from tests import stack
from tests.centre import Centre, centre

CABS = [
    Cab("320583000001", "jt808", "苏ET1001", "鹿鸣出租", 2011),
    Cab("320583000002", "jt808", "苏ET1002", "鹿鸣出租", 2013),
    Cab("320583000003", "jt808", "苏ET1003", "鹿鸣出租", 2019),
    Cab("100200000004", "jt905", "苏ET1004", "鹿鸣出租"),
]
ROLL = [f"{cab.number},{cab.protocol},{cab.plate},taxi," for cab in CABS]
each = pytest.mark.parametrize("cab", CABS, ids=lambda cab: f"{cab.protocol}-{cab.version}")


@asynccontextmanager
async def connected(cab: Cab, port: int, lose: frozenset[int] = frozenset()) -> AsyncIterator[Link]:
    def here() -> Position:
        now = datetime.now(UTC).replace(microsecond=0)
        return Position(terminal=cab.key, time=now, lat=31.38, lon=120.95, status=Status.POSITIONED | Status.ACC_ON)

    outfitter = Outfitter(
        {cab.protocol: Reach(cab.protocol, "127.0.0.1", port)}, Timing(answer_s=1, retries=5), lose=lose
    )
    link = outfitter.link(cab, Car(here), np.random.default_rng(1))
    task = asyncio.create_task(link.run())
    link.record(here())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def files(told: Centre, count: int = 1) -> set[bytes]:
    """The contents of files of the media store, once the history knows of so many."""

    def whole() -> set[Path] | None:
        reports = told.reports("media_file")
        assert all(one["medium"]["type"] == "image" and one["file"].endswith(".jpg") for one in reports)
        paths = {told.var / "media" / one["file"][:2] / one["file"] for one in reports}
        return paths if len(paths) >= count else None

    return {path.read_bytes() for path in await asyncio.to_thread(stack.eventually, whole, f"{count} pictures")}


@each
@pytest.mark.parametrize(
    "lose", [frozenset(), frozenset({1}), frozenset({3})], ids=["in order", "first lost", "one lost"]
)
async def test_a_picture_comes_whole(tmp_path: Path, database: str, until, cab: Cab, lose: frozenset[int]):
    with centre(tmp_path, database, ROLL, missing_s="0.5") as told:
        async with connected(cab, told.process.ports[cab.protocol], lose) as link:
            await until(lambda: link.terminal.ready and not link.store)
            wanted = command.Shoot(terminal=cab.key, channel=2, resolution="640x480")
            order = await asyncio.to_thread(told.say, wanted)
            await asyncio.to_thread(told.steps, order["id"], "acknowledged")
            (content,) = await files(told)
            assert not link.terminal.cabin.camera.lose
    (taken,) = link.terminal.cabin.camera.pictures
    assert content == taken.content
    assert len(content) > 3 * CHUNK
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.size) == ("JPEG", (640, 480))


@each
async def test_several_pictures_come_one_after_the_other(tmp_path: Path, database: str, until, cab: Cab):
    with centre(tmp_path, database, ROLL) as told:
        async with connected(cab, told.process.ports[cab.protocol]) as link:
            await until(lambda: link.terminal.ready and not link.store)
            await asyncio.to_thread(
                told.say, command.Shoot(terminal=cab.key, photos=3, interval_s=1, resolution="320x240")
            )
            contents = await files(told, 3)
    assert contents == {picture.content for picture in link.terminal.cabin.camera.pictures}


@each
async def test_an_upload_goes_on_after_a_kill_of_the_gateway(tmp_path: Path, database: str, until, cab: Cab):
    port = str(stack.free_port())
    settings = {f"{cab.protocol}_port": port, "missing_s": "0.5"}
    with centre(tmp_path, database, ROLL, **settings) as told:
        async with connected(cab, int(port)) as link:
            await until(lambda: link.terminal.ready and not link.store)
            await asyncio.to_thread(told.say, command.Shoot(terminal=cab.key, resolution="800x600"))
            await until(lambda: link.terminal.cabin.camera.pictures)
            told.process.running.kill()
            with stack.gateway(tmp_path, bus_url=told.bus.url, **settings):
                # the command was not acknowledged before the kill and may be followed once more
                assert await files(told) <= {picture.content for picture in link.terminal.cabin.camera.pictures}


async def test_what_a_terminal_has_kept_is_uploaded_again(tmp_path: Path, database: str, until):
    cab = CABS[3]
    with centre(tmp_path, database, ROLL) as told:
        async with connected(cab, told.process.ports[cab.protocol]) as link:
            await until(lambda: link.terminal.ready and not link.store)
            picture = link.terminal.cabin.camera.shoot(1, (320, 240), link.terminal.cabin.car.sense())
            wanted = command.UploadMedium(terminal=cab.key, medium=picture.number)
            order = await asyncio.to_thread(told.say, wanted)
            await asyncio.to_thread(told.steps, order["id"], "acknowledged")
            assert await files(told) == {picture.content}
            missing = await asyncio.to_thread(told.say, command.UploadMedium(terminal=cab.key, medium=1))
            assert (await asyncio.to_thread(told.steps, missing["id"], "failed"))[-1] == ("failed", "failed")
