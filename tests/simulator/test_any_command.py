"""Whatever a platform sends, a terminal answers it or passes it over: its loop must not end."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt905 import messages as jt905
from gateway.report import Position
from gateway.wire.message import Body
from simulator.roll import Cab
from simulator.terminal.car import Car
from simulator.terminal.conversation import Timing
from simulator.terminal.framed import FramedTerminal
from simulator.terminal.memory import Memory
from simulator.terminal.outfit import Outfitter
from simulator.terminal.reach import Reach
from tests.gateway.strategies import values

NOW = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)
CABS = [Cab("320583000001", "jt808", "苏ET1", "", version) for version in (2011, 2013, 2019)]
CABS.append(Cab("100200000004", "jt905", "苏ET1", ""))
each = pytest.mark.parametrize("cab", CABS, ids=lambda cab: f"{cab.protocol}-{cab.version}")
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=300)


def terminal(cab: Cab, state: Path) -> FramedTerminal:
    place = Position(terminal=cab.key, time=NOW, lat=31.38, lon=120.95)
    outfitter = Outfitter({cab.protocol: Reach(cab.protocol, "127.0.0.1", 1)}, Timing(), Memory(state))
    one = outfitter.link(cab, Car(lambda: place), np.random.default_rng(1)).terminal
    one.connected(0)
    one.started(0)
    return one


def body_of(cab: Cab, message_id: int) -> Body:
    return jt808.body_of(message_id, cab.version) if cab.protocol == "jt808" else jt905.MESSAGES[message_id].body(2014)


@each
@many
@given(data=st.data())
def test_no_message_of_the_platform_ends_a_terminal(tmp_path: Path, cab: Cab, data: st.DataObject):
    one = terminal(cab, tmp_path)
    for second in range(data.draw(st.integers(1, 4))):
        message_id = data.draw(st.sampled_from(sorted(one.handlers)))
        kind = body_of(cab, message_id)
        body = data.draw(st.binary(max_size=60) | values(kind).map(kind.write))
        one.receive(one.frame(message_id, body, second), second)
        one.advance(second + 0.5)
    assert one.ready
    terminal(cab, tmp_path)  # what it has kept can be read
