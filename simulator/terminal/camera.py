"""The camera in the car: takes pictures that show where and when, and keeps the last ones."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime

from PIL import Image, ImageDraw, ImageFont

from gateway.report import Position
from gateway.wire.clocks import CHINA
from simulator.meter import packed

KEPT = 16
"""Pictures that a terminal remembers."""
QUALITY = 60
SMALLEST = (320, 240)
SKY, SEAT, WINDOW, INK = (38, 44, 52), (70, 62, 58), (126, 148, 166), (255, 226, 120)


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG. number: its id, the packed time at which it was taken; position: where."""

    number: int
    channel: int
    position: Position
    content: bytes


@dataclass
class Camera:
    """plate: shown in each picture; lose: numbers, from 1, of the pieces that are lost once on their way."""

    plate: str
    lose: Set[int] = frozenset()
    _pictures: OrderedDict[int, Picture] = field(default_factory=OrderedDict)

    def shoot(self, channel: int, size: tuple[int, int], position: Position) -> Picture:
        """A picture of so many pixels, of what is now."""
        number = packed(position.time)
        while number in self._pictures:
            number += 1
        lines = (caption(self.plate, position.time), f"CAM {channel}  {position.lat:.5f} {position.lon:.5f}")
        picture = Picture(number, channel, position, draw(size, lines))
        self._pictures[number] = picture
        if len(self._pictures) > KEPT:
            self._pictures.popitem(last=False)
        return picture

    @property
    def pictures(self) -> list[Picture]:
        """Those that it has kept, oldest first."""
        return list(self._pictures.values())

    def find(self, number: int) -> Picture | None:
        return self._pictures.get(number)

    def lost(self, piece: int) -> bool:
        """Whether this piece is to be lost now; each is lost once."""
        if piece not in self.lose:
            return False
        self.lose = self.lose - {piece}
        return True


def size_of(resolution: str) -> tuple[int, int]:
    """Pixels of a resolution by its name in the tables; the smallest for a number that they do not know."""
    width, _, height = resolution.partition("x")
    return (int(width), int(height)) if height else SMALLEST


def caption(plate: str, moment: datetime) -> str:
    """Plate and time; without the plate's Chinese character, for which the font has no shape."""
    return f"{''.join(c for c in plate if c.isascii())}  {moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def draw(size: tuple[int, int], lines: tuple[str, ...]) -> bytes:
    """The cabin of a car as a JPEG, with lines of ASCII in its corner."""
    width, height = size
    image = Image.new("RGB", size, SKY)
    pen = ImageDraw.Draw(image)
    top, sill = height * 0.1, height * 0.5
    pen.polygon([(0, top), (width, top), (width * 0.9, sill), (width * 0.1, sill)], WINDOW)
    for left in (0.08, 0.56):
        pen.rounded_rectangle((width * left, height * 0.45, width * (left + 0.36), height), height * 0.08, SEAT)
    text = max(10, height // 20)
    font = ImageFont.load_default(text)
    for row, line in enumerate(lines):
        pen.text((text // 2, height - (len(lines) - row) * text * 1.3), line, INK, font)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
