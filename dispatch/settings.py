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
