"""Calls served by the real parts, dispatch killed among them; `python -m tests.bookings.live` does it at size."""

import asyncio
from pathlib import Path

from tests.bookings.live import ANSWER_S, NOUGHT, run
from tests.dispatch.bureau import bureau


def test_whatever_dies_a_booking_has_one_taxi_and_a_taxi_one_booking(tmp_path: Path, database: str):
    with bureau(tmp_path, database, 12, answer_s=ANSWER_S, lock_out_s=ANSWER_S) as office:
        counts = asyncio.run(run(office, taxis=12, bookings=40, kills=2, seed=3))
    assert counts["kills"] == 2
    assert counts["won"] > 20
    assert {name: counts[name] for name in NOUGHT} == dict.fromkeys(NOUGHT, 0)
