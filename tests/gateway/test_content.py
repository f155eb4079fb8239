"""What a file is called: the hash of its content, and an extension that no browser executes."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from gateway.content import Files, extension


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\xd8\xff\xe0JFIF", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"RIFF\x24\0\0\0WAVEfmt ", "wav"),
        (b"RIFF\x24\0\0\0AVI LIST", "avi"), (b"\0\0\0\x18ftypmp42", "mp4"), (b"\0\0\0\1\x67", "h264"),
        (b"RIFF\x24\0\0\0<html>", "bin"), (b"<html><script>", "bin"), (b"<svg xmlns=", "bin"), (b"%PDF-1.7", "bin"),
        (b"MZ\x90", "bin"), (b"#!/bin/sh", "bin"), (b"PK\3\4", "bin"), (b"", "bin"),
    ],
)  # fmt: skip
def test_the_content_tells_the_extension(content: bytes, expected: str):
    assert extension(content) == expected


def test_a_file_is_moved_under_its_hash_and_the_same_content_is_one_file(tmp_path: Path):
    files = Files(tmp_path / "media")
    for name in ("a.html", "b"):
        fresh = files.directory / name
        fresh.write_bytes(b"\xff\xd8\xff picture")
        found = files.adopt(fresh)
        assert found == sha256(b"\xff\xd8\xff picture").hexdigest() + ".jpg"
        assert files.path(found).read_bytes() == b"\xff\xd8\xff picture"
        assert not fresh.exists()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a.jpg", "0" * 64, "0" * 64 + "./x", "0" * 63 + "/.jpg"])
def test_a_name_that_is_none_of_ours_has_no_path(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="no file of the media store"):
        Files(tmp_path).path(name)
