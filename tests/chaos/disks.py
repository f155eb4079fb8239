"""Disks that fail: one that fills up, and one whose power is cut. Root only."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UNMOUNT_S = 5.0


class Unavailable(Exception):
    """What a kind of fault needs is not to be had on this machine. Says what."""


def mounted(*command: str) -> None:
    """Raises Unavailable when it cannot be mounted."""
    if os.geteuid() != 0:
        raise Unavailable("a file system can be mounted by root only")
    done = subprocess.run(["mount", *command], capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"mount {' '.join(command)}: {done.stderr.strip()}")


def unmount(place: Path) -> None:
    """Wait for what still holds it; at the last leave that to the kernel."""
    end = time.monotonic() + UNMOUNT_S
    while subprocess.run(["umount", str(place)], capture_output=True).returncode:
        if time.monotonic() > end:
            subprocess.run(["umount", "-l", str(place)], check=True)
            return
        time.sleep(0.05)


class Disk:
    """A plain directory: the disk that does not fail."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True)

    def close(self) -> None:
        """Nothing to give back."""


class SmallDisk(Disk):
    """A file system in memory that ballast fills up to its last byte."""

    def __init__(self, place: Path, octets: int = 48 << 20) -> None:
        super().__init__(place)
        mounted("-t", "tmpfs", "-o", f"size={octets}", "tmpfs", str(place))

    @contextmanager
    def full(self) -> Iterator[None]:
        ballast = self.place / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(64 << 10)):
                pass
        try:
            yield
        finally:
            ballast.unlink()

    def close(self) -> None:
        unmount(self.place)


class ImageDisk(Disk):
    """ext4 in a loop image. What the image holds at an instant is what reached the device until then."""

    def __init__(self, place: Path, megabytes: int) -> None:
        super().__init__(place)
        self._images = place.with_name(place.name + ".images")
        self._images.mkdir()
        self._image = self._images / "0"
        with self._image.open("wb") as file:
            file.truncate(megabytes << 20)
        quick = ["-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"]
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", *quick, str(self._image)], check=True, capture_output=True)
        self._mount()

    def _mount(self) -> None:
        # rarely written by the kernel's own accord: what nobody asked to be synced is lost in a cut
        mounted("-o", "loop,commit=300", str(self._image), str(self.place))

    def snapshot(self) -> Path:
        """What a power cut would leave, as an image beside this one. Nothing may write meanwhile."""
        copy = self._images / str(int(self._image.name) + 1)
        subprocess.run(["cp", "--sparse=always", str(self._image), str(copy)], check=True)
        return copy

    def replace(self, image: Path) -> None:
        """Go on with what the cut left. Nothing may use the disk any more."""
        unmount(self.place)
        self._image.unlink()
        self._image = image
        self._mount()

    def close(self) -> None:
        unmount(self.place)
