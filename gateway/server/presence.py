"""Which gateway holds which terminal: what one gateway knows of the others. No bus, no clock of its own.

Every gateway tells the others that it is alive, and which terminals have come to it or left. Of two
gateways that say they hold a terminal, the one to which it came later does; the other closes its line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from gateway.server.succession import replaces

GONE_S = 10.0
"""A gateway that was not heard for so long holds nothing any more."""
MOST_LINES = 5_000
"""In one message to the others: 300 kB, under the bus's limit."""


@dataclass(frozen=True, slots=True)
class Held:
    """A terminal's place. gateway: who holds it; address: where it is; since: microseconds since the epoch."""

    gateway: str
    address: str
    since: int

    @property
    def rank(self) -> tuple[int, str]:
        return self.since, self.gateway


@dataclass(slots=True)
class Peer:
    """Another gateway.

    heard    seconds of a monotonic clock
    desk     takes commands
    began    its start, as in `Held`
    differs  its terminals are not those that are known, which words on their way explain for a moment
    """

    heard: float
    desk: bool
    began: int
    differs: bool


@dataclass(frozen=True, slots=True)
class News:
    """What became of terminals elsewhere.

    fenced  that came to another gateway while one of our lines stands: the line must go
    come    that are reachable elsewhere now;  gone: (terminal, gateway) that are not any more
    """

    fenced: Sequence[tuple[str, str]] = ()
    come: Sequence[str] = ()
    gone: Sequence[tuple[str, str]] = ()


@dataclass(slots=True)
class Sum:
    """Of a set of terminals: equal where the sets are. Words of the bus may be lost, and are asked for again then."""

    digest: int = 0

    def toggle(self, terminal: str) -> None:
        self.digest ^= int.from_bytes(blake2b(terminal.encode(), digest_size=8).digest(), "big")


@dataclass
class Presence:
    """me: this gateway's id, unlike all others; began: when it started."""

    me: str
    began: int
    desk: bool
    peers: dict[str, Peer] = field(default_factory=dict)
    here: dict[str, Held] = field(default_factory=dict)
    elsewhere: dict[str, Held] = field(default_factory=dict)
    _untold: dict[str, Held | None] = field(default_factory=dict)
    _sums: defaultdict[str, Sum] = field(default_factory=lambda: defaultdict(Sum))
    _stale: dict[str, set[str]] = field(default_factory=dict)

    # what happens here

    def may_come(self, terminal: str, address: str, *, proved: bool) -> bool:
        """Whether a terminal may be here, even where another gateway holds it: as if its line there were not silent."""
        held = self.elsewhere.get(terminal)
        return held is None or replaces(proved=proved, same_address=held.address == address, silent_s=0)

    def came(self, terminal: str, address: str, now_us: int) -> None:
        """It comes later than it came anywhere before, whatever the other machine's clock says."""
        former = self._forget(terminal)
        since = now_us if former is None else max(now_us, former.since + 1)
        if terminal not in self.here:
            self._sums[self.me].toggle(terminal)
        self.here[terminal] = self._untold[terminal] = Held(self.me, address, since)

    def left(self, terminal: str) -> None:
        if self.here.pop(terminal, None) is not None:
            self._sums[self.me].toggle(terminal)
            self._untold[terminal] = None

    # what is told to the others

    def alive(self) -> dict[str, Any]:
        return {"gateway": self.me, "desk": self.desk, "began": self.began, "sum": self._sums[self.me].digest}

    def untold(self) -> Iterator[dict[str, Any]]:
        """What happened here since the last call."""
        told, self._untold = self._untold, {}
        yield from self._lines({t: h for t, h in told.items() if h is not None}, [t for t, h in told.items() if not h])

    def whole(self) -> Iterator[dict[str, Any]]:
        """All that is here, and so what is not, for a gateway that was not heard before or has missed something."""
        parts = list(self._lines(self.here, [])) or [{"gateway": self.me, "here": [], "gone": []}]
        for n, part in enumerate(parts):
            yield {**part, "part": n, "parts": len(parts)}

    def _lines(self, here: Mapping[str, Held], gone: Sequence[str]) -> Iterator[dict[str, Any]]:
        rows = [(terminal, held.address, held.since) for terminal, held in here.items()]
        for start in range(0, max(len(rows), len(gone)), MOST_LINES):
            part = slice(start, start + MOST_LINES)
            yield {"gateway": self.me, "here": rows[part], "gone": gone[part]}

    # what the others tell

    def hear_alive(self, told: Mapping[str, Any], now: float) -> tuple[bool, bool]:
        """Whether this gateway was not known, and whether what is known of its terminals is not what it has."""
        name = str(told["gateway"])
        if name == self.me:
            return False, False
        former = self.peers.get(name)
        differs = self._sums[name].digest != int(told["sum"])
        self.peers[name] = Peer(now, bool(told["desk"]), int(told["began"]), differs)
        return former is None, differs and former is not None and former.differs

    def hear_lines(self, told: Mapping[str, Any]) -> News:
        gateway = str(told["gateway"])
        if gateway == self.me:
            return News()
        if told.get("part") == 0:
            self._stale[gateway] = {t for t, held in self.elsewhere.items() if held.gateway == gateway}
        stale = self._stale.get(gateway, set())
        fenced, come = [], []
        for terminal, address, since in told["here"]:
            held, mine = Held(gateway, address, since), self.here.get(terminal)
            stale.discard(terminal)
            if mine is not None and mine.rank > held.rank:
                self._untold[terminal] = mine  # it has not heard of us yet
                continue
            if mine is not None:
                self.left(terminal)
                fenced.append((terminal, address))
            other = self.elsewhere.get(terminal)
            if other is None or other.rank <= held.rank:
                self._note(terminal, held)
                come.append(terminal)
        gone = [(t, gateway) for t in told["gone"]]
        if "part" in told and told["part"] == told["parts"] - 1:
            gone += [(t, gateway) for t in self._stale.pop(gateway, set())]
        for terminal, _ in gone:
            if self.holder(terminal) == gateway:
                self._forget(terminal)
        return News(tuple(fenced), tuple(come), tuple(gone))

    def _note(self, terminal: str, held: Held) -> None:
        self._forget(terminal)
        self.elsewhere[terminal] = held
        self._sums[held.gateway].toggle(terminal)

    def _forget(self, terminal: str) -> Held | None:
        held = self.elsewhere.pop(terminal, None)
        if held is not None:
            self._sums[held.gateway].toggle(terminal)
        return held

    def expire(self, now: float) -> News:
        """Gateways that are silent hold nothing."""
        silent = {name for name, peer in self.peers.items() if now - peer.heard > GONE_S}
        for name in silent:
            del self.peers[name]
        gone = [(t, held.gateway) for t, held in self.elsewhere.items() if held.gateway in silent] if silent else []
        for terminal, _ in gone:
            self._forget(terminal)
        return News(gone=tuple(gone))

    # questions

    def holder(self, terminal: str) -> str | None:
        """The other gateway that holds a terminal."""
        held = self.elsewhere.get(terminal)
        return held.gateway if held else None

    @property
    def leads(self) -> bool:
        """Whether new commands are taken here: at the desk that has been there longest."""
        others = ((peer.began, name) for name, peer in self.peers.items() if peer.desk)
        return self.desk and all((self.began, self.me) < other for other in others)
