"""The bus: live feed and commands between processes. Not durable; the spool is.

Subjects: `taxihub.fix` carries `FixBatch` blobs of good and bad fixes as they were committed to
the spool; `taxihub.command` takes a command and answers what became of it.
"""

from gateway.bus.memory import MemoryBus
from gateway.bus.nats import NatsBus
from gateway.bus.port import Bus, BusError, Message

FIX_SUBJECT = "taxihub.fix"
COMMAND_SUBJECT = "taxihub.command"

__all__ = ["COMMAND_SUBJECT", "FIX_SUBJECT", "Bus", "BusError", "MemoryBus", "Message", "NatsBus"]
