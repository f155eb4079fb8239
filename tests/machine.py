"""What something was measured on, and when: one line that stands beside every figure."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

import psutil


def machine() -> str:
    with Path("/proc/cpuinfo").open() as info:
        models = [text.split(":", 1)[1].strip() for text in info if text.startswith("model name")]
    memory = psutil.virtual_memory().total / (1 << 30)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {len(models)} x {models[0] if models else platform.machine()}, "
        f"{memory:.0f} GiB, {platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}"
    )
