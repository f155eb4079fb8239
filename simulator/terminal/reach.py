"""One log line for a platform that is away, however many terminals notice it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()
QUIET_S = 10.0


@dataclass
class Reach:
    """Of one address, shared by its terminals."""

    what: str
    host: str
    port: int
    _away: set[str] = field(default_factory=set)
    _said: float = -QUIET_S

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def failed(self, terminal: str, cause: str) -> None:
        self._away.add(terminal)
        if time.monotonic() - self._said >= QUIET_S:
            self._said = time.monotonic()
            log.warning(
                "platform not reached, trying again", what=self.what, address=self.address, cause=cause,
                terminals=len(self._away),
            )  # fmt: skip

    def reached(self, terminal: str) -> None:
        if terminal in self._away:
            self._away.discard(terminal)
            if not self._away:
                self._said = -QUIET_S
                log.info("platform reached by all terminals again", what=self.what, address=self.address)
