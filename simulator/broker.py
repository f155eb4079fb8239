"""The demo's NATS server: the bus between our processes, and the broker of MQTT devices.

Two accounts that do not see each other's subjects: whatever a device publishes, it cannot reach the
bus. Devices need no log-in in the demo; they may publish positions and read nothing. A driver's phone logs in by
its number: it may say and hear what is its own, and nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

DEVICES_MAY_PUBLISH = ("taxihub.*.fix", "owntracks.>")
"""Topics `taxihub/<terminal>/fix` and `owntracks/...`, as NATS spells them."""


@dataclass(frozen=True, slots=True)
class BrokerFile:
    """What the server is started with, and how our processes reach it."""

    path: Path
    bus_url: str
    mqtt_url: str

    @classmethod
    def write(
        cls, path: Path, store: Path, bus_port: int, mqtt_port: int, mqtt_host: str = "0.0.0.0", repeat_s: int = 10,
        phones: Mapping[str, str] | None = None,
    ) -> Self:  # fmt: skip
        """Write the configuration with fresh passwords, readable by its owner alone.

        phones    passwords of drivers' phones, by number
        repeat_s  after how long the broker repeats to the gateway what that has not acknowledged
        """
        bus, gateway = secrets.token_hex(16), secrets.token_hex(16)
        allowed = ", ".join(f'"{subject}"' for subject in DEVICES_MAY_PUBLISH)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(
            f"server_name: taxihub\nhost: 127.0.0.1\nport: {bus_port}\nmax_payload: 4MB\n"
            f'jetstream {{ store_dir: "{store}" }}\n'
            "accounts {\n"
            f'  BUS {{ users: [{{ user: bus, password: "{bus}" }}] }}\n'
            "  DEVICES {\n    jetstream: enabled\n    users: [\n"
            f'      {{ user: gateway, password: "{gateway}" }}\n'
            + "".join(_phone(number, password) for number, password in (phones or {}).items())
            + f'      {{ user: device, password: "{secrets.token_hex(16)}",'
            f' permissions: {{ publish: [{allowed}], subscribe: {{ deny: ">" }} }} }}\n'
            "    ]\n  }\n}\n"
            f"mqtt {{ host: {mqtt_host}, port: {mqtt_port}, no_auth_user: device,"
            f" max_ack_pending: 10000, ack_wait: {repeat_s}s }}\n"
        )
        return cls(path, f"nats://bus:{bus}@127.0.0.1:{bus_port}", f"mqtt://gateway:{gateway}@127.0.0.1:{mqtt_port}")


def _phone(number: str, password: str) -> str:
    own = ", ".join(f'"taxihub.{number}.{what}"' for what in ("fix", "said"))
    may = f'publish: [{own}], subscribe: ["taxihub.{number}.told"]'
    return f'      {{ user: "{number}", password: "{password}", permissions: {{ {may} }} }}\n'
