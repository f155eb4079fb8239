"""Times on the wire: BCD digits in GMT+8 without daylight saving (JT/T 808-2019, 4.4; JT/T 905.2)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from itertools import groupby
from typing import Any

from gateway.errors import ProtocolError
from gateway.wire.reader import Reader

CHINA = timezone(timedelta(hours=8), "GMT+8")
NO_DATE = bytes(3)


@dataclass(frozen=True, slots=True)
class Clock:
    """BCD[6] YYMMDDhhmmss, GMT+8, years 2000-2099 -> aware datetime."""

    code: str = "6s"
    label: str = "BCD[6] YYMMDDhhmmss"

    def value(self, raw: bytes) -> datetime:
        text = raw.hex()
        try:
            return datetime(
                2000 + int(text[:2]), int(text[2:4]), int(text[4:6]),
                int(text[6:8]), int(text[8:10]), int(text[10:12]), tzinfo=CHINA,
            )  # fmt: skip
        except ValueError as error:
            raise ProtocolError("time", f"{text} is no YYMMDDhhmmss", reply=2) from error

    def read(self, reader: Reader) -> datetime:
        return self.value(reader.take(6))

    def write(self, value: datetime) -> bytes:
        return _written(value, "YYMMDDhhmmss", CHINA)


CLOCK = Clock()


@dataclass(frozen=True, slots=True)
class MaybeDaily:
    """BCD[6] YYMMDDhhmmss, or 000000hhmmss for every day -> datetime or time of day (808, 8.37)."""

    code: str = "6s"
    label: str = "BCD[6] YYMMDDhhmmss or 000000hhmmss"

    def value(self, raw: bytes) -> datetime | time:
        return TIME_OF_DAY.moment(raw[3:]).time() if raw[:3] == NO_DATE else CLOCK.value(raw)

    def read(self, reader: Reader) -> datetime | time:
        return self.value(reader.take(6))

    def write(self, value: datetime | time) -> bytes:
        return CLOCK.write(value) if isinstance(value, datetime) else NO_DATE + TIME_OF_DAY.write(value)


@dataclass(frozen=True, slots=True)
class Stamp:
    """BCD digits after a pattern of YYYY or YY, MM, DD, hh, mm, ss.

    The value is an aware datetime, a date when the pattern has no hours, a time of day when it has
    no date. YY counts from 2000. With `blank`, all noughts mean "none" or "any" and read as None.
    """

    pattern: str
    zone: tzinfo = CHINA
    blank: bool = False

    @property
    def size(self) -> int:
        return len(self.pattern) // 2

    @property
    def code(self) -> str:
        return f"{self.size}s"

    @property
    def label(self) -> str:
        return f"BCD[{self.size}] {self.pattern}" + " UTC" * (self.zone is UTC) + " or 0" * self.blank

    def moment(self, raw: bytes) -> datetime:
        """The digits as a datetime; what the pattern lacks is that of 2000-01-01 00:00."""
        text, at = raw.hex(), 0
        parts = {"Y": 2000, "M": 1, "D": 1, "h": 0, "m": 0, "s": 0}
        try:
            for letter, run in groupby(self.pattern):
                width = len(list(run))
                parts[letter] = int(text[at : at + width]) + 2000 * (letter == "Y" and width == 2)
                at += width
            return datetime(*parts.values(), tzinfo=self.zone)  # type: ignore[arg-type, misc]
        except ValueError as error:
            raise ProtocolError("time", f"{text} is no {self.pattern}", reply=2) from error

    def value(self, raw: bytes) -> datetime | date | time | None:
        if self.blank and not any(raw):
            return None
        moment = self.moment(raw)
        if "D" not in self.pattern:
            return moment.time()
        return moment if "h" in self.pattern else moment.date()

    def read(self, reader: Reader) -> datetime | date | time | None:
        return self.value(reader.take(self.size))

    def write(self, value: datetime | date | time | None) -> bytes:
        if value is None and self.blank:
            return bytes(self.size)
        return _written(value, self.pattern, self.zone)


TIME_OF_DAY = Stamp("hhmmss")
CODES = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "hh": "%H", "mm": "%M", "ss": "%S"}


def _written(value: datetime | date | time | None, pattern: str, zone: tzinfo) -> bytes:
    if not isinstance(value, date | time):
        raise ProtocolError("range", f"{value!r} is no time")
    if isinstance(value, datetime):
        value = value.astimezone(zone)
    if not isinstance(value, time) and not ("YYYY" in pattern or 2000 <= value.year < 2100):
        raise ProtocolError("range", f"year {value.year} does not fit YY")
    runs = ("".join(run) for _, run in groupby(pattern))
    return bytes.fromhex(value.strftime("".join(CODES[run] for run in runs)))


@dataclass(frozen=True, slots=True)
class LongStamp:
    """BCD[6] YYYYMMDDhhmm; sources that write YYMMDDhhmmss instead are told by the century byte."""

    code: str = "6s"
    label: str = "BCD[6] YYYYMMDDhhmm"

    def value(self, raw: bytes) -> datetime:
        if raw[0] == 0x20:
            with suppress(ProtocolError):
                return LONG.moment(raw)
        return CLOCK.value(raw)

    def read(self, reader: Reader) -> datetime:
        return self.value(reader.take(6))

    def write(self, value: datetime) -> bytes:
        return LONG.write(value)


LONG = Stamp("YYYYMMDDhhmm")


@dataclass(frozen=True, slots=True)
class Lenient:
    """A time that must not cost its message: digits that are no time are kept as hex text."""

    inner: Clock | Stamp | LongStamp

    @property
    def code(self) -> str:
        return self.inner.code

    @property
    def label(self) -> str:
        return self.inner.label

    def value(self, raw: bytes) -> datetime | date | time | str | None:
        try:
            return self.inner.value(raw)
        except ProtocolError:
            return raw.hex()

    def read(self, reader: Reader) -> datetime | date | time | str | None:
        return self.value(reader.take(int(self.code[:-1])))

    def write(self, value: Any) -> bytes:
        return bytes.fromhex(value) if isinstance(value, str) else self.inner.write(value)


@dataclass(frozen=True, slots=True)
class Elapsed:
    """BCD hhmm or hhmmss of a duration -> seconds."""

    pattern: str

    @property
    def code(self) -> str:
        return f"{len(self.pattern) // 2}s"

    @property
    def label(self) -> str:
        return f"BCD[{len(self.pattern) // 2}] {self.pattern}"

    def value(self, raw: bytes) -> int:
        text = raw.hex()
        if not text.isdecimal():
            raise ProtocolError("bcd", f"{text} is no {self.pattern}", reply=2)
        return sum(
            int(text[i : i + 2]) * weight for i, weight in zip(range(0, len(text), 2), (3600, 60, 1), strict=False)
        )

    def read(self, reader: Reader) -> int:
        return self.value(reader.take(len(self.pattern) // 2))

    def write(self, value: int) -> bytes:
        hours, rest = divmod(value, 3600)
        if not 0 <= hours < 100:
            raise ProtocolError("range", f"{value} s does not fit {self.label}")
        return bytes.fromhex(f"{hours:02d}{rest // 60:02d}{rest % 60:02d}"[: len(self.pattern)])
