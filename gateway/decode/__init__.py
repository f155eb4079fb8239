"""`python -m gateway decode`: explain captured frames, for people as tables and for machines as JSON."""

from gateway.decode.cli import add_arguments, run

__all__ = ["add_arguments", "run"]
