"""A wire that is listened in on: passes everything, and keeps the frames of both directions in their order."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.wire.framing import FrameBuffer


@dataclass
class Tap:
    """frames: unescaped as they went, without delimiters, each with whether it went up to the platform."""

    target: int
    port: int = 0
    frames: list[tuple[bool, bytes]] = field(default_factory=list)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (call := asyncio.current_task()) is not None:
            self._calls.add(call)
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            await asyncio.gather(self._pass(reader, far_writer, True), self._pass(far_reader, writer, False))
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: bool) -> None:
        buffer = FrameBuffer()
        while data := await reader.read(65536):
            self.frames += [(up, bytes(frame)) for frame in buffer.feed(data)]
            writer.write(data)
        writer.close()

    async def close(self) -> None:
        """Once both ends have hung up."""
        self._server.close()
        await asyncio.gather(*self._calls)
