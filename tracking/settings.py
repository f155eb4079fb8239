"""Settings of the tracking process, from the environment (`TAXIHUB_...`). Read in `__main__` only."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _local(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("a time of day without a zone is expected, such as 03:30")
    return value


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TAXIHUB_", frozen=True)

    var: Path = Field(Path("var"), description="Directory of everything that this machine keeps")
    spool_dir: Path | None = Field(
        None, description="Directory of the gateway's spool; default: spool under TAXIHUB_VAR"
    )
    ship_url: str = Field(
        "",
        description="NATS cluster with JetStream to which gateways of other machines ship their spools, servers with"
        " commas between; empty: the gateway's spool stands on this machine",
    )
    database_url: str = Field(
        "", description="PostgreSQL or TimescaleDB; empty: the embedded PostgreSQL in TAXIHUB_VAR"
    )
    poll_s: float = Field(0.2, description="Pause of the writer when the spool holds nothing new")
    timezone: str = Field("Asia/Shanghai", description="Time zone of the bureau: days are rolled up by it")
    keep_at: Annotated[time, AfterValidator(_local)] = Field(
        time(3, 30), description="Time of day, in TAXIHUB_TIMEZONE, at which `serve` does the daily work of `keep`"
    )
    keep_days: int = Field(
        0, ge=0, description="Days of positions that stay in the database; older ones go to files; 0: all stay"
    )
    compress_days: int = Field(
        7, ge=0, description="Days after which positions are compressed, where TimescaleDB can; 0: never"
    )
    archive_dir: Path | None = Field(
        None,
        description="Where those files go, and whoever reads routes finds them; default: archive in TAXIHUB_VAR",
    )
    roads_dir: Path | None = Field(
        None,
        description="Road network that `roads build` makes and trips are matched by; default: roads in TAXIHUB_VAR",
    )
    seal_s: float = Field(
        3600, ge=0, description="Seconds between two seals of what was stored, by `serve`; 0: nothing is sealed"
    )
    evidence_dir: Path | None = Field(
        None,
        description="Where the key of the seals is made at first use, and its public half; default: evidence in"
        " TAXIHUB_VAR",
    )
    checkpoints: Path | None = Field(
        None,
        description="File to which every checkpoint is appended, better on another machine's disk than the database;"
        " default: checkpoints.jsonl in TAXIHUB_EVIDENCE_DIR",
    )
