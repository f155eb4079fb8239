"""The process and its command line: accounts, a database that goes and comes back, faults told in words."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests import stack
from tests.dashboard.conftest import Api, seed
from tests.dashboard.test_api import problem


def env(url: str) -> dict[str, str]:
    return {"TAXIHUB_DATABASE_URL": url}


def test_the_first_administrator_is_made_on_an_empty_database(database: str):
    done = stack.account(env(database), "create", "站长")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "account 站长 (administrator) created")
    again = stack.account(env(database), "create", "站长")
    assert (again.returncode, again.stderr.strip()) == (2, "dashboard: there is an account '站长' already")
    with psycopg.connect(database) as db:
        assert db.execute("SELECT actor, action, object FROM journal").fetchall() == [
            ("system:command line", "account.create", "站长")
        ]
        (digest,) = db.execute("SELECT password_hash FROM account").fetchone() or ()
    assert digest.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("command", "password", "said"),
    [
        (["create", "eve"], "short", "at least 10 characters"),
        (["create", ""], stack.PASSWORD, "1 to 64 characters"),
        (["reset-password", "eve"], stack.PASSWORD, "there is no account 'eve'"),
        (["create", "eve", "--role", "king"], stack.PASSWORD, "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(database: str, command, password, said):
    done = stack.account(env(database), *command, password=password)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_on_a_terminal_the_password_is_asked_twice(database: str):
    for second, code in ((stack.PASSWORD, 0), ("something else", 2)):
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ |= env(database) | {"PYTHONPATH": str(stack.ROOT)}
            os.execv(sys.executable, [sys.executable, "-m", "dashboard", "admin", "create", f"typed-{code}"])
        said = b""
        for prompt, answer in ((b"characters): ", stack.PASSWORD), (b"again: ", second)):
            while not said.endswith(prompt):
                said += os.read(terminal, 1024)
            os.write(terminal, answer.encode() + b"\n")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
        assert stack.PASSWORD.encode() not in said
        os.close(terminal)


def test_a_port_in_use_and_an_unknown_zone_are_told(database: str, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for settings, said in (
            ({"DASHBOARD_PORT": str(port)}, f"cannot listen on 127.0.0.1:{port}"),
            ({"TIMEZONE": "Asia/Kunshan"}, "there is no time zone 'Asia/Kunshan'"),
        ):
            more = {f"TAXIHUB_{k}": v for k, v in ({"VAR": str(tmp_path)} | settings).items()}
            done = subprocess.run(
                [sys.executable, "-m", "dashboard", "serve"], env={**os.environ, **env(database), **more},
                capture_output=True, text=True, cwd=stack.ROOT, timeout=30,
            )  # fmt: skip
            assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_database_that_is_away_means_503_until_it_is_back(database: str, tmp_path: Path):
    """The server refuses connections for a while: as when it restarts."""
    seed(database)
    name = conninfo_to_dict(database)["dbname"]
    server = make_conninfo(database, dbname="postgres")
    with stack.console(tmp_path, database) as console, Api(console, database).client("admin") as client:
        assert client.get("/healthz").status_code == 200
        with psycopg.connect(server, autocommit=True) as db:
            db.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            stack.eventually(lambda: client.get("/api/v1/vehicles").status_code == 503, "its connections are ended")
            answer = client.get("/api/v1/vehicles")
            problem(answer, 503, "database_away")
            assert answer.headers["retry-after"] == "5"
            health = client.get("/healthz")
            assert (health.status_code, health.json()["database"]) == (503, "away")
            wrong = client.post("/api/v1/session", json={"user": "admin", "password": "x"})
            problem(wrong, 503, "database_away")
            db.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        stack.eventually(lambda: client.get("/healthz").status_code == 200, "the console finds the database again")
        assert len(client.get("/api/v1/vehicles").json()["items"]) == 4


def test_a_database_without_our_schema_is_not_ready(postgres_url: str, tmp_path: Path):
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("CREATE DATABASE unmigrated TEMPLATE template0 ENCODING 'UTF8' LC_CTYPE 'C.UTF-8' LC_COLLATE 'C'")
    url = postgres_url.replace("/taxihub?", "/unmigrated?")
    settings = {"VAR": str(tmp_path), "DATABASE_URL": url, "BUS_URL": "", "DASHBOARD_PORT": "0"}
    variables = {f"TAXIHUB_{k}": v for k, v in settings.items()}
    state = tmp_path / "dashboard" / "listening.json"
    with stack.running("dashboard", [sys.executable, "-m", "dashboard", "serve"], tmp_path, variables):
        port = stack.eventually(lambda: state.read_text() if state.exists() else None, "it listens").split()[-1][:-1]
        answer = httpx.post(f"http://127.0.0.1:{port}/api/v1/session", json={"user": "a", "password": "b"})
        problem(answer, 503, "database_away", "lacks this version's schema")
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("DROP DATABASE unmigrated WITH (FORCE)")
    assert not state.exists()
