"""TimescaleDB's community edition for tests: PGlite's build of it in WebAssembly, which npm fetches once.

Debian packages the Apache edition only, which does not compress. This one has a single session and no files.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
FETCH_S = 60


def why_not() -> str:
    """What keeps it from running here, after an attempt to fetch it; "" when nothing does."""
    if (HERE / "node_modules" / "@unni-craftsman" / "pglite" / "package.json").exists():
        return ""
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(command, cwd=HERE, env=ENVIRONMENT, check=True, capture_output=True, text=True, timeout=FETCH_S)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        return f"TimescaleDB's community edition is not tested, npm does not fetch it: {str(said).strip()[-500:]}"
    return ""


@contextmanager
def server() -> Iterator[str]:
    """URL of a database with the extension in it, while the block runs."""
    process = subprocess.Popen(
        ["node", "server.js"], cwd=HERE, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port.isdecimal(), f"the server says {port!r} instead of its port"
        yield f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable"
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
