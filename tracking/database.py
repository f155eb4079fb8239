"""Connections to the database for processes that serve people: pooled, and patient while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from psycopg import AsyncConnection, errors
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from tracking.errors import DatabaseAway

Connection = AsyncConnection[Any]
AWAY = (PoolTimeout, PoolClosed, psycopg.OperationalError, psycopg.InterfaceError)
UNMIGRATED = (errors.UndefinedTable, errors.UndefinedColumn)
T = TypeVar("T")
CONNECT_S = 5
RETRY_S = 5.0
"""How long one attempt to connect goes on. The next request begins a fresh one."""


class Database:
    """A pool that opens without a server and finds it whenever it comes back.

    url         of the database
    size        most connections at once
    patience_s  how long a request waits for a connection
    """

    def __init__(self, url: str, *, size: int = 8, patience_s: float = 3.0) -> None:
        self._url = url
        self._pool = AsyncConnectionPool[Connection](
            url, min_size=1, max_size=size, timeout=patience_s, reconnect_timeout=RETRY_S, open=False,
            kwargs={"autocommit": True, "connect_timeout": CONNECT_S}, check=AsyncConnectionPool.check_connection,
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        await self._pool.open(wait=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def connection(self, patience_s: float | None = None) -> AsyncIterator[Connection]:
        """A connection in autocommit. Raises DatabaseAway, also when the server goes while it is used."""
        with _told():
            async with self._pool.connection(patience_s) as connection:
                yield connection

    async def aside(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        """What long work makes of a connection of its own, in a thread. Raises DatabaseAway."""

        def do() -> T:
            with psycopg.connect(self._url, connect_timeout=CONNECT_S) as connection:
                return work(connection)

        with _told():
            return await asyncio.to_thread(do)


@contextmanager
def _told() -> Iterator[None]:
    """Raises DatabaseAway for what psycopg and its pool say of a server that is away or not ready."""
    try:
        yield
    except AWAY as error:
        raise DatabaseAway(f"the database is away: {_first_line(error)}") from error
    except UNMIGRATED as error:
        raise DatabaseAway(f"the database lacks this version's schema: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
