"""What a terminal keeps when it is switched off: its code, letters, meter, parameters and unacknowledged fixes.

One small JSON file for each terminal, written whenever a letter, the meter, the code or a parameter changes. Fixes go
along; those since the last change are written when the simulator ends in an orderly way (a kill loses
them, as pulling the plug of a cheap terminal does).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from simulator.meter import Counts
from simulator.terminal.letters import Letter
from simulator.terminal.store import Fix

SAFE = re.compile(r"[0-9A-Za-z]+/[0-9A-Za-z_-]+")
COUNTS = TypeAdapter(Counts)


class StateError(Exception):
    """A state file cannot be used; the message names it."""


@dataclass
class Remembered:
    """code: "" for none; fixes and letters: oldest first; counts: of the meter.

    parameters  that the centre has set, as the body of a 0x8103; empty for none
    """

    code: str = ""
    fixes: Sequence[Fix] = ()
    letters: Sequence[Letter] = ()
    counts: Counts = field(default_factory=Counts)
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class Memory:
    """Files in a directory, named after the terminals' keys."""

    directory: Path

    def load(self, key: str) -> Remembered:
        """What the terminal kept; nothing when it was never on. Raises StateError."""
        path = self._path(key)
        try:
            return _read(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            return Remembered()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(f"cannot use {path}: {error}; remove it to start anew") from error

    def save(self, key: str, kept: Remembered) -> None:
        """Replace what is kept."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(_written(kept)), "utf-8")
        fresh.replace(path)

    def _path(self, key: str) -> Path:
        if not SAFE.fullmatch(key):
            raise StateError(f"{key!r} is no name for a file")
        return self.directory / f"{key.replace('/', '-')}.json"


def _read(data: Mapping[str, Any]) -> Remembered:
    """Inverse of `_written`; files of earlier versions have a code and fixes alone."""
    fixes = [Fix(datetime.fromisoformat(moment), bytes.fromhex(body)) for moment, body in data["fixes"]]
    letters = [
        Letter(number, bytes.fromhex(body), serial, bytes.fromhex(frame))
        for number, body, serial, frame in data.get("letters", ())
    ]
    counts = COUNTS.validate_python(data.get("meter", {}))
    return Remembered(str(data["code"]), fixes, letters, counts, bytes.fromhex(data.get("parameters", "")))


def _written(kept: Remembered) -> Mapping[str, Any]:
    return {
        "code": kept.code,
        "fixes": [[fix.time.isoformat(), fix.body.hex()] for fix in kept.fixes],
        "letters": [[one.message_id, one.body.hex(), one.serial, one.frame.hex()] for one in kept.letters],
        "meter": COUNTS.dump_python(kept.counts, mode="json"),
        "parameters": kept.parameters.hex(),
    }
