"""Spools on their way to another machine, through NATS JetStream: what was acknowledged here outlives this machine.

`python -m gateway ship` reads the spools of a machine as tracking's writer would, and publishes each entry to a
stream of its spool, replicated over the cluster; only what the cluster has confirmed may be trimmed. On the
other side a `StreamReader` is to the writer what a spool of its own machine is.
"""

from gateway.shipping.shipper import Shipper
from gateway.shipping.stream import StreamReader, shipped

__all__ = ["Shipper", "StreamReader", "shipped"]
