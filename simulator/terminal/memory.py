"""What a terminal keeps when it is switched off: its authentication code and the fixes nobody acknowledged.

One small JSON file for each terminal. The code is written when it comes; fixes when the simulator ends
in an orderly way (a kill loses those, as pulling the plug of a cheap terminal does).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from simulator.terminal.store import Fix

SAFE = re.compile(r"[0-9A-Za-z]+/[0-9A-Za-z_-]+")


class StateError(Exception):
    """A state file cannot be used; the message names it."""


@dataclass
class Remembered:
    """code: "" for none; fixes: oldest first."""

    code: str = ""
    fixes: list[Fix] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Memory:
    """Files in a directory, named after the terminals' keys."""

    directory: Path

    def load(self, key: str) -> Remembered:
        """What the terminal kept; nothing when it was never on. Raises StateError."""
        path = self._path(key)
        try:
            data = json.loads(path.read_text("utf-8"))
            fixes = [Fix(datetime.fromisoformat(moment), bytes.fromhex(body)) for moment, body in data["fixes"]]
            return Remembered(str(data["code"]), fixes)
        except FileNotFoundError:
            return Remembered()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateError(f"cannot use {path}: {error}; remove it to start anew") from error

    def save(self, key: str, code: str, fixes: Iterable[Fix]) -> None:
        """Replace what is kept."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        kept = [[fix.time.isoformat(), fix.body.hex()] for fix in fixes]
        fresh.write_text(json.dumps({"code": code, "fixes": kept}), "utf-8")
        fresh.replace(path)

    def _path(self, key: str) -> Path:
        if not SAFE.fullmatch(key):
            raise StateError(f"{key!r} is no name for a file")
        return self.directory / f"{key.replace('/', '-')}.json"
