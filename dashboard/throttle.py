"""Slows down guessing of passwords: after some failures every further try has to wait, twice as long each time."""

from __future__ import annotations

from dataclasses import dataclass, field

FORGET_S = 3600.0
LONGEST_S = 300.0
MOST_KEYS = 100_000


@dataclass
class _Failures:
    count: int
    last: float


@dataclass
class Throttle:
    """Failures by key (an address, an account). `now` is any clock in seconds that only goes forward.

    free  tries before the first wait
    """

    free: int
    _failures: dict[str, _Failures] = field(default_factory=dict)

    def wait_s(self, key: str, now: float) -> float:
        """How long this key has to wait from now on; 0 when it may try."""
        failures = self._failures.get(key)
        if failures is None or now - failures.last > FORGET_S or failures.count < self.free:
            return 0.0
        pause = min(LONGEST_S, 2.0 ** min(failures.count - self.free, 10))
        return max(0.0, failures.last + pause - now)

    def tried(self, key: str, now: float) -> None:
        """Count a try as failed until `succeeded` says otherwise, so that tries at one moment count too."""
        failures = self._failures.pop(key, None)
        fresh = failures is None or now - failures.last > FORGET_S
        self._failures[key] = _Failures(1 if fresh or failures is None else failures.count + 1, now)
        while len(self._failures) > MOST_KEYS:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, key: str) -> None:
        self._failures.pop(key, None)
