"""A real terminal's packet through a real socket becomes a row."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg

from tests import stack
from tests.terminals import NUMBER, Terminal808, fix

ITEMS = {"0x01": {"odometer": 1234.5}, "0x31": {"satellites": 9}}


def test_a_packet_becomes_a_row_and_the_same_fix_again_only_an_answer(tmp_path: Path, database: str):
    now = datetime.now(UTC).replace(microsecond=0)
    stack.enrol(tmp_path, [f"{NUMBER},jt808,苏ET1001,taxi,昆山出租"])
    with stack.gateway(tmp_path) as gateway, stack.writer(tmp_path, database), psycopg.connect(database) as db:
        terminal = Terminal808(gateway.ports["jt808"]).log_in()
        for _ in range(3):
            assert terminal.say(0x0200, fix(now, items=ITEMS)).fields["result"] == 0
        db.autocommit = True

        def all_read() -> bool:
            return db.execute("SELECT sum(seq) >= 4 FROM spool_offset").fetchone() == (True,)

        stack.eventually(all_read, "the roll's entry and three commits are stored")
        rows = db.execute("SELECT time, lat, lon, speed, odometer, satellites FROM fix").fetchall()
        assert rows == [(now, 31.38, 120.95, 10.0, 1_234_500.0, 9)]
        (plate,) = db.execute("SELECT plate FROM fix JOIN vehicle ON vehicle.id = vehicle_id").fetchone() or ()
        assert plate == "苏ET1001"
