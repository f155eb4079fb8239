"""`python -m tracking cases ...` and `python -m tracking drivers ...`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from tracking.cases import queries, store
from tracking.database import Connection

Commands = Any
"""What argparse returns for sub-commands."""


def add(commands: Commands) -> None:
    cases = commands.add_parser("cases", help="what people make of findings").add_subparsers(
        dest="action", required=True
    )
    shown = cases.add_parser("list", help="open cases, newest first")
    shown.add_argument("--all", action="store_true", help="closed ones, too")
    shown.set_defaults(with_database=_with(_list))
    told = cases.add_parser("lessons", help="what decided cases say of the audit's thresholds")
    told.set_defaults(with_database=_with(_lessons))
    drivers = commands.add_parser("drivers", help="their certificates and service credit").add_subparsers(
        dest="action", required=True
    )
    put = drivers.add_parser("put", help="put a driver on file")
    put.add_argument("certificate")
    put.add_argument("name")
    put.add_argument("issued", type=date.fromisoformat, help="day of the certificate's first issue")
    put.add_argument("--by", required=True, help="who does it")
    put.set_defaults(with_database=_with(_put))
    shown = drivers.add_parser("credit", help="how a driver stands")
    shown.add_argument("certificate")
    shown.set_defaults(with_database=_with(_credit))
    gone = drivers.add_parser("erase", help="forget a driver; outcomes of cases stay, without what was said")
    gone.add_argument("certificate")
    gone.add_argument("--by", required=True, help="who does it")
    gone.add_argument("--reason", required=True)
    gone.set_defaults(with_database=_with(_erase))


def _with(work: Callable[[Connection, argparse.Namespace], Awaitable[int]]) -> Callable[..., int]:
    async def run(url: str, args: argparse.Namespace) -> int:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
            return await work(db, args)

    return lambda url, files, args: asyncio.run(run(url, args))


async def _list(db: Connection, args: argparse.Namespace) -> int:
    count, before = 0, 2**63 - 1
    while page := await queries.cases(db, open_only=not args.all, before=before):
        for one in page:
            deadline = f"until {one.deadline:%Y-%m-%dT%H:%M:%SZ}" if one.deadline else "-"
            print(one.id, one.state, one.plate, one.rule, f"{one.start:%Y-%m-%dT%H:%M:%SZ}", deadline, sep="\t")
        count, before = count + len(page), page[-1].id
    print(f"{count} cases", file=sys.stderr)
    return 0


async def _lessons(db: Connection, args: argparse.Namespace) -> int:
    for one in await queries.learned(db):
        said = f"{one.confirmed} confirmed, {one.overturned} overturned"
        if not one.enough:
            print(f"{one.rule}: {said}: too few to say more")
        elif one.holds:
            print(f"{one.rule}: {said}: the threshold holds")
        elif one.raise_to is None:
            print(f"{one.rule}: {said}: no higher threshold would hold either; look at the rule")
        else:
            print(f"{one.rule}: {said}: findings hold from {one.raise_to:.2f} times what is allowed")
    return 0


async def _put(db: Connection, args: argparse.Namespace) -> int:
    await store.register(db, args.certificate, args.name, args.issued, args.by)
    return 0


async def _credit(db: Connection, args: argparse.Namespace) -> int:
    stands, entries = await queries.standing(db, args.certificate, datetime.now(UTC).date())
    if stands:
        print(f"{stands.score} points, {stands.grade}; year of assessment {stands.since} to {stands.until}")
    else:
        print("the certificate is not on file: no year of assessment", file=sys.stderr)
    for one in entries:
        case = f"case {one.case}" if one.case else "-"
        print(f"{one.at:%Y-%m-%d}", f"{one.points:+d}", case, "reversed" if one.reversed else "", one.reason, sep="\t")
    return 0 if stands else 1


async def _erase(db: Connection, args: argparse.Namespace) -> int:
    print(f"{await store.erase(db, args.certificate, args.by, args.reason)} cases told of this driver")
    return 0
