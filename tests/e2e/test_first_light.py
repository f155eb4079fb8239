"""A real terminal's packet through a real socket becomes a row."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from gateway.protocols.jt808 import messages as jt808
from tests import stack

NUMBER = "013812345678"


class Terminal808:
    """A terminal that waits for each answer."""

    def __init__(self, port: int, number: str = NUMBER, version: int = 2013) -> None:
        self.number, self.version, self.serial = number, version, -1
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.buffer = b""

    def say(self, message_id: int, fields: dict) -> jt808.Message:
        self.serial += 1
        frame = jt808.encode(message_id, fields, terminal=self.number, serial=self.serial, version=self.version)
        self.socket.sendall(frame)
        return self.hear()

    def hear(self) -> jt808.Message:
        while self.buffer.count(b"~") < 2:
            data = self.socket.recv(4096)
            assert data, "the gateway closed the connection"
            self.buffer += data
        _, frame, self.buffer = self.buffer.split(b"~", 2)
        return jt808.decode(frame)

    def log_in(self) -> None:
        registration = {
            "province": 32, "city": 583, "maker": "TXHUB", "model": "T1", "terminal_id": "1", "plate_color": 1,
            "plate": "苏ET1001",
        }  # fmt: skip
        code = self.say(0x0100, registration).fields["code"]
        assert self.say(0x0102, {"auth": code, "imei": "", "software": ""}).fields["result"] == 0


def fix(time: datetime) -> dict:
    return {
        "alarm": 0, "status": 0b11, "lat": 31.38, "lon": 120.95, "altitude": 3, "speed": 36.0, "direction": 90,
        "time": time, "items": {"0x01": {"odometer": 1234.5}, "0x31": {"satellites": 9}},
    }  # fmt: skip


def test_a_packet_becomes_a_row_and_the_same_fix_again_only_an_answer(tmp_path: Path, database: str):
    now = datetime.now(UTC).replace(microsecond=0)
    stack.enrol(tmp_path, [f"{NUMBER},jt808,苏ET1001,taxi,昆山出租"])
    with stack.gateway(tmp_path) as gateway, stack.writer(tmp_path, database), psycopg.connect(database) as db:
        terminal = Terminal808(gateway.ports["jt808"])
        terminal.log_in()
        for _ in range(3):
            assert terminal.say(0x0200, fix(now)).fields["result"] == 0
        db.autocommit = True

        def all_read() -> bool:
            return db.execute("SELECT sum(seq) >= 4 FROM spool_offset").fetchone() == (True,)

        stack.eventually(all_read, "the roll's entry and three commits are stored")
        rows = db.execute("SELECT time, lat, lon, speed, odometer, satellites FROM fix").fetchall()
        assert rows == [(now, 31.38, 120.95, 10.0, 1_234_500.0, 9)]
        (plate,) = db.execute("SELECT plate FROM fix JOIN vehicle ON vehicle.id = vehicle_id").fetchone() or ()
        assert plate == "苏ET1001"
