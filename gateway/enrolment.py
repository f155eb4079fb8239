"""Roll files: what an office has in its spreadsheet -> rows of the roll, or every bad line with its reason."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import RollError
from gateway.report import Enrolment, terminal_key

COLUMNS = ("terminal", "protocol", "plate", "vehicle_class", "company")
LONGEST = {"plate": 64, "vehicle_class": 32, "company": 100}
"""Characters."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """How a protocol's terminal numbers look. `says`: the same in words."""

    pattern: re.Pattern[str]
    says: str


def parse_csv(data: bytes, protocols: Mapping[str, Numbers]) -> list[Enrolment]:
    """A roll file -> rows. UTF-8 (with or without BOM) or GBK.

    Header `terminal,protocol,plate,vehicle_class,company` in any order; the last two may be missing.
    Raises RollError that lists every bad line with its number; then nothing is to be imported.
    """
    reader = csv.DictReader(io.StringIO(_text(data), newline=""), strict=True)
    rows: dict[str, Enrolment] = {}
    problems = []
    try:
        missing = [name for name in COLUMNS[:3] if name not in (reader.fieldnames or ())]
        if missing:
            raise RollError(f"line 1: the header lacks {', '.join(missing)} (expected {','.join(COLUMNS)})")
        for row in reader:
            try:
                enrolment = _parse_row(row, protocols)
                if enrolment.terminal in rows:
                    raise RollError(f"terminal {enrolment.terminal} stands twice")
                rows[enrolment.terminal] = enrolment
            except RollError as error:
                problems.append(f"line {reader.line_num}: {error}")
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}; nothing behind it was read")
    if problems:
        raise RollError("\n".join(problems))
    return list(rows.values())


def _text(data: bytes) -> str:
    """Raises RollError that says where the first undecodable byte is."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf8 = error.start
    try:
        return data.decode("gb18030")
    except UnicodeDecodeError as error:
        lines = (data.count(b"\n", 0, at) + 1 for at in (utf8, error.start))
        raise RollError("the file is neither UTF-8 (line {} is not) nor GBK (line {} is not)".format(*lines)) from error


def _parse_row(row: dict[str, str | None], protocols: Mapping[str, Numbers]) -> Enrolment:
    if None in row:
        raise RollError("more fields than the header has")
    value = {name: (row.get(name) or "").strip() for name in COLUMNS}
    number, protocol = value["terminal"], value["protocol"]
    if protocol not in protocols:
        raise RollError(f"unknown protocol {protocol!r} (known: {', '.join(protocols)})")
    if not number:
        raise RollError("no terminal number")
    if not protocols[protocol].pattern.fullmatch(number):
        raise RollError(f"terminal {number[:40]!r}: a {protocol} terminal has {protocols[protocol].says}")
    if not value["plate"]:
        raise RollError(f"terminal {number} has no plate")
    for name, most in LONGEST.items():
        if len(value[name]) > most or not value[name].isprintable():
            raise RollError(f"terminal {number}: {name} must be at most {most} printable characters")
    return Enrolment(
        terminal=terminal_key(protocol, number), plate=value["plate"],
        vehicle_class=value["vehicle_class"] or "taxi", company=value["company"],
    )  # fmt: skip
