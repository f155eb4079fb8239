"""Settings of the gateway process, from the environment (`TAXIHUB_...`). Read in `__main__` only."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TAXIHUB_", frozen=True)

    var: Path = Field(Path("var"), description="Directory of everything that this machine keeps")
    spool_dir: Path | None = Field(None, description="Directory of the spool; default: spool under TAXIHUB_VAR")
    bind: str = Field("0.0.0.0", description="Address that terminals connect to")
    jt808_port: int = Field(6808, description="TCP port of JT/T 808; 0 picks a free one")
    jt905_port: int = Field(6905, description="TCP port of JT/T 905; 0 picks a free one")
    jt905_sources: str = Field(
        "0.0.0.0/0,::/0", description="Networks from which JT/T 905 is taken, which has no log-in"
    )
    jsatl_port: int = Field(6909, description="TCP port of safety alarms' attachments (T/JSATL 12); 0 picks a free one")
    jsatl_host: str = Field(
        "",
        description="Address that terminals are told to send attachments to; empty: where they reached this machine",
    )
    bus_url: str = Field("nats://127.0.0.1:4222", description="NATS server; empty: no bus")
    mqtt_url: str = Field("", description="Broker of MQTT devices, mqtt://[user:password@]host:port; empty: none")
    region: str = Field(
        "china", description="Where fixes are plausible: china, world, or west,south,east,north in degrees"
    )
    clock_ahead_s: float = Field(600, description="How far a fix may be ahead of this machine's clock")
    login_s: float = Field(10, description="Time to log in")
    partial_s: float = Field(15, description="Time to complete a frame")
    idle_s: float = Field(300, description="Silence after which a connection is closed")
    connections: int = Field(15_000, description="Most connections at once; keep it under the descriptor limit")
    ship_url: str = Field(
        "",
        description="NATS cluster with JetStream to which `ship` sends the spools of this machine, servers with commas"
        " between",
    )
    ship_replicas: int = Field(3, ge=1, le=5, description="On how many servers of the cluster an entry stands")
    ship_bytes: int = Field(8 << 30, description="Bound of each stream; when reached, entries stay in the spool")
    spool_bytes: int = Field(8 << 30, description="Bound of the spool; when reached, terminals wait unanswered")
    spool_keep_s: float = Field(86_400, description="Age until which consumed spool entries stay re-decodable")
    pending_bytes: int = Field(32 << 20, description="Bound of frames in memory; when reached, sockets are not read")
    linger_s: float = Field(0.003, description="Longest wait for more frames before a commit")
    answer_s: float = Field(10, description="How long a terminal may take to answer a command before it is repeated")
    missing_s: float = Field(5, description="Silence after which missing parts of a message or picture are asked for")
    medium_bytes: int = Field(
        1 << 20, description="Largest picture, sound or video that a terminal may upload in pieces"
    )
    attachment_bytes: int = Field(64 << 20, description="Largest file that a terminal may upload to a safety alarm")
    attachments_bytes: int = Field(256 << 20, description="Most bytes of all files of one safety alarm")
    attachment_keep_s: float = Field(
        86_400, description="How long attachments are waited for; then what has come of an unfinished file is dropped"
    )
    attachment_pending_bytes: int = Field(
        16 << 20, description="Bound of attachments in memory; when reached, their port is not read"
    )
