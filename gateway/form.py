"""The form of a protocol's ordinary frames: where in them stands what, so that many are read and answered at once.

Ordinary is a frame that needs nothing but this: positions, which are held, and heartbeats, which are
answered at once. A protocol's session has a form while its terminal may send them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gateway.columns import PositionTable
from gateway.wire.flocks import Flock, wrap
from gateway.wire.layout import Layout
from gateway.wire.message import Header
from gateway.wire.spans import Spans

OTHER, SINGLE, SEVERAL, HEARTBEAT = range(4)
"""Kinds of messages, as a form tells them apart."""
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Split:
    """Positions inside messages of which each has several.

    bodies, owner  of the positions, in their order: their bytes, and from which message they are
    late, good     of the messages: stored before by the terminal; can be split
    """

    bodies: Spans
    owner: Ints
    late: Bools
    good: Bools


@dataclass(frozen=True, slots=True)
class Head:
    """Headers in columns, shape (n,). fits: the header announces this body and asks for nothing unusual."""

    message_id: Ints
    serial: Ints
    terminal: NDArray[np.uint8]
    body: Spans
    fits: Bools


@dataclass(frozen=True, eq=False)
class Form:
    """How ordinary frames of one edition look.

    parse      one frame of them -> header and body
    head       the header; `attributes` is its field that tells the length in the bits `length`
    watched    bits of that field beside the length, and what they are in ordinary frames
    table      how positions are read
    single     id -> name of messages that are one position
    several    id -> name of messages with several, which `split` takes apart
    heartbeat  id of what is answered at once
    odd        which positions say more than positions do
    general    a general answer without checksum and escapes, in which everything that differs is nought
    answer     its body
    """

    parse: Callable[[bytes], tuple[Header, bytes]]
    head: Layout
    attributes: str
    length: int
    watched: tuple[int, int]
    table: PositionTable
    single: Mapping[int, str]
    several: Mapping[int, str]
    split: Callable[[Spans], Split] | None
    heartbeat: int
    odd: Callable[[Spans], Bools] | None
    general: bytes
    answer: Layout

    @property
    def size(self) -> int:
        return self.head.struct.size

    @cached_property
    def kinds(self) -> NDArray[np.uint8]:
        """Message id -> its kind."""
        kinds = np.full(0x10000, OTHER, np.uint8)
        kinds[list(self.single)], kinds[list(self.several)], kinds[self.heartbeat] = SINGLE, SEVERAL, HEARTBEAT
        return kinds

    def read(self, flock: Flock) -> Head:
        """Headers of frames, which must not be shorter than one."""
        columns = self.head.columns(flock.content.first(self.size))
        attributes = columns[self.attributes].astype(np.intp)
        body = flock.content.after(self.size)
        bits, wanted = self.watched
        fits = (attributes & self.length == body.size) & (attributes & bits == wanted)
        return Head(
            columns["message_id"].astype(np.intp), columns["serial"].astype(np.intp), columns["terminal"], body, fits
        )

    def answers(
        self, terminal: NDArray[np.uint8], serial: Ints, ack_serial: Ints, ack_id: Ints, result: Ints
    ) -> tuple[bytes, Ints]:
        """General answers, whole frames one after another, and where each ends. All arrays of shape (n, ...)."""
        frames = np.tile(np.frombuffer(self.general, np.uint8), (len(serial), 1))
        frames[:, self.head.place("terminal")] = terminal
        frames[:, self.head.place("serial")] = _octets(serial, 2)
        body = frames[:, self.size :]
        for name, values in (("ack_serial", ack_serial), ("ack_id", ack_id), ("result", result)):
            place = self.answer.place(name)
            body[:, place] = _octets(values, place.stop - place.start)
        return wrap(frames)


def _octets(values: Ints, size: int) -> NDArray[np.uint8]:
    """Big-endian numbers as their bytes, shape (n,) -> (n, size)."""
    return values.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - size :]
