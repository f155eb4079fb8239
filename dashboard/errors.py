"""dashboard's own exception tree."""

from __future__ import annotations


class DashboardError(Exception):
    """Root of every error that the console raises on purpose, except answers of its API (`dashboard.problem`)."""


class BaseMapError(DashboardError):
    """A base map cannot be made of this extract."""
