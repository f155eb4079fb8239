"""tracking's own exception tree."""

from __future__ import annotations


class TrackingError(Exception):
    """Root of every error that tracking raises on purpose."""


class DatabaseUnfit(TrackingError):
    """The database cannot be used as it is: wrong encoding, too old, or changed behind our back."""


class DatabaseAway(TrackingError):
    """The database cannot be reached now, or is not ready yet."""


class PeopleError(TrackingError):
    """An account cannot be made, changed or used as asked."""
