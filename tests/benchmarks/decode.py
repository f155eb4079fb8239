"""Frames of positions with additional items, decoded one at a time and in batch, both to the same FIX rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808 import translate
from gateway.protocols.jt808.header import parse
from gateway.rows import rows_of
from tests.terminals import NUMBER, fix

FRAMES = 1_000
ROUNDS = 15


def frames() -> list[bytes]:
    start = datetime(2026, 11, 25, tzinfo=UTC)
    items = {"0x03": {"recorder_speed": 35.0}, "0x30": {"signal": 20}, "0x31": {"satellites": 9}}
    return [
        jt808.encode(
            0x0200,
            fix(
                start + timedelta(seconds=10 * i), lat=31.3 + i * 1e-5, lon=120.9 + i * 1e-5,
                items={"0x01": {"odometer": 1000 + i / 10}, **items},
            ),
            terminal=NUMBER, serial=i,
        )
        for i in range(FRAMES)
    ]  # fmt: skip


def rounds() -> Sequence[tuple[float, float]]:
    wires = frames()
    return [(_rate(wires, _batch), _rate(wires, _scalar)) for _ in range(ROUNDS)]


def _batch(wires: list[bytes]) -> int:
    return len(translate.OLD.read([parse(wire)[1] for wire in wires]).rows)


def _scalar(wires: list[bytes]) -> int:
    messages = [jt808.decode(wire) for wire in wires]
    return len(rows_of([translate.position("t", m.fields, m.header.version, m.body) for m in messages]).rows)


def _rate(wires: list[bytes], decode: object) -> float:
    assert callable(decode)
    begin = time.process_time()
    assert decode(wires) == FRAMES
    return FRAMES / (time.process_time() - begin)
