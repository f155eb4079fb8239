"""Settings of the console's process, from the environment (`TAXIHUB_...`). Read in `__main__` only."""

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
    bus_url: str = Field(
        "nats://127.0.0.1:4222", description="NATS server; empty: none, the map is then fed from the database"
    )
    dashboard_bind: str = Field("127.0.0.1", description="Address of the console; 0.0.0.0 for the whole network")
    dashboard_port: int = Field(8080, description="TCP port of the console; 0 picks a free one")
    dashboard_proxies: str = Field("127.0.0.1", description="Reverse proxies whose X-Forwarded-For is believed")
    login_hours: float = Field(12, gt=0, le=24 * 30, description="How long a log-in lasts")
    secure_cookie: bool = Field(False, description="Send the cookie over https only; over https it always is")
    timezone: str = Field("Asia/Shanghai", description="Time zone of the bureau: days begin and end by it")
    live_tick_s: float = Field(0.05, gt=0, le=5, description="Shortest time between two frames of the live feed")
    map_file: Path | None = Field(None, description="Base map as PMTiles; default: map/base.pmtiles under TAXIHUB_VAR")
    map_lon: float = Field(120.955, ge=-180, le=180, description="Where the map opens, degrees WGS-84")
    map_lat: float = Field(31.385, ge=-85, le=85, description="Where the map opens, degrees WGS-84")
    map_zoom: float = Field(12, ge=0, le=20, description="Zoom at which the map opens")
    keys: Path | None = Field(
        None, description="File of the keys that seal telephone numbers; default: keys/phone.json under TAXIHUB_VAR"
    )
    area: Path | None = Field(None, description="GeoJSON of the area where people are fetched; without one anywhere")
    tariffs: Path | None = Field(None, description="Dated tariffs as TOML; default: Kunshan's")
    roads_dir: Path | None = Field(None, description="Road network for quotes; default: roads in TAXIHUB_VAR")
