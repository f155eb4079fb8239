"""`python -m tests.chaos --seed S --faults N [--kind K]`: faults of every kind against the real system, on loopback.

The instants and the faults follow from the seed. Ends with 1 when anything acknowledged is missing, anything
stands twice, was never sent or overtook another of its terminal, or when the system did not come back.
"""

from __future__ import annotations

import argparse
import atexit
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.log import configure
from tests import stack
from tests.chaos import table
from tests.chaos.disks import Unavailable
from tests.chaos.faults import KINDS
from tests.chaos.run import Job, Row, plan
from tests.machine import machine
from tracking import embedded

HEAD = (
    "fault", "faults", "sent", "acknowledged", "missing", "twice", "never sent", "overtaken", "altered",
    "gateway ended", "longest wait, s", "verdict",
)  # fmt: skip
WRONG = ("missing", "twice", "invented", "overtaken", "altered")
"""Of a verdict, in the order of the table."""


def cells(row: Row) -> list[str]:
    v = row.verdict
    if v is None:
        return [row.kind, str(row.faults), *[""] * 7, str(row.ended), "", "DID NOT COME BACK"]
    counts = (v.sent, v.acknowledged, *(len(getattr(v, name)) for name in WRONG), row.ended)
    verdict = "clean" if row.clean else "NOT CLEAN"
    return [row.kind, str(row.faults), *(f"{n:,}" for n in counts), f"{v.wait_s:.1f}", verdict]


def total(rows: Sequence[Row]) -> list[str]:
    """The sums, in a row of the same form."""
    verdicts = [row.verdict for row in rows if row.verdict is not None]
    counts = [
        sum(row.faults for row in rows), sum(v.sent for v in verdicts), sum(v.acknowledged for v in verdicts),
        *(sum(len(getattr(v, name)) for v in verdicts) for name in WRONG),
        sum(row.ended for row in rows),
    ]  # fmt: skip
    longest = max((v.wait_s for v in verdicts), default=0)
    verdict = "clean" if all(row.clean for row in rows) else "NOT CLEAN"
    return ["all", *(f"{n:,}" for n in counts), f"{longest:.1f}", verdict]


def page(rows: Sequence[Row], skipped: Sequence[str], command: str) -> str:
    """The Markdown page."""
    body = table.markdown(HEAD, [*map(cells, rows), total(rows)])
    left_out = "".join(f"\nNot made on this machine: {reason}.\n" for reason in skipped)
    return f"# Chaos\n\n`{command}` on {machine()}.\n\n{body}{left_out}{EXPLAINED}"


EXPLAINED = """
Each row is a run of the real processes: gateway, writer, PostgreSQL, and terminals of JT/T 808 in a process of their
own that write down every fix before it is sent and every acknowledgement that is read. Faults strike at random
instants under load; afterwards the terminals end, what is spooled is stored, and ledger and database are compared.

- *missing*: acknowledged and not stored. *twice*: stored more than once. *never sent*: stored, and in no ledger.
  *overtaken*: received after a later fix of the same terminal. *altered*: stored at another place than was sent.
- *gateway ended*: by itself, which it must after an error of fdatasync or of a write, since it cannot know then what is
  durable; it is started again, as a service manager would.
- *longest wait*: from the first sending of a fix to its acknowledgement, the time of the fault included.
- *proxy*: a connection is reset, held half-open, dribbled, delayed, split or merged. Every connection meets one after
  the other; counted are those that were waited for.
- *leader*, *cluster*, *shipper*, *far writer*: the spool is shipped through three NATS servers to a writer that reads
  it from there. A server is killed, frozen or cut off from the others (*partition*), all are killed or lose power,
  the shipper or the writer is killed.
- power cuts: processes are stopped, the loop image under their file system is copied, which is what had reached the
  device, they are killed, and everything starts again on the copy.
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=100, help="of all kinds together")
    parser.add_argument("--kind", choices=list(KINDS), action="append", help="may be repeated; default: every kind")
    parser.add_argument("--seconds", type=float, default=7 * 24 * 3600, help="no fault after the first of its kind"
                        " begins later than this")  # fmt: skip
    parser.add_argument("--database", choices=["embedded", "timescale"], default="embedded",
                        help="what is killed where the fault is the database's")  # fmt: skip
    parser.add_argument("--report", type=Path, help="write the table as a Markdown page")
    return parser.parse_args()


def main() -> int:
    configure()
    args = arguments()
    began = time.monotonic()
    work = Path(tempfile.mkdtemp(prefix="taxihub-chaos-"))
    rows, skipped = list[Row](), list[str]()
    # registered before the server's own end, so that it comes after that; the files of a bad row stay
    atexit.register(lambda: all(row.clean for row in rows) and shutil.rmtree(work))
    server = embedded.start(work / "postgres")
    print(table.line(HEAD, HEAD), flush=True)
    for name, faults in plan(args.faults, args.kind or list(KINDS)).items():
        job = Job(KINDS[name], faults, args.seed, database=args.database, end=began + args.seconds)
        try:
            with stack.fresh_database(server) as url:
                rows.append(job.run(work / name, url))
        except Unavailable as reason:
            skipped.append(f"{name}: {reason}")
            print(f"*** {skipped[-1]} ***", flush=True)
            continue
        print(table.line(HEAD, cells(rows[-1])), flush=True)
        if rows[-1].clean:
            shutil.rmtree(work / name)
        else:
            print(f"{rows[-1].failure}\nits files: {work / name}", flush=True)
    print(table.line(HEAD, total(rows)))
    print(f"{sum(row.faults for row in rows)} faults in {time.monotonic() - began:.0f} s, seed {args.seed}")
    if args.report:
        command = f"python -m tests.chaos --seed {args.seed} --faults {args.faults}"
        args.report.write_text(page(rows, skipped, command), "utf-8")
    return int(not all(row.clean for row in rows))


if __name__ == "__main__":
    sys.exit(main())
