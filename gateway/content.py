"""Files that terminals have sent, each under the hash of its content: nothing they say ever becomes a path."""

from __future__ import annotations

import os
from hashlib import file_digest, sha256
from pathlib import Path

from gateway.disk import synchronise

STARTS = {
    b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"ID3": "mp3", b"\xff\xfb": "mp3", b"II*\0": "tif", b"MM\0*": "tif",
    b"0&\xb2u": "wmv", b"\0\0\0\1": "h264", b"\0\0\1": "h264",
}  # fmt: skip
RIFF = {b"WAVE": "wav", b"AVI ": "avi"}
HEAD = 16
"""Bytes of a file by which its extension is told."""


def extension(content: bytes) -> str:
    """By the first bytes, never by a terminal's word; what is not known, or a browser would execute, is "bin"."""
    if content.startswith(b"RIFF"):
        return RIFF.get(content[8:12], "bin")
    if content[4:8] == b"ftyp":
        return "mp4"
    return next((ext for start, ext in STARTS.items() if content.startswith(start)), "bin")


class Files:
    """`<aa>/<sha256>.<extension>` under a directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory

    def path(self, file: str) -> Path:
        """Where a file stands. Raises ValueError on a name that is none of these."""
        stem, _, ending = file.partition(".")
        if len(stem) != 64 or not set(stem) <= set("0123456789abcdef") or not ending.isalnum():
            raise ValueError(f"{file!r} is no file of the media store")
        return self.directory / stem[:2] / file

    def put(self, content: bytes) -> str:
        """Keep a file; its name. What a full disk took of it does not stay."""
        fresh = self.directory / f"{sha256(content).hexdigest()}.new"
        try:
            fresh.write_bytes(content)
            return self.adopt(fresh)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise

    def adopt(self, fresh: Path) -> str:
        """Move a file of the same disk to its place, where it is durable before this returns; its name."""
        with fresh.open("rb+") as content:
            digest, head = file_digest(content, "sha256").hexdigest(), os.pread(content.fileno(), HEAD, 0)
            os.fsync(content.fileno())
        path = self.path(f"{digest}.{extension(head)}")
        path.parent.mkdir(exist_ok=True)
        fresh.replace(path)
        for directory in (path.parent, self.directory):
            synchronise(directory)
        return path.name
