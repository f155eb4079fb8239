"""`python -m tracking seal | verify | evidence ...`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg

from tracking import archive
from tracking.cases.check import altered
from tracking.evidence import offline, store, subjects
from tracking.evidence.checkpoint import PRIVATE, PUBLIC, Log, Signer, Trusted
from tracking.evidence.gather import gather
from tracking.evidence.pack import read, write
from tracking.evidence.readable import readable
from tracking.evidence.seal import Sealer
from tracking.evidence.verify import Verdict, verify

Commands = Any
"""What argparse returns for sub-commands."""


@dataclass(frozen=True, slots=True)
class Files:
    """What evidence keeps outside the database: the directory of the key, and the file of checkpoints.

    zone  in which people read its times
    """

    directory: Path
    checkpoints: Path
    zone: str

    def sealer(self) -> Sealer:
        return Sealer(self.directory, self.checkpoints)

    def master(self) -> bytes | None:
        """None where only the public half of the key is at hand."""
        return Signer(self.directory).master() if (self.directory / PRIVATE).exists() else None

    def trusted(self, file: Path | None) -> Trusted:
        """Raises EvidenceError, OSError."""
        return Trusted.read((file or self.directory / PUBLIC).read_bytes())


def add(commands: Commands) -> None:
    commands.add_parser("seal", help="seal what was stored since the last time, now").set_defaults(with_database=seal)
    check = commands.add_parser(
        "verify", help="tell what was altered, is missing or was added since it was sealed; check the files of old days"
    )
    check.add_argument("--from", dest="start", type=date.fromisoformat, metavar="DAY", help="fixes from this day (UTC)")
    check.add_argument("--to", dest="end", type=date.fromisoformat, metavar="DAY", help="to this day (UTC), included")
    check.add_argument("--key", type=Path, help="public key to trust; default: that in TAXIHUB_EVIDENCE_DIR")
    check.add_argument(
        "--checkpoints",
        type=Path,
        metavar="FILE",
        help="copy of the checkpoints to trust; default: TAXIHUB_CHECKPOINTS",
    )
    check.set_defaults(with_database=check_all)
    parser = commands.add_parser("evidence", help="evidence that others can check").add_subparsers(
        dest="action", required=True
    )
    made = parser.add_parser(
        "pack", help="all that is known of a trip, with its proofs, in one file that others can check"
    )
    made.add_argument(
        "--trip", required=True, type=_trip, metavar="PLATE@TIME",
        help="plate or number of the vehicle, and any moment of its trip, such as 苏ET1001@2026-11-25T12:30+08:00",
    )  # fmt: skip
    made.add_argument("--out", required=True, type=Path, metavar="FILE.zip")
    made.set_defaults(with_database=pack)
    offline_ = parser.add_parser("verify", help="check such a file; asks no database and no network")
    offline_.add_argument("pack", type=Path, metavar="PACK")
    offline_.add_argument("--key", type=Path, help="public key to trust; default: the one in the pack, which is told")
    offline_.add_argument("--checkpoints", type=Path, metavar="FILE", help="checkpoints that somebody else kept")
    offline_.set_defaults(run=check_pack)
    forget = parser.add_parser("erase", help="destroy a person's key, and what the journal says of them")
    forget.add_argument("name")
    forget.add_argument("--by", required=True, help="who does it")
    forget.add_argument("--reason", required=True)
    forget.set_defaults(with_database=erase)


def seal(url: str, files: Files, args: argparse.Namespace) -> int:
    sealer, count = files.sealer(), 0
    with psycopg.connect(url) as db:
        while sealed := sealer.seal(db, datetime.now(UTC)):
            header = sealed.checkpoint.header
            print(f"seal {header.number}: {header.rows} rows in {header.parts} parts")
            count += 1
            if not sealed.more:
                break
    print(f"{count} seals made", file=sys.stderr)
    return 0


def check_all(url: str, files: Files, args: argparse.Namespace) -> int:
    """1 where something is not as it was."""
    log = Log(args.checkpoints or files.checkpoints)
    with psycopg.connect(url) as db:
        wrong = archive.damaged(db)
        said, sealed = Verdict(), store.last(db) is not None or log.file.exists()
        db.commit()
        steps = altered(db)
        if sealed:
            said = verify(
                db, files.trusted(args.key), log, start=args.start, end=args.end, master=files.master()
            )  # fmt: skip
    for file, cause in wrong.items():
        print(f"{file}: {cause}")
    breaks = [one for one in said.breaks if one.where != "archive"]
    for one in (*breaks, *steps):
        print(one)
    told = ", ".join(f"{count} {name}" for name, count in said.checked.items()) or "nothing is sealed yet"
    waiting = f"; {said.pending.total()} rows wait for the next seal" if said.pending else ""
    print(f"{told}{waiting}", file=sys.stderr)
    print(f"{len(wrong)} files damaged, {len(breaks) + len(steps)} breaks", file=sys.stderr)
    return 1 if wrong or breaks or steps else 0


def _trip(text: str) -> tuple[str, datetime]:
    who, _, at = text.rpartition("@")
    moment = datetime.fromisoformat(at)
    if not who or moment.tzinfo is None:
        raise ValueError("a plate, @, and a time with its zone are expected")
    return who, moment


def pack(url: str, files: Files, args: argparse.Namespace) -> int:
    """Seals first."""
    seal(url, files, args)
    who, at = args.trip
    with psycopg.connect(url) as db:
        evidence = gather(db, who, at, files.zone)
        chain = store.chain(db)
    write(args.out, evidence, chain, readable(evidence, chain), Signer(files.directory))
    print(f"{args.out}: {len(evidence.entries)} entries of {evidence.plate}, {evidence.start} to {evidence.finish}")
    return 0


def check_pack(args: argparse.Namespace) -> int:
    """1 where something in it does not hold."""
    opened = read(args.pack)
    trusted = Trusted.read(args.key.read_bytes() if args.key else opened.file(PUBLIC))
    proved = offline.check(opened, trusted, Log(args.checkpoints) if args.checkpoints else None)
    for one in proved.breaks:
        print(one)
    if not proved.breaks:
        print(f"whole: {proved.fixes} fixes, {proved.records} records, sealed from {proved.first} to {proved.last}")
    if not args.key:
        print(f"signed with the key {trusted.id}: ask the bureau whether it is theirs", file=sys.stderr)
    return 1 if proved.breaks else 0


def erase(url: str, files: Files, args: argparse.Namespace) -> int:
    """Seals first: who did what is evidence until nobody may know who."""
    seal(url, files, args)
    with psycopg.connect(url) as db:
        number = subjects.erase(db, args.name, args.by, args.reason)
    print(f"erased/{number}")
    return 0
