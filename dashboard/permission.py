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


MAY: Mapping[Permission, Set[Role]] = {
    Permission.COMMAND: {Role.ADMINISTRATOR, Role.DISPATCHER, Role.SAFETY_OFFICER},
    Permission.HISTORY: {Role.ADMINISTRATOR, Role.DISPATCHER, Role.SAFETY_OFFICER, Role.AUDITOR},
}


def permissions(role: Role) -> list[Permission]:
    return [one for one in Permission if role in MAY[one]]
