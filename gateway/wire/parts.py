"""Sub-packaged messages, put together again (JT/T 808-2013, 4.4.3). No clock: `now` is an argument."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import ProtocolError
from gateway.wire.message import Header


@dataclass(frozen=True, slots=True)
class Missing:
    """Parts of one message that have not come: what 0x8003 asks for."""

    terminal: str
    message_id: int
    first_serial: int
    total: int
    parts: tuple[int, ...]


@dataclass(slots=True)
class _Set:
    """The parts of one message that are there, by number from 1."""

    terminal: str
    message_id: int
    first_serial: int
    total: int
    latest: float
    parts: dict[int, bytes] = field(default_factory=dict)
    octets: int = 0
    asked: int = 0
    asked_at: float = 0

    def take(self, number: int, body: bytes, now: float) -> None:
        """A part; one that is there already stays as it is."""
        self.latest = now
        if number not in self.parts:
            self.parts[number] = body
            self.octets += len(body)

    @property
    def missing(self) -> Missing:
        absent = tuple(n for n in range(1, self.total + 1) if n not in self.parts)
        return Missing(self.terminal, self.message_id, self.first_serial, self.total, absent)


class Parts:
    """Unfinished messages of one connection.

    packages  most parts of one message
    messages  most messages that are unfinished at a time; the oldest gives way
    octets    most bytes that are kept, of all messages together; the oldest message gives way
    most      message id -> parts of it, where these are fewer than `packages`
    seconds   a message to which nothing was added for so long is forgotten
    """

    def __init__(
        self,
        *,
        packages: int = 64,
        messages: int = 16,
        octets: int = 64 * 1024,
        seconds: float = 60,
        most: Mapping[int, int] | None = None,
    ) -> None:
        self._most = most or {}
        self._packages, self._messages, self._octets, self._seconds = packages, messages, octets, seconds
        self._sets: list[_Set] = []
        self._done: deque[tuple[str, int, int, int]] = deque(maxlen=packages)

    def __len__(self) -> int:
        """Messages of which parts lack."""
        return len(self._sets)

    def add(self, header: Header, body: bytes, now: float) -> bytes | None:
        """One part -> the whole body once all parts are there, else None. Raises ProtocolError "parts".

        A part that is there already, or belongs to a message that was finished, changes nothing.
        """
        total, number = header.package or (1, 1)
        if not 1 <= number <= total:
            raise ProtocolError("parts", f"part {number} of {total}", reply=2)
        if total == 1:
            return body
        most = self._most.get(header.message_id, self._packages)
        if total > most:
            raise ProtocolError("parts", f"{total} parts are announced, at most {most} are kept", reply=1)
        self.expire(now)
        one = self._set_of(header, total, number, now)
        if one is None:
            return None
        one.take(number, body, now)
        if len(one.parts) == total:
            self._sets.remove(one)
            self._done.append((one.terminal, one.message_id, one.first_serial, total))
            return b"".join(one.parts[n] for n in range(1, total + 1))
        self._bound(one)
        return None

    def _set_of(self, header: Header, total: int, number: int, now: float) -> _Set | None:
        """The message that this part belongs to; None when that one was finished before.

        Parts have consecutive serials, which tell where the first one stands. A part that was asked
        for may come under a serial of its own.
        """
        first = (header.serial - number + 1) & 0xFFFF
        key = (header.terminal, header.message_id, first, total)
        if key in self._done:
            return None
        alike = [s for s in self._sets if (s.terminal, s.message_id, s.total) == (key[0], key[1], total)]
        for one in alike:
            if one.first_serial == first or (one.asked and number not in one.parts):
                return one
        self._sets.append(_Set(*key, latest=now))
        return self._sets[-1]

    def _bound(self, newest: _Set) -> None:
        while len(self._sets) > self._messages or sum(s.octets for s in self._sets) > self._octets:
            oldest = min(self._sets, key=lambda s: s.latest)
            self._sets.remove(oldest)
            if oldest is newest:
                raise ProtocolError("parts", f"a message of more than {self._octets} bytes", reply=1)

    def missing(self) -> list[Missing]:
        """What is to be asked for; parts that come now may have serials of their own."""
        for one in self._sets:
            one.asked += 1
        return [one.missing for one in self._sets]

    def overdue(self, now: float, silence_s: float, times: int = 3) -> list[Missing]:
        """What to ask for now: messages to which nothing was added for a while, each a few times."""
        due = [s for s in self._sets if s.asked < times and now - max(s.latest, s.asked_at) > silence_s]
        for one in due:
            one.asked, one.asked_at = one.asked + 1, now
        return [one.missing for one in due]

    def expire(self, now: float) -> list[Missing]:
        """Forget messages to which nothing was added for too long, and tell what they lacked."""
        gone = [s.missing for s in self._sets if now - s.latest > self._seconds]
        self._sets = [s for s in self._sets if now - s.latest <= self._seconds]
        return gone
