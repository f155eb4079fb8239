"""Serves the application until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import structlog
import uvicorn

from dashboard.app import create_app
from dashboard.errors import DashboardError
from dashboard.parts import Parts

log = structlog.get_logger()
CLOSE_S = 5
HEADERS_BYTES = 64 << 10


class _Server(uvicorn.Server):
    """Signals are the composition root's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(bind: str, port: int) -> socket.socket:
    """A listening socket. Raises DashboardError that says what is in the way."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((bind, port))
    except OSError as error:
        sock.close()
        raise DashboardError(f"cannot listen on {bind}:{port}: {error.strerror}") from error
    return sock


async def serve(parts: Parts, sock: socket.socket, proxies: str, state: Path, stop: asyncio.Event) -> None:
    """Run until `stop` is set. Writes `state` (JSON: port) once people may come and removes it at the end."""
    config = uvicorn.Config(
        create_app(parts), log_level="warning", access_log=False, lifespan="off", ws="websockets-sansio",
        ws_per_message_deflate=False, ws_max_size=4096, h11_max_incomplete_event_size=HEADERS_BYTES,
        proxy_headers=True, forwarded_allow_ips=proxies, server_header=False, timeout_graceful_shutdown=CLOSE_S,
    )  # fmt: skip
    server = _Server(config)
    async with parts.running(), asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[sock]), name="serve")
        try:
            await server.listens.wait()
            _tell(state, sock)
            await stop.wait()
        finally:
            state.unlink(missing_ok=True)
            server.should_exit = True


def _tell(state: Path, sock: socket.socket) -> None:
    bind, port = sock.getsockname()[:2]
    state.parent.mkdir(parents=True, exist_ok=True)
    fresh = state.with_suffix(".new")
    fresh.write_text(json.dumps({"port": port}))
    fresh.replace(state)
    log.info("console listens", url=f"http://{bind}:{port}/")
