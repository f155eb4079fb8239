"""What is said on a connection on which a terminal uploads the attachments of safety alarms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Announced:
    """The files of an alarm will follow.

    number  the alarm number that came with the request
    label   hex of the alarm identification number up to its sequence: what comes behind counts files
    """

    number: str
    label: str


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file of an announced alarm. name: the bytes as they came, which are data and never a path."""

    number: str
    name: bytes
    type: str
    size: int


@dataclass(frozen=True, slots=True)
class Begun:
    file: FileInfo


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a file from `offset` on."""

    number: str
    name: bytes
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The terminal has sent all of a file, and asks whether something lacks."""

    file: FileInfo


Upload = Announced | Begun | Piece | Ended
