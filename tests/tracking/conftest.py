"""What the storage tests share."""

from collections.abc import Iterator

import psycopg
import pytest


@pytest.fixture
def db(either_database: str) -> Iterator[psycopg.Connection]:
    """A connection to an empty database, of either kind in turn."""
    with psycopg.connect(either_database) as connection:
        yield connection
