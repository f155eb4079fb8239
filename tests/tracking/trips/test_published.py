"""On real cabs: the same occupied trips as the published method, through the command as its user runs it."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from tests import published_trips

KEY = ["vehicle", "start", "end"]


def as_csv(fixes: pd.DataFrame) -> str:
    rows = fixes.rename(columns={"cab": "vehicle", "on": "occupied"}).assign(speed_kmh="")
    return rows[["vehicle", "time", "lat", "lon", "occupied", "speed_kmh"]].to_csv(index=False)


def run(text: str) -> tuple[pd.DataFrame, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tracking", "trips"], input=text, capture_output=True, text=True, check=True, timeout=60
    )
    return pd.read_csv(io.StringIO(done.stdout)), done.stderr


def test_the_same_trips_as_published(shared: Path):
    fixes = published_trips.cabs(shared / "data" / "sf_cabspotting")
    expected = published_trips.trips(published_trips.without_flicker(fixes)).rename(columns={"cab": "vehicle"})
    found, told = run(as_csv(fixes.sample(frac=1, random_state=4)))
    assert len(expected) == 3860
    assert found[KEY].to_numpy().tolist() == expected[KEY].to_numpy().tolist()
    assert "3860 trips of 5 vehicles from 110714 fixes; 0 rows" in told
    places = ["start_lat", "start_lon", "end_lat", "end_lon"]
    near = (np.abs(found[places].to_numpy() - expected[places].to_numpy()) < 1e-9).all(axis=1)
    assert near.mean() > 0.99  # the others begin or end with a fix whose place cannot be true


def test_cleaned_before_or_not_gives_the_same(shared: Path):
    fixes = published_trips.cabs(shared / "data" / "sf_cabspotting")
    fixes = fixes[fixes["cab"] == 0]
    raw, _ = run(as_csv(fixes))
    cleaned, _ = run(as_csv(published_trips.without_flicker(fixes)))
    assert raw[KEY].equals(cleaned[KEY])


def test_lengths_are_those_a_cab_can_drive(shared: Path):
    fixes = published_trips.cabs(shared / "data" / "sf_cabspotting")
    found, _ = run(as_csv(fixes))
    hours = (found["end"] - found["start"]) / 3600
    assert (found["length_m"] / 1000 / hours < 50 * 3.6).all()
    assert 2_000 < found["length_m"].median() < 6_000
