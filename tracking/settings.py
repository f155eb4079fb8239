"""Settings of the tracking process, from the environment (`TAXIHUB_...`). Read in `__main__` only."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TAXIHUB_", frozen=True)

    var: Path = Field(Path("var"), description="Directory of everything that this machine keeps")
    spool_dir: Path | None = Field(
        None, description="Directory of the gateway's spool; default: spool under TAXIHUB_VAR"
    )
    database_url: str = Field(
        "", description="PostgreSQL or TimescaleDB; empty: the embedded PostgreSQL in TAXIHUB_VAR"
    )
    poll_s: float = Field(0.2, description="Pause of the writer when the spool holds nothing new")
