"""The bus: live feed and commands between processes. Not durable; the spool is.

Subjects: `taxihub.fix` carries `FixBatch` blobs of good and bad fixes as they were committed to
the spool, `taxihub.report` JSON lists of other reports; `taxihub.command` takes a command, bare or as
{"command","actor","expires_s","id"}, and answers the order that it has become, `taxihub.command.state`
tells each step of it; `taxihub.counts` answers the gateway's outcomes by cause.
"""

from gateway.bus.memory import MemoryBus
from gateway.bus.nats import NatsBus
from gateway.bus.port import Bus, BusError, Message

FIX_SUBJECT = "taxihub.fix"
COMMAND_SUBJECT = "taxihub.command"
COMMAND_STATE_SUBJECT = "taxihub.command.state"
REPORT_SUBJECT = "taxihub.report"
COUNTS_SUBJECT = "taxihub.counts"

__all__ = [
    "COMMAND_STATE_SUBJECT",
    "COMMAND_SUBJECT",
    "COUNTS_SUBJECT",
    "FIX_SUBJECT",
    "REPORT_SUBJECT",
    "Bus",
    "BusError",
    "MemoryBus",
    "Message",
    "NatsBus",
]
