"""tracking's own exception tree."""

from __future__ import annotations

from datetime import date
from pathlib import Path


class TrackingError(Exception):
    """Root of every error that tracking raises on purpose."""


class DatabaseUnfit(TrackingError):
    """The database cannot be used as it is: wrong encoding, too old, or changed behind our back."""


class DatabaseAway(TrackingError):
    """The database cannot be reached now, or is not ready yet."""


class ArchiveDamaged(TrackingError):
    """A file of the archive is missing, or is not as it was written; `day` (UTC) cannot be told whole."""

    def __init__(self, file: Path, day: date, what: str) -> None:
        super().__init__(f"the archive's file {file} of {day} {what}")
        self.file, self.day = file, day


class PeopleError(TrackingError):
    """An account cannot be made, changed or used as asked."""


class EvidenceError(TrackingError):
    """A key, a checkpoint, a chain or a pack of evidence is not what it ought to be."""


class CaseError(TrackingError):
    """A step that a case does not know now, or not by this person; `code` says why in one word."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


class UnknownCase(TrackingError):
    """There is no such finding, case or driver."""
