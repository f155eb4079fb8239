"""The published method of finding occupied trips, as the reference: written anew on pandas from its description.

TransBigData (Yu and Yuan 2022, doi:10.21105/joss.04021), `clean_taxi_status` and `taxigps_to_od`: a record whose
passenger status differs from that of the records before and after it is deleted; a trip lies between a change to
occupied and the next change of the same vehicle back to vacant. The package itself is not pinned: its last release
of 2023 asks for nine others, down to a map downloader.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def cabs(directory: Path) -> pd.DataFrame:
    """Fixes of real cabs, newest first: columns cab (int), time (s), lat, lon, on."""
    files = sorted(directory.glob("new_*.txt"))
    parts = [pd.read_csv(file, sep=" ", names=["lat", "lon", "on", "time"]) for file in files]
    return pd.concat([part.assign(cab=number) for number, part in enumerate(parts)], ignore_index=True)


def without_flicker(fixes: pd.DataFrame) -> pd.DataFrame:
    fixes = fixes.sort_values(["cab", "time"])
    cab, on = fixes["cab"], fixes["on"]
    lone = (on.shift(-1) == on.shift()) & (on != on.shift()) & (cab.shift(-1) == cab.shift()) & (cab == cab.shift())
    return fixes[~lone]


def trips(fixes: pd.DataFrame) -> pd.DataFrame:
    """Columns cab, start, start_lat, start_lon, end, end_lat, end_lon."""
    fixes = fixes[["cab", "time", "lat", "lon", "on"]].sort_values(["cab", "time"])
    fixes["change"] = fixes["on"] - fixes["on"].shift()
    edges = fixes[fixes["change"].isin((-1, 1)) & (fixes["cab"].shift() == fixes["cab"])]
    edges = edges.rename(columns={"time": "start", "lat": "start_lat", "lon": "start_lon"}).drop(columns="on")
    edges[["end", "end_lat", "end_lon"]] = edges[["start", "start_lat", "start_lon"]].shift(-1)
    whole = edges[(edges["change"] == 1) & (edges["cab"] == edges["cab"].shift(-1))]
    return whole.drop(columns="change").astype({"end": "int64"})
