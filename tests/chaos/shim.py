"""`shim.c` under SQLite: the spool's fdatasync fails, its writes are cut short. Needs a C compiler."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

from tests.chaos.disks import Unavailable
from tests.stack import eventually

SOURCE = Path(__file__).with_name("shim.c")
WORDS = 8
SYNCS, SYNCS_DONE, WRITES, WRITES_DONE, ERRNO = range(5)
"""Words of the control file, as the source tells."""


class Shim:
    """Compiled into `directory`. Raises Unavailable without a compiler, and where the compiled is not taken."""

    def __init__(self, directory: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise Unavailable("no C compiler (cc) for the shim that makes fdatasync and writes fail")
        library, self._control = directory / "shim.so", directory / "shim.control"
        command = [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode:
            raise Unavailable(f"{SOURCE.name} does not compile: {built.stderr}")
        self._control.write_bytes(bytes(4 * WORDS))
        with self._control.open("r+b") as file:
            self._words = mmap.mmap(file.fileno(), 4 * WORDS)
        self.command = ["env", f"LD_PRELOAD={library}", f"CHAOS_CONTROL={self._control}"]
        """What the command of a process begins with to have the shim under it."""

    def _get(self, word: int) -> int:
        (value,) = struct.unpack_from("=i", self._words, 4 * word)
        return int(value)

    def _set(self, word: int, value: int) -> None:
        struct.pack_into("=i", self._words, 4 * word, value)

    def fail_sync(self) -> None:
        """The next fdatasync of the spool fails; returns when it has."""
        self._arm(SYNCS, SYNCS_DONE, "fdatasync fails")

    def cut_write(self, then: int) -> None:
        """The next write to the spool is half a write, and the one after fails with this errno (0: it does not)."""
        self._set(ERRNO, then)
        self._arm(WRITES, WRITES_DONE, "a write is cut short")

    def _arm(self, armed: int, done: int, what: str) -> None:
        before = self._get(done)
        self._set(armed, 1)
        eventually(lambda: self._get(done) > before, what)

    def close(self) -> None:
        self._words.close()
