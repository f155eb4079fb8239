"""The ways between the servers of a cluster: all that they say to each other passes here, and can be cut."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Routes:
    """targets: the port on which each server takes the others. `ports[i][j]` leads from server i to server j."""

    def __init__(self, targets: Sequence[int]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="routes", daemon=True)
        self._thread.start()
        self._alone: int | None = None
        self._links = defaultdict[tuple[int, int], set[asyncio.StreamWriter]](set)
        self._servers: list[asyncio.Server] = []
        self.ports = [
            [self._do(self._listen(i, j, target)) if i != j else 0 for j, target in enumerate(targets)]
            for i in range(len(targets))
        ]

    def cut(self, server: int) -> None:
        """Nothing passes to or from this one any more. Its clients still reach it."""
        self._do(self._cut(server))

    def mend(self) -> None:
        self._alone = None

    def close(self) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self, i: int, j: int, target: int) -> int:
        async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._link((i, j), target, reader, writer)

        server = await asyncio.start_server(taken, "127.0.0.1", 0)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _link(
        self, way: tuple[int, int], target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:  # fmt: skip
        ends = {writer}
        self._links[way] |= ends
        try:
            if self._alone not in way:
                there, onward = await asyncio.open_connection("127.0.0.1", target)
                ends.add(onward)
                self._links[way].add(onward)
                pumps = [asyncio.create_task(_pump(*one)) for one in ((reader, onward), (there, writer))]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()
        except OSError:  # the server does not run
            pass
        finally:
            self._links[way] -= ends
            for end in ends:
                end.transport.abort()

    async def _cut(self, server: int) -> None:
        self._alone = server
        for way, ends in self._links.items():
            if server in way:
                for end in list(ends):
                    end.transport.abort()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for ends in self._links.values():
            for end in list(ends):
                end.transport.abort()
        await asyncio.sleep(0)


async def _pump(source: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(1 << 16):
            out.write(data)
            await out.drain()
