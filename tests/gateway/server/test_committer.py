"""Group commit over a real spool: groups are bounded, nothing is left behind, answers keep their order."""

import asyncio
from pathlib import Path

from gateway.content import Files
from gateway.media import MediaStore
from gateway.protocols.jt808.translate import OLD
from gateway.report import FixBatch
from gateway.server.committer import GROUP_BYTES, GROUP_ITEMS, Committer, octets
from gateway.server.page import Judge
from gateway.server.plausible import Region
from gateway.session import Fixes, Held, Outcome, Said
from gateway.spool import Entry, Spool, SpoolReader

BODY = bytes.fromhex("00" * 22 + "261125120000")


class Settled:
    """A connection that remembers what it was told."""

    def __init__(self) -> None:
        self.order: list[tuple[int, bool]] = []

    def settle(self, held: Held, outcome: Outcome) -> None:
        self.order.append((held.token, outcome.ok))


def commit(directory: Path, held: list[Held], *, most: int = 1 << 30) -> tuple[Settled, list[Entry], list[bool]]:
    """All of them at once to a committer that then ends: what was answered, what the spool has, pauses."""
    spool = Spool(directory / "spool", limit_bytes=1 << 30, keep_us=10**12)
    media = MediaStore(Files(directory / "media"))
    source, pauses = Settled(), list[bool]()

    async def main() -> None:
        judge = Judge(Region.parse("china"), 600_000_000)
        committer = Committer(spool, media, judge, lambda *_: asyncio.sleep(0), pauses.append, most, 0.001)
        task = asyncio.create_task(committer.run())
        committer.add(source, held)
        await committer.notice([Entry("terminal", 0, b"{}")])
        assert source.order
        committer.finish()
        await task

    asyncio.run(main())
    reader, entries, after = SpoolReader(directory / "spool", "test"), list[Entry](), 0
    while found := reader.read(after):
        entries += found
        after = found[-1].seq
    return source, entries, pauses


def test_many_frames_at_once_are_committed_in_groups_and_answered_in_order(tmp_path: Path):
    count = 3 * GROUP_ITEMS + 7
    held = [Held("jt808/1", b"~%d~" % n, Fixes([BODY], OLD.read), n) for n in range(count)]
    source, entries, pauses = commit(tmp_path, held, most=20_000)
    assert source.order == [(n, True) for n in range(count)]
    sizes = [len(FixBatch.from_bytes(entry.columns)) for entry in entries if entry.kind == "fix"]
    assert sizes == [GROUP_ITEMS] * 3 + [7]
    assert sum(entry.kind == "terminal" for entry in entries) == 1
    assert pauses == [True, False]


def test_a_group_is_bounded_in_bytes_and_in_the_fixes_of_its_frames(tmp_path: Path):
    long = [Held("jt808/1", bytes(1000), Said("other"), n) for n in range(2000)]
    batches = [Held("jt808/1", b"~", Fixes([BODY] * 300, OLD.read), 2000 + n) for n in range(20)]
    assert octets(batches[0]) == 300 * len(BODY)
    source, entries, _ = commit(tmp_path, long + batches)
    assert source.order == [(n, True) for n in range(2020)]
    messages = [len(entry.columns) for entry in entries if entry.kind == "message"]
    assert len(messages) >= 2_000_000 // GROUP_BYTES
    fixes = [len(FixBatch.from_bytes(entry.columns)) for entry in entries if entry.kind == "fix"]
    assert sum(fixes) == 6000
    assert max(fixes) < GROUP_ITEMS + 300
