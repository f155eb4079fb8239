"""kill -9 of the gateway under load: nothing that was acknowledged is missing, nothing is there twice."""

import random
import sys
import time
from pathlib import Path

import psycopg
import pytest

from gateway.spool import SpoolReader
from tests import load, stack
from tests.checker import Verdict, check

TERMINALS = 30
KILLS = 4
ACKNOWLEDGES_TOO_EARLY = """
import sys
from gateway import __main__ as process
from gateway.server.committer import Committer
from gateway.session import Outcome

add = Committer.add

def answer_first(self, source, held):
    for one in held:
        source.settle(one, Outcome(True))
    add(self, _Mute(), held)

class _Mute:
    def settle(self, held, outcome):
        pass

Committer.add = answer_first
sys.argv[1:] = ["serve"]
sys.exit(process.main())
"""


def run(var: Path, url: str, seed: int, *command: str) -> Verdict:
    """Load, kills at random instants, quiet; then the comparison."""
    rng = random.Random(seed)
    port = stack.free_port()
    stack.enrol(var, [f"{n},jt808,苏E{n[-5:]},taxi," for n in load.numbers(TERMINALS)])
    ledger = var / "ledger"
    program = [sys.executable, "-m", "tests.load", "--port", str(port), "--terminals", str(TERMINALS)]
    settings = {"jt808_port": str(port), "linger_s": "0.01"}
    with stack.writer(var, url), stack.running("load", [*program, "--ledger", str(ledger)], var) as clients:
        for _ in range(KILLS):
            with stack.gateway(var, *command, **settings) as gateway:
                before = acknowledged(ledger)
                stack.eventually(lambda n=before: acknowledged(ledger) > n + 200, "terminals are acknowledged")
                time.sleep(rng.uniform(0, 0.3))
                gateway.running.kill()
        with stack.gateway(var, *command, **settings):
            before = acknowledged(ledger)
            stack.eventually(lambda: acknowledged(ledger) > before + 200, "terminals come back")
            clients.process.terminate()
            clients.process.wait()
        reader = SpoolReader(var / "spool", "test")
        with psycopg.connect(url, autocommit=True) as db:
            stack.eventually(
                lambda: db.execute("SELECT max(seq) FROM spool_offset").fetchone() == (reader.last(),), "all is stored"
            )
    return check(ledger, url)


def acknowledged(ledger: Path) -> int:
    return ledger.read_bytes().count(b"A ") if ledger.exists() else 0


@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_missing_after_kills(tmp_path: Path, database: str):
    verdict = run(tmp_path, database, 808)
    assert verdict.acknowledged > KILLS * 200
    assert verdict.clean, verdict


@pytest.mark.timeout(300)
def test_the_checker_catches_a_gateway_that_acknowledges_before_the_commit(tmp_path: Path, database: str):
    mutant = tmp_path / "mutant.py"
    mutant.write_text(ACKNOWLEDGES_TOO_EARLY)
    verdict = run(tmp_path, database, 808, sys.executable, str(mutant))
    assert verdict.missing
