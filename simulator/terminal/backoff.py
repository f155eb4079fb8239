"""How long to wait before the next try: longer each time, and never all terminals at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FIRST_S, MOST_S = 1.0, 60.0


@dataclass
class Backoff:
    rng: np.random.Generator
    failures: int = 0

    def next_s(self) -> float:
        """Seconds to wait now; doubles with every call up to a minute, jittered by half."""
        most = min(MOST_S, FIRST_S * 2**self.failures)
        self.failures = min(self.failures + 1, 10)
        return float(most * self.rng.uniform(0.5, 1.0))

    def reset(self) -> None:
        """It worked."""
        self.failures = 0
