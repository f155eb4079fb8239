"""What every test may use: the shared folder beside the project, and an empty database of either kind."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests import stack
from tracking import embedded, timescale

ANY_SPEED = [HealthCheck.too_slow]
"""A busy machine is no failure."""
settings.register_profile("steady", derandomize=True, suppress_health_check=ANY_SPEED)
settings.register_profile("search", derandomize=False, print_blob=True, suppress_health_check=ANY_SPEED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
"""The same examples in every run, so that a change is judged by what it changes; "search" looks for new ones."""

SHARED = Path(__file__).resolve().parents[2] / "shared"
TEMPORARY = tempfile.mkdtemp(prefix="taxihub-test-")
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", TEMPORARY)
"""Of this run alone: a run that starts beside it would take the database's rights to the common directory."""


def pytest_sessionfinish(exitstatus: int) -> None:
    """Leave the files of failed tests to be looked at."""
    if exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(TEMPORARY, ignore_errors=True)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command that a test runs in this process logs to where its output is caught, which ends with the test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real packets and traces, kept outside the project; tests that need them skip loudly without."""
    if not SHARED.is_dir():
        pytest.skip(f"no {SHARED.name} folder beside the project: real packets and traces are not tested")
    return SHARED


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The embedded PostgreSQL, one for the whole run."""
    return embedded.start(tmp_path_factory.mktemp("database") / "postgres")


@pytest.fixture(scope="session")
def timescale_url() -> Iterator[str]:
    """TimescaleDB from Debian's packages, one for the whole run; skips loudly where it cannot run."""
    if reason := timescale.why_not():
        pytest.skip(reason)
    timescale.install()
    name = f"tests {uuid.uuid4().hex}"
    with timescale.server(name) as url:
        yield url
    timescale.remove(name)


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """URL of an empty database in this version's schema."""
    with stack.fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="module")
def module_database(postgres_url: str) -> Iterator[str]:
    """`database` for a whole file."""
    with stack.fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(params=["postgres_url", pytest.param("timescale_url", marks=pytest.mark.timescale)])
def either_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same on both kinds: native partitions and TimescaleDB."""
    with stack.fresh_database(request.getfixturevalue(request.param)) as url:
        yield url
