"""The durable spool: what a terminal was told "received" stands here before it was told so.

An append-only log in SQLite (WAL, `synchronous=FULL`), one row per batch. The gateway is its only
writer (`Spool`); tracking's writer reads it from another process (`SpoolReader`) and leaves word of
how far it got, so that the gateway may trim. Entry kinds: "fix" (columns are a `FixBatch`, raw its
frames), "terminal" (columns are JSON of one `Enrolment`), "message" (JSON list of {terminal, message,
frame, reports}: messages other than positions, whole, with what they say) and "command" (JSON of one step
of a command to a terminal).
"""

from gateway.errors import SpoolError
from gateway.spool.log import Entry, Spool
from gateway.spool.reader import SpoolReader

__all__ = ["Entry", "Spool", "SpoolError", "SpoolReader"]
