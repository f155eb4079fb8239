"""Migrations: applied once, in order, only as they were written, and only into a fit database."""

from pathlib import Path

import psycopg
import pytest

from tracking import migrate as module
from tracking.errors import DatabaseUnfit
from tracking.migrate import migrate


def test_a_second_run_changes_nothing(either_database: str):
    assert migrate(either_database) == 0


def test_the_kind_of_table_follows_the_database(either_database: str):
    with psycopg.connect(either_database) as db:
        (kind,) = db.execute("SELECT relkind FROM pg_class WHERE oid = 'position'::regclass").fetchone() or ()
        extension = db.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
        if extension:
            tables = db.execute("SELECT hypertable_name FROM timescaledb_information.hypertables").fetchall()
            assert tables == [("position",)]
        assert kind == ("r" if extension else "p")


def test_an_applied_file_that_was_changed_is_refused(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for path in module.DIRECTORY.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text() + "-- changed\n")
    monkeypatch.setattr(module.migrations, "__defaults__", (tmp_path,))
    with pytest.raises(DatabaseUnfit, match="changed after it was applied"):
        migrate(database)


def test_a_gap_in_the_numbers_is_refused(tmp_path: Path):
    (tmp_path / "0002_late.sql").write_text("SELECT 1")
    with pytest.raises(DatabaseUnfit, match="0001 is expected"):
        list(module.migrations(tmp_path))


def test_a_database_that_cannot_read_chinese_is_refused(database: str):
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("DROP DATABASE IF EXISTS unfit")
        db.execute("CREATE DATABASE unfit TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
        name = db.info.dbname
    with pytest.raises(DatabaseUnfit, match="takes 昆 for no letter"):
        migrate(database.replace(f"/{name}?", "/unfit?"))


def test_the_journal_takes_no_correction(database: str):
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("INSERT INTO journal (actor, action) VALUES ('a', 'b')")
        for statement in ("UPDATE journal SET actor = 'c'", "DELETE FROM journal", "TRUNCATE journal"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                db.execute(statement)
