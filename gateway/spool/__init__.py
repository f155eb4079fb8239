"""The durable spool: what a terminal was told "received" stands here before it was told so.

An append-only log in SQLite (WAL, `synchronous=FULL`), one row per batch. The gateway is its only
writer (`Spool`); tracking's writer reads it from another process (`SpoolReader`) and leaves word of
how far it got, so that the gateway may trim. Entry kinds: "fix" (columns are a `FixBatch`, raw its
frames), "terminal" (columns are JSON of one `Enrolment`), "message" (JSON list of {terminal, message,
frame, reports}: messages other than positions, whole, with what they say), "command" (JSON of one step
of a command to a terminal) and "correction" (a `Correction` of an entry that had been misread).
"""

from gateway.errors import SpoolError, StorageFull
from gateway.spool.log import FILE, Entry, Spool
from gateway.spool.reader import SpoolReader, spools

__all__ = ["FILE", "Entry", "Spool", "SpoolError", "SpoolReader", "StorageFull", "spools"]
