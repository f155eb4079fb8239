"""Planted bugs, each of which the checker must catch: `python -m tests.chaos.mutants NAME gateway|tracking|shipper`.

They are put over the real code of one part when its process starts.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psycopg

from gateway.errors import StorageFull
from gateway.framed import FramedSession
from gateway.report import moment
from gateway.server import page
from gateway.server.committer import Committer
from gateway.session import Held, Outcome
from gateway.shipping import Shipper, StreamReader
from gateway.shipping.cluster import AWAY
from gateway.spool import Entry, Spool, SpoolReader
from tests.chaos.rig import COMMANDS
from tracking import ingest
from tracking.intake import Intake
from tracking.load import Load
from tracking.store import Store


@dataclass(frozen=True)
class Mutant:
    """part: whose bug it is; kind, faults: what brings it to light; noticed: the system itself stops at what lacks."""

    part: str
    kind: str
    plant: Callable[[], None]
    faults: int = 2
    noticed: bool = False


class Mute:
    """A source that was answered before."""

    def settle(self, held: Any, outcome: Any) -> None:
        pass


def acknowledges_before_the_commit() -> None:
    add, add_sheet, append = Committer.add, Committer.add_sheet, Spool.append

    def answer_first(self: Committer, source: Any, held: list[Held]) -> None:
        for one in held:
            source.settle(one, Outcome(True))
        add(self, Mute(), held)

    def answer_all_first(self: Committer, sources: Any, sheet: Any) -> None:
        sources.settle(sheet, np.ones(len(sheet), bool))
        add_sheet(self, Mute(), sheet)

    def hesitate(self: Spool, entries: Any) -> int:
        time.sleep(0.05)  # kills must find the gap
        return append(self, entries)

    Committer.add, Committer.add_sheet, Spool.append = answer_first, answer_all_first, hesitate


def appends_whatever(fails: type[Exception]) -> None:
    """A spool that tells nobody of such a failure."""
    append = Spool.append

    def blind(self: Spool, entries: Any) -> int:
        try:
            return append(self, entries)
        except fails:
            return 0

    Spool.append = blind


def takes_a_full_disk_for_room() -> None:
    appends_whatever(StorageFull)


def goes_on_after_a_failed_sync() -> None:
    appends_whatever(sqlite3.OperationalError)


def commits_without_sync() -> None:
    connect = Spool._connect

    def lazy(self: Spool) -> sqlite3.Connection:
        db = connect(self)
        db.execute("PRAGMA synchronous = OFF")
        return db

    Spool._connect = lazy


def answers_with_another_serial() -> None:
    answer = FramedSession.answer

    def next_one(self: FramedSession, held: Held, outcome: Outcome) -> bytes:
        return answer(self, replace(held, token=replace(held.token, serial=held.token.serial + 1 & 0xFFFF)), outcome)

    FramedSession.answer = next_one


def gives_every_receipt_an_identity_of_its_own() -> None:
    judge = page.judge

    def anew(rows: Any, *by: Any) -> Any:
        rows["identity"] = np.frombuffer(os.urandom(8 * len(rows)), "<i8")
        return judge(rows, *by)

    page.judge = anew


def takes_the_time_of_receipt() -> None:
    judge = page.judge

    def now(rows: Any, *by: Any) -> Any:
        rows["time"][:1] = rows["received"][:1]
        return judge(rows, *by)

    page.judge = now


def mixes_up_who_is_where() -> None:
    judge = page.judge

    def mixed(rows: Any, *by: Any) -> Any:
        rows["lat"] = np.roll(rows["lat"], 1)
        return judge(rows, *by)

    page.judge = mixed


def lets_frames_overtake() -> None:
    group = Committer._group

    def without_the_first(self: Committer) -> Any:
        taken = group(self)
        if len(taken) > 1:
            self._pending.appendleft(taken.pop(0))
        return taken

    Committer._group = without_the_first


def trims_what_nobody_has_read() -> None:
    def by_age_alone(self: Spool, now_us: int) -> int:
        return self._db.execute("DELETE FROM entry WHERE received <= ?", (now_us - self._keep_us,)).rowcount

    Spool.trim = by_age_alone


def stores_its_offset_ahead_of_the_rows() -> None:
    write = ingest._write

    def ahead(intake: Intake, spool: str, load: Load, *, flush: bool) -> None:
        with intake.store.transaction():
            intake.store.advance(spool, load.seq, moment(load.entries[-1].received))
        time.sleep(0.05)  # as on a busy server: kills must find the gap
        write(intake, spool, load, flush=flush)

    ingest._write = ahead


def drops_a_batch_in_which_something_stands_twice() -> None:
    Store._merge = lambda self, stream: 0


def lets_the_gateway_trim_before_it_stores() -> None:
    read, passed, lock = SpoolReader.read, SpoolReader.passed, threading.Lock()

    def alone(self: SpoolReader, seq: int) -> None:
        with lock:
            passed(self, seq)

    def hasty(self: SpoolReader, after: int, limit_bytes: int = 8 << 20) -> list[Entry]:
        entries = read(self, after, limit_bytes)
        if entries:
            self.passed(entries[-1].seq)
        return entries

    SpoolReader.read, SpoolReader.passed = hasty, alone


def goes_on_behind_what_the_database_refused() -> None:
    write, offset, passed = ingest._write, Store.offset, dict[str, int]()

    def skipping(intake: Intake, spool: str, load: Load, *, flush: bool) -> None:
        passed[spool] = load.seq
        write(intake, spool, load, flush=flush)

    ingest._write = skipping
    Store.offset = lambda self, spool: max(offset(self, spool), passed.get(spool, 0))


def lets_the_database_commit_without_sync() -> None:
    connect = psycopg.connect

    def lazy(url: str, **options: Any) -> psycopg.Connection:
        return connect(url, **{**options, "options": f"{options.get('options', '')} -c synchronous_commit=off"})

    psycopg.connect = lazy


def passes_what_the_cluster_has_not_confirmed() -> None:
    publish = Shipper._publish

    async def careless(self: Shipper, *given: Any) -> None:
        with suppress(*AWAY):
            await publish(self, *given)

    Shipper._publish = careless


def lets_the_cluster_forget_what_is_not_stored() -> None:
    read = StreamReader.read

    def hasty(self: StreamReader, after: int, limit_bytes: int) -> Any:
        entries = read(self, after, limit_bytes)
        if entries:
            self.passed(entries[-1].seq)
            time.sleep(0.05)  # kills must find the gap
        return entries

    StreamReader.read = hasty


MUTANTS = {
    mutant.plant.__name__: mutant
    for mutant in (
        Mutant("gateway", "gateway-kill", acknowledges_before_the_commit),
        Mutant("gateway", "gateway-kill", answers_with_another_serial, faults=4),
        Mutant("gateway", "gateway-kill", gives_every_receipt_an_identity_of_its_own),
        Mutant("gateway", "gateway-freeze", takes_the_time_of_receipt),
        Mutant("gateway", "gateway-freeze", mixes_up_who_is_where),
        Mutant("gateway", "gateway-freeze", lets_frames_overtake),
        Mutant("gateway", "writer-kill", trims_what_nobody_has_read),
        Mutant("gateway", "disk-full", takes_a_full_disk_for_room),
        Mutant("gateway", "power-cut", commits_without_sync),
        Mutant("gateway", "sync-error", goes_on_after_a_failed_sync),
        Mutant("tracking", "gateway-kill", drops_a_batch_in_which_something_stands_twice, faults=5),
        Mutant("tracking", "writer-kill", stores_its_offset_ahead_of_the_rows, faults=6),
        Mutant("tracking", "database-kill", lets_the_gateway_trim_before_it_stores, faults=5),
        Mutant("tracking", "database-kill", goes_on_behind_what_the_database_refused, faults=4),
        Mutant("tracking", "database-power-cut", lets_the_database_commit_without_sync),
        Mutant("shipper", "cluster-power-cut", passes_what_the_cluster_has_not_confirmed, 3, noticed=True),
        Mutant("tracking", "far-writer-kill", lets_the_cluster_forget_what_is_not_stored, 4, noticed=True),
    )
}


def main() -> int:
    _, name, part = sys.argv
    if MUTANTS[name].part == part:
        MUTANTS[name].plant()
    module, sys.argv[1:] = COMMANDS[part][0], COMMANDS[part][1:]
    status: int = importlib.import_module(f"{module}.__main__").main()
    return status


if __name__ == "__main__":
    sys.exit(main())
