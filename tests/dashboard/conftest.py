"""A console process on a database of its own, with a few cars and a day of fixes in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from gateway.report import Enrolment, FixBatch, Flag
from tests import stack
from tests.tracking.fixes import NOON, batch, flagged
from tracking.store import Store

PLATES = ("苏E·T1001", "苏E·T1002", "苏E·d10024", "沪A·00001")


@dataclass(frozen=True)
class Api:
    """The console, its database, and clients that are logged in or not."""

    console: stack.Console
    database: str

    @contextmanager
    def client(self, user: str = "", password: str = stack.PASSWORD) -> Iterator[httpx.Client]:
        """Without a name: nobody's."""
        with httpx.Client(base_url=self.console.url, timeout=20) as client:
            if user:
                answer = client.post("/api/v1/session", json={"user": user, "password": password})
                assert answer.status_code == 200, answer.text
            yield client

    def add_account(self, name: str, role: str) -> None:
        done = stack.account({"TAXIHUB_DATABASE_URL": self.database}, "create", name, "--role", role)
        assert done.returncode == 0, done.stderr


def fixes() -> FixBatch:
    """An hour of each car; some fixes are implausible, some came late."""
    return flagged(flagged(batch(1440, terminals=4), slice(100, 120), Flag.CLOCK), slice(200, 220), Flag.BACKFILL)


def seed(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as db:
        store = Store(db)
        for n, plate in enumerate(PLATES):
            store.enrol(Enrolment(terminal=f"jt808/{n}", plate=plate, company="昆山出租"), NOON)
        store.add(fixes())


@pytest.fixture(scope="module")
def api(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    seed(module_database)
    with stack.console(tmp_path_factory.mktemp("console"), module_database) as console:
        yield Api(console, module_database)


@pytest.fixture(scope="module")
def admin(api: Api) -> Iterator[httpx.Client]:
    with api.client("admin") as client:
        yield client


@pytest.fixture
def nobody(api: Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"
