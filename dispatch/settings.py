"""Settings of the dispatch process, from the environment (`TAXIHUB_...`). Read in `__main__` only."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TAXIHUB_", frozen=True)

    var: Path = Field(Path("var"), description="Directory of everything that this machine keeps")
    database_url: str = Field(
        "", description="PostgreSQL or TimescaleDB; empty: the embedded PostgreSQL in TAXIHUB_VAR"
    )
    bus_url: str = Field("nats://127.0.0.1:4222", description="NATS server that carries the live feed")
    call_back: str = Field(
        "00000095128", pattern=r"^\d{11}$", description="Number that drivers call to reach a passenger, 11 digits"
    )
    answer_s: float = Field(20.0, gt=0, description="How long a driver may think about an offer, s")
    lock_out_s: float = Field(600.0, gt=0, description="How long a driver who dropped an order gets no offers, s")
    keep_snapshots_days: float = Field(
        30, ge=1, description="How long it is kept what was known when taxis were chosen, days"
    )
    keep_phones_days: float = Field(
        365, ge=1, description="How long callers' numbers are kept after their bookings are over, days"
    )
    handovers: str = Field(
        "", description="Times at which taxis change hands, such as 07:00,17:00: nobody is sent far away before"
    )
    driving_h: float = Field(
        4.0, ge=0, le=24, description="How long a driver may drive without a rest and get offers, h; 0: not counted"
    )
    roads_dir: Path | None = Field(
        None, description="Road network that `python -m tracking roads build` makes; default: roads in TAXIHUB_VAR"
    )
    zones: Path | None = Field(
        None, description="GeoJSON of zones with a way of offering of their own, and of ranks; see dispatch/zones.py"
    )
    keys: Path | None = Field(
        None, description="File of the keys that seal telephone numbers; default: keys/phone.json under TAXIHUB_VAR"
    )
