"""Databases with a chain of seals: empty, filled and sealed, and that on either kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tracking.evidence.bureau import Bureau, fill


@pytest.fixture
def empty(database: str, tmp_path: Path) -> Iterator[Bureau]:
    made = Bureau(database, tmp_path)
    yield made
    made.db.close()


@pytest.fixture
def bureau(empty: Bureau) -> Bureau:
    fill(empty)
    return empty


@pytest.fixture
def either(either_database: str, tmp_path: Path) -> Iterator[Bureau]:
    made = Bureau(either_database, tmp_path)
    fill(made)
    yield made
    made.db.close()
