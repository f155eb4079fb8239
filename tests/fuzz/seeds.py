"""Bodies made from the layout tables, by the strategies that the other tests draw their values with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import hypothesis
from hypothesis import HealthCheck, Phase

from gateway.errors import ProtocolError
from gateway.wire.groups import OneOf
from gateway.wire.items import Items
from gateway.wire.kinds import Kind
from gateway.wire.message import MessageType
from tests.gateway.strategies import values

EXAMPLES = 6
"""Bodies of each layout."""


def written(kind: Kind, count: int = EXAMPLES) -> list[bytes]:
    """Bodies of one kind, the same ones in every run."""
    found: list[bytes] = []

    @hypothesis.settings(
        max_examples=count, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(values(kind))
    def draw(value: object) -> None:
        try:
            found.append(kind.write(value))
        except ProtocolError:  # longer than its length can say
            return

    draw()
    return found


def bodies(messages: Mapping[int, MessageType]) -> Iterator[tuple[int, int, bytes]]:
    """(message id, version, body) of every layout of a standard."""
    for message_id, row in messages.items():
        for version, body in row.layouts.items():
            for kind in body.kinds if isinstance(body, OneOf) else (body,):
                for raw in written(kind):
                    yield message_id, version, raw


def items(kind: Items) -> list[bytes]:
    """Items of every layout of a table, each with its id and length."""
    found = []
    for (number, length), layout in kind.table.items():
        for raw in written(layout, 3):
            if length in (None, len(raw)) and len(raw) < 256:
                found.append(bytes((number, len(raw))) + raw)
    return found
