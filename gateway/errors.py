"""The gateway's own exception tree. Malformed bytes never raise anything outside it."""

from __future__ import annotations


class GatewayError(Exception):
    """Root of every error that the gateway raises on purpose."""


class ProtocolError(GatewayError):
    """The peer's bytes break the standard.

    cause   short stable key, the label under which it is counted, e.g. "checksum"
    reply   result code for the general answer (JT/T 808 3.1), or None for silence
    """

    def __init__(self, cause: str, detail: str = "", *, reply: int | None = None) -> None:
        super().__init__(f"{cause}: {detail}" if detail else cause)
        self.cause = cause
        self.detail = detail
        self.reply = reply


class RollError(GatewayError):
    """The roll (the closed list of terminals) refuses a row or cannot be read."""


class StorageFull(GatewayError):
    """There is no space left: acknowledge nothing, and try again later."""


class SpoolError(GatewayError):
    """The spool cannot take or give back what was asked of it."""


class UploadRefused(GatewayError):
    """A file, or a piece of one, that is not taken. cause: as in ProtocolError."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
