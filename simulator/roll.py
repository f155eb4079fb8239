"""Who drives in a scenario: each taxi with its terminal, as rows of the gateway's roll."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.report import terminal_key

COLUMNS = ("terminal", "protocol", "plate", "vehicle_class", "company")
PROTOCOLS = ("jt905", "jt808", "mqtt")


@dataclass(frozen=True, slots=True)
class Cab:
    """A taxi and its terminal. `version` is the edition of JT/T 808 that the terminal speaks, else 0."""

    number: str
    protocol: str
    plate: str
    company: str
    version: int = 0
    vehicle_class: str = "taxi"

    @property
    def key(self) -> str:
        """The terminal's key at the gateway."""
        return terminal_key(self.protocol, self.number)


def to_csv(cabs: Iterable[Cab]) -> str:
    """A roll file that `python -m gateway roll import` takes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cab in cabs:
        writer.writerow((cab.number, cab.protocol, cab.plate, cab.vehicle_class, cab.company))
    return out.getvalue()
