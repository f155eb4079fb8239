"""The bus: live feed and commands between processes. Not durable; the spool is.

Subjects: `taxihub.fix` carries `FixBatch` blobs of good and bad fixes as they were committed to
the spool, `taxihub.report` JSON lists of other reports; `taxihub.command` takes a command, bare or as
{"command","actor","expires_s","id"}, and answers the order that it has become, `taxihub.command.state`
tells each step of it; `taxihub.counts` answers the gateways' outcomes by cause. What gateways tell each
other, see `gateway.server.switchboard`, has subjects that begin with `taxihub.gateway.`.
"""

from gateway.bus.memory import MemoryBus
from gateway.bus.nats import NatsBus
from gateway.bus.port import Bus, BusError, Message

FIX_SUBJECT = "taxihub.fix"
COMMAND_SUBJECT = "taxihub.command"
COMMAND_STATE_SUBJECT = "taxihub.command.state"
REPORT_SUBJECT = "taxihub.report"
COUNTS_SUBJECT = "taxihub.counts"
ALIVE_SUBJECT = "taxihub.gateway.alive"
LINES_SUBJECT = "taxihub.gateway.lines"
WANTED_SUBJECT = "taxihub.gateway.wanted"
GATEWAY_SUBJECT = "taxihub.gateway.{}.{}"
"""Of one gateway, by its id, and what it is asked: say, answered, counts."""

__all__ = [
    "ALIVE_SUBJECT",
    "COMMAND_STATE_SUBJECT",
    "COMMAND_SUBJECT",
    "COUNTS_SUBJECT",
    "FIX_SUBJECT",
    "GATEWAY_SUBJECT",
    "LINES_SUBJECT",
    "REPORT_SUBJECT",
    "WANTED_SUBJECT",
    "Bus",
    "BusError",
    "MemoryBus",
    "Message",
    "NatsBus",
]
