"""`python -m gateway document DIR`: the protocols' pages and the published names, from the tables."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.decode.rim import UNITS
from gateway.protocols.jt808 import chapters as jt808
from gateway.protocols.jt808.messages import MESSAGES as ROAD
from gateway.protocols.jt808.position import ALARM_BITS, ALARM_BITS_2019, STATUS_BITS_2019
from gateway.protocols.jt905 import chapters as jt905
from gateway.protocols.jt905.messages import MESSAGES as TAXI
from gateway.protocols.jt905.position import ALARM_BITS as TAXI_ALARMS
from gateway.protocols.jt905.position import STATUS_BITS as TAXI_STATUSES
from gateway.report import KINDS, Alarm, MeterRecord, Status, names
from gateway.wire.chapters import page

HIDDEN = {"identity"}
OWN_NAMES = {
    "hard_acceleration": "急加速", "hard_braking": "急减速", "hard_cornering": "急转弯", "tampered": "拆除或破坏",
    "vibration": "震动", "video_lost": "视频信号丢失", "video_covered": "视频信号遮挡", "video_storage": "视频存储故障",
    "overloaded": "超员", "phone_use": "接打电话", "smoking": "抽烟", "load_half": "半载", "load_full": "满载",
}  # fmt: skip
"""Chinese of the names that stand in no word of flags of the standards."""


def pages() -> dict[str, str]:
    """File name -> text."""
    return {
        "jt808.md": "\n".join(page(jt808.TITLE, jt808.CHAPTERS, ROAD)) + "\n",
        "jt905.md": "\n".join(page(jt905.TITLE, jt905.CHAPTERS, TAXI)) + "\n",
        "reports.md": "\n".join(_reports()) + "\n",
    }


def _reports() -> Iterator[str]:
    yield "# 报告 Reports\n"
    yield "终端所说的话, 不分协议。由表格生成: `python -m gateway document docs/protocols`.  "
    yield "What terminals say, whatever their protocol, as `decode --jsonl` writes it: units stand in the names,"
    yield "times are UTC, money is yuan as decimal text. Generated; do not edit.\n"
    for kind, name in (*KINDS.items(), (MeterRecord, "meter")):
        yield f"## {name}\n"
        yield inspect.cleandoc(kind.__doc__ or "").partition("\n")[0] + "\n"
        yield "| attribute | type |\n|---|---|"
        for f in dataclasses.fields(kind):
            if f.name not in HIDDEN:
                yield f"| `{UNITS.get(f.name, (f.name, 1))[0]}` | {str(f.type).replace('|', 'or')} |"
        yield ""
    yield from _flags("报警 Alarms", Alarm, ALARM_BITS | ALARM_BITS_2019 | {32 + b: n for b, n in TAXI_ALARMS.items()})
    yield from _flags("状态 Status", Status, STATUS_BITS_2019 | {32 + b: n for b, n in TAXI_STATUSES.items()})


def _flags(title: str, kind: type[Alarm] | type[Status], terms: Mapping[int, str]) -> Iterator[str]:
    """All published names of a set of flags, with the Chinese of the first standard that has them."""
    known = OWN_NAMES | {str(term): getattr(term, "zh", "") for term in reversed(list(terms.values()))}
    yield f"## {title}\n"
    yield "| bit | name | 名称 |\n|---|---|---|"
    for flag in kind:
        (name,) = names(flag)
        yield f"| {int(flag).bit_length() - 1} | `{name}` | {known[name]} |"
    yield ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write the pages on protocols and reports, generated from the tables."
    parser.add_argument("directory", type=Path, help="where the pages go, e.g. docs/protocols")


def run(args: argparse.Namespace) -> int:
    try:
        args.directory.mkdir(parents=True, exist_ok=True)
        for name, text in pages().items():
            (args.directory / name).write_text(text, "utf-8")
    except OSError as error:
        print(f"document: {error}", file=sys.stderr)
        return 2
    return 0
