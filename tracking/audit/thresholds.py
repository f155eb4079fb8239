"""The thresholds of the audit by the day from which they are valid, out of a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tracking.audit.finding import Level
from tracking.errors import TrackingError

FILE = Path(__file__).parent / "thresholds.toml"


class ThresholdsError(TrackingError):
    """The file of thresholds cannot be used, or has none for a day; the message says which."""


Positive = Annotated[float, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(_Strict):
    """The least that a finding may rest on."""

    longest_gap_s: Positive
    confidence: Annotated[float, Field(ge=0, le=1)]
    track_ratio: Annotated[float, Field(ge=1)]


class Excess(_Strict):
    """More than `ratio` times, and more than `more_m` metres more, than allowed: both."""

    ratio: Annotated[float, Field(ge=1)]
    more_m: Annotated[float, Field(ge=0)]


class Conduct(_Strict):
    """Of what a vehicle does beside the way it takes; metres, seconds, m/s. The file says what each one means."""

    meter_off_m: Positive
    meter_on_empty_s: Positive
    meter_on_empty_m: Positive
    out_of_area_m: Positive
    gps_off_s: Positive
    gps_off_m: Positive
    cloned_m: Positive
    cloned_speed: Positive
    cloned_turns: Annotated[int, Field(ge=2)]
    cloned_silent_s: Positive
    driving_s: Positive
    rest_s: Positive
    forbidden_m: Positive


class Edition(_Strict):
    since: date
    reason: str
    evidence: Evidence
    detour: Mapping[Level, Excess]
    overcharge: Mapping[Level, Excess]
    conduct: Conduct


class _File(_Strict):
    edition: Annotated[Sequence[Edition], Field(min_length=1)]


def editions(path: Path = FILE) -> Sequence[Edition]:
    """Newest first. Raises ThresholdsError that names the entry."""
    try:
        found = _File.model_validate(tomllib.loads(path.read_text("utf-8"))).edition
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ThresholdsError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ThresholdsError(f"{path}: {place}: {first['msg']}") from error
    days = [one.since for one in found]
    if days != sorted(set(days), reverse=True):
        raise ThresholdsError(f"{path}: editions must stand newest first, each day once: {', '.join(map(str, days))}")
    return found


@cache
def _shipped() -> Sequence[Edition]:
    return editions()


def valid(day: date, among: Sequence[Edition] | None = None) -> Edition:
    """The edition by which a trip of that day is judged. Raises ThresholdsError before the first one."""
    for edition in among or _shipped():
        if edition.since <= day:
            return edition
    raise ThresholdsError(f"no thresholds are valid on {day}")
