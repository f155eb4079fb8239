"""Which roles may do what beyond looking. What stands in no row is denied."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Set

from tracking.people import Role


class Permission(enum.StrEnum):
    COMMAND = "command"
    """Say something to a terminal."""
    HISTORY = "history"
    """See where a vehicle was."""
    STORAGE = "storage"
    """See what no table took, and how the history is kept."""
    REPLAY = "replay"
    """Try again what no table took."""
    BOOKINGS = "bookings"
    """See bookings, and why taxis were chosen."""
    BOOK = "book"
    """Take calls, and put bookings right by hand, as far as the transition table lets the role."""
    DIRECT = "direct"
    """Send taxis somewhere without a passenger: hints and musters."""


MAY: Mapping[Permission, Set[Role]] = {
    Permission.COMMAND: {Role.ADMINISTRATOR, Role.DISPATCHER, Role.SAFETY_OFFICER},
    Permission.HISTORY: {Role.ADMINISTRATOR, Role.DISPATCHER, Role.SAFETY_OFFICER, Role.AUDITOR},
    Permission.STORAGE: {Role.ADMINISTRATOR, Role.AUDITOR},
    Permission.REPLAY: {Role.ADMINISTRATOR},
    Permission.BOOKINGS: {Role.ADMINISTRATOR, Role.DISPATCHER, Role.CALL_TAKER, Role.AUDITOR},
    Permission.BOOK: {Role.ADMINISTRATOR, Role.DISPATCHER, Role.CALL_TAKER},
    Permission.DIRECT: {Role.ADMINISTRATOR, Role.DISPATCHER},
}


def permissions(role: Role) -> list[Permission]:
    return [one for one in Permission if role in MAY[one]]
