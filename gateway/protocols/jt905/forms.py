"""Ordinary JT/T 905 frames, many at once: positions (0x0200, 0x0202) and heartbeats."""

from __future__ import annotations

from gateway.form import Form
from gateway.framed import GENERAL_ANSWER
from gateway.protocols.jt905.messages import HEAD, frame, parse
from gateway.protocols.jt905.translate import TABLE
from gateway.wire.framing import unwrap

FORM = Form(
    parse=parse, head=HEAD, attributes="length", length=0xFFFF, watched=(0, 0), table=TABLE,
    single={0x0200: "", 0x0202: ""}, several={}, split=None, heartbeat=0x0002, odd=None,
    general=unwrap(frame(0x8001, GENERAL_ANSWER.struct.pack(0, 0, 0), terminal="", serial=0)), answer=GENERAL_ANSWER,
)  # fmt: skip
