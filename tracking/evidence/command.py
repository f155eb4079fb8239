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
from tracking.evidence import store, subjects
from tracking.evidence.checkpoint import PRIVATE, PUBLIC, Log, Signer, Trusted
from tracking.evidence.seal import Sealer
from tracking.evidence.verify import Verdict, verify

Commands = Any
"""What argparse returns for sub-commands."""


@dataclass(frozen=True, slots=True)
class Files:
    """What evidence keeps outside the database: the directory of the key, and the file of checkpoints."""

    directory: Path
    checkpoints: Path

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
        if sealed:
            said = verify(
                db, files.trusted(args.key), log, start=args.start, end=args.end, master=files.master()
            )  # fmt: skip
    for file, cause in wrong.items():
        print(f"{file}: {cause}")
    breaks = [one for one in said.breaks if one.where != "archive"]
    for one in breaks:
        print(one)
    told = ", ".join(f"{count} {name}" for name, count in said.checked.items()) or "nothing is sealed yet"
    waiting = f"; {said.pending.total()} rows wait for the next seal" if said.pending else ""
    print(f"{told}{waiting}", file=sys.stderr)
    print(f"{len(wrong)} files damaged, {len(breaks)} breaks", file=sys.stderr)
    return 1 if wrong or breaks else 0


def erase(url: str, files: Files, args: argparse.Namespace) -> int:
    """Seals first: who did what is evidence until nobody may know who."""
    seal(url, files, args)
    with psycopg.connect(url) as db:
        number = subjects.erase(db, args.name, args.by, args.reason)
    print(f"erased/{number}")
    return 0
