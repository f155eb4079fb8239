"""What every test may use: the shared folder beside the project, where it exists."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real packets and traces, kept outside the project; tests that need them skip loudly without."""
    if not SHARED.is_dir():
        pytest.skip(f"no {SHARED.name} folder beside the project: real packets and traces are not tested")
    return SHARED
