"""Ordinary frames of many connections in columns: what their sessions would have held and answered, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.form import HEARTBEAT, OTHER, SEVERAL, SINGLE, Bools, Form, Head, Ints
from gateway.session import Fixes, Held
from gateway.wire.flocks import Flock, cut
from gateway.wire.framing import FLAG
from gateway.wire.spans import Spans

OK, BAD = 0, 2
SERIALS = 0x10000


class Member(Protocol):
    """A session whose ordinary frames are of a form: number as their header has it, serial of what was said last."""

    terminal: str
    number: bytes
    serial: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """Held frames, ordered by session, and by arrival within one. Arrays of shape (frames,) unless said.

    members     the sessions; `terminals` and `numbers` are theirs
    member      whose frame it is
    wire        the frames as they came, without flags
    bodies      of the positions; `owner`: the frame of each, `late`: stored before by the terminal
    """

    form: Form
    members: Sequence[Member]
    terminals: Sequence[str]
    numbers: NDArray[np.uint8]
    member: Ints
    message_id: Ints
    serial: Ints
    wire: Spans
    bodies: Spans
    owner: Ints
    late: Bools

    def __len__(self) -> int:
        return len(self.member)

    @property
    def octets(self) -> int:
        return len(self.wire.data)

    def raw(self, frame: int) -> bytes:
        return FLAG + self.wire.one(frame) + FLAG

    def raws(self) -> tuple[list[int], bytes]:
        """Sizes of all frames, flags included, and the frames one after another."""
        sizes = self.wire.size + 2
        total = int(sizes.sum())
        if total == len(self.wire.data):
            return sizes.tolist(), self.wire.data.tobytes()
        skipped = self.wire.start - 1 - (np.cumsum(sizes) - sizes)
        return sizes.tolist(), self.wire.data[np.arange(total) + np.repeat(skipped, sizes)].tobytes()

    def held(self, frame: int) -> Held:
        """One of the frames as its session would have held it."""
        fixes = np.flatnonzero(self.owner == frame)
        name = {**self.form.single, **self.form.several}[int(self.message_id[frame])]
        content = Fixes(
            [self.bodies.one(i) for i in fixes.tolist()], self.form.table.read, bool(self.late[fixes[0]]), name
        )  # fmt: skip
        header, _ = self.form.parse(self.wire.one(frame))
        return Held(self.terminals[self.member[frame]], self.raw(frame), content, header)

    def answers(self, ok: Bools) -> list[tuple[int, bytes]]:
        """What is to be said to each session, by its index, now that the frames are durable; ok: shape (frames,)."""
        result = np.where(ok, OK, BAD)
        return _answers(self.form, self.members, self.numbers, self.member, self.serial, self.message_id, result)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What became of the data of many sessions.

    sheet    the held frames; None where there are none
    frames   how many ordinary frames came, heartbeats included
    answers  to heartbeats
    odd      indices of sessions of whose data nothing was taken: some frame in it is not ordinary
    """

    sheet: Sheet | None
    frames: int
    answers: list[tuple[int, bytes]]
    odd: Sequence[int]


def sift(form: Form, members: Sequence[Member], data: Sequence[bytes]) -> Sifted:
    """Sessions of one form, and of each the whole frames, flags included, that it has received."""
    flock = cut(b"".join(data))
    numbers = np.frombuffer(b"".join([m.number for m in members]), np.uint8).reshape(len(members), -1)
    member = np.searchsorted(np.cumsum([len(d) for d in data]), flock.wire.start, "right")
    good = flock.good & (flock.content.size >= form.size)
    odd = np.zeros(len(members), bool)
    odd[member[~good]] = True
    flock, member = _chosen(flock, good), member[good]
    head = form.read(flock)
    kind = form.kinds[head.message_id]
    ordinary = head.fits & (kind != OTHER) & (head.terminal == numbers[member]).all(axis=1)
    odd[member[~ordinary]] = True
    bodies, owner, late = _positions(form, head, np.where(ordinary, kind, OTHER), member, odd)
    taken = ~odd[member]
    beats = np.flatnonzero(taken & (kind == HEARTBEAT))
    answers = _answers(
        form, members, numbers, member[beats], head.serial[beats], head.message_id[beats], np.zeros(len(beats), int)
    )
    held = np.flatnonzero(taken & (kind != HEARTBEAT))
    fixes = taken[owner]
    order = np.argsort(owner[fixes], kind="stable")
    sheet = Sheet(
        form, members, [m.terminal for m in members], numbers, member[held], head.message_id[held], head.serial[held],
        flock.wire[held], bodies[fixes][order], np.searchsorted(held, owner[fixes][order]), late[fixes][order],
    )  # fmt: skip
    return Sifted(sheet if len(held) else None, int(taken.sum()), answers, np.flatnonzero(odd).tolist())


def _chosen(flock: Flock, which: Bools) -> Flock:
    return flock if which.all() else Flock(flock.wire[which], flock.content[which], flock.good[which])


def _positions(
    form: Form, head: Head, kind: NDArray[np.uint8], member: Ints, odd: Bools
) -> tuple[Spans, Ints, Bools]:  # fmt: skip
    """Positions, the frame of each, and whether it was stored before. Sessions with more to say become odd."""
    alone = np.flatnonzero(kind == SINGLE)
    bodies, owner, late = head.body[alone], alone, np.zeros(len(alone), bool)
    many = np.flatnonzero(kind == SEVERAL)
    if many.size and form.split is not None:
        split = form.split(head.body[many])
        odd[member[many[~split.good]]] = True
        bodies = bodies.beside(split.bodies)
        owner, late = np.concatenate([owner, many[split.owner]]), np.concatenate([late, split.late[split.owner]])
    if form.odd is not None:
        odd[member[owner[form.odd(bodies)]]] = True
    return bodies, owner, late


def _answers(
    form: Form, members: Sequence[Member], numbers: NDArray[np.uint8], member: Ints, ack_serial: Ints, ack_id: Ints,
    result: Ints,
) -> list[tuple[int, bytes]]:  # fmt: skip
    """General answers by index of the session, in the order of what they answer; takes the serials for them."""
    if not len(member):
        return []
    first = np.flatnonzero(np.diff(member, prepend=-1))
    count = np.diff(first, append=len(member))
    speakers = member[first].tolist()
    latest = np.array([members[i].serial for i in speakers])
    serial = (np.repeat(latest + 1 - first, count) + np.arange(len(member))) % SERIALS
    said, ends = form.answers(numbers[member], serial, ack_serial, ack_id, result)
    bounds = ends[first + count - 1].tolist()
    for i, last in zip(speakers, serial[first + count - 1].tolist(), strict=True):
        members[i].serial = last
    return [(i, said[a:b]) for i, a, b in zip(speakers, [0, *bounds[:-1]], bounds, strict=True)]
