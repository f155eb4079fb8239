"""The bus: live feed and commands between processes. Not durable; the spool is.

Subjects: `taxihub.fix` carries `FixBatch` blobs of good and bad fixes as they were committed to
the spool; `taxihub.command` takes a command (`gateway.command.from_json`) and answers what became of
it; `taxihub.counts` answers the gateway's outcomes by cause.
"""

from gateway.bus.memory import MemoryBus
from gateway.bus.nats import NatsBus
from gateway.bus.port import Bus, BusError, Message

FIX_SUBJECT = "taxihub.fix"
COMMAND_SUBJECT = "taxihub.command"
COUNTS_SUBJECT = "taxihub.counts"

__all__ = ["COMMAND_SUBJECT", "COUNTS_SUBJECT", "FIX_SUBJECT", "Bus", "BusError", "MemoryBus", "Message", "NatsBus"]
