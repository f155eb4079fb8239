"""The arguments of `decode`, and its three ways of writing: tables, one JSON object a frame, JSON lines."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gateway.catalog import DECODERS
from gateway.decode import rim, table
from gateway.decode.captured import from_text, guess
from gateway.decode.lines import read, translate
from gateway.errors import ProtocolError
from gateway.explain import STANDARD, Capture, Decoded, Decoder, refused

EPILOG = """\
Hex digits may have spaces, commas, colons, dashes or 0x between them; the first and the last
delimiter may be missing. Without HEX and --file, standard input is read, one message a line.
The exit status is 1 when any frame was refused, 2 when a file cannot be
read or there is no such dialect, else 0; with --jsonl
every line is answered and the status is 0.

--jsonl reads objects {"session","protocol","hex" | "text" | "http"} and writes for each line one object
{"frames":[{"message","message_id","terminal","serial","ok","error","fields"}],"reports":[...],"error":null}.
State such as the parts of a sub-packaged message is kept by protocol and session.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = "Explain every byte of captured frames.", EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("hex", nargs="*", help="a captured message in hex")
    parser.add_argument("-f", "--file", type=Path, help="read messages from this file, one a line; - is standard input")
    parser.add_argument("-p", "--protocol", choices=list(DECODERS), help="default: guessed from the bytes, and said")
    parser.add_argument("-d", "--dialect", default=STANDARD, help="how the terminal speaks where it is not standard")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a frame instead of a table")
    form.add_argument("--jsonl", action="store_true", help="objects in, objects out, one a line")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, 1 when a frame was refused, 2 when a file cannot be read or there is no such dialect."""
    try:
        return _run(args, sys.stdout.buffer)
    except BrokenPipeError:
        # whoever read has seen enough; without this Python complains when it closes the stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, ProtocolError) as error:
        print(f"decode: {error}", file=sys.stderr)
        return 2


def _run(args: argparse.Namespace, sink: BinaryIO) -> int:
    if args.hex:
        return _explain(args, map(os.fsencode, args.hex), sink)
    if args.file is None or str(args.file) == "-":
        return _all(args, sys.stdin.buffer, sink)
    with args.file.open("rb") as source:
        return _all(args, source, sink)


def _all(args: argparse.Namespace, source: BinaryIO, sink: BinaryIO) -> int:
    if args.jsonl:
        translate(source, sink)
        return 0
    return _explain(args, (text for text in read(source) if text is None or text.strip()), sink)


def _explain(args: argparse.Namespace, texts: Iterator[bytes | None], sink: BinaryIO) -> int:
    bad = False
    decoders: dict[str, Decoder] = {}
    for text in texts:
        protocol, why, capture, problem = _captured(text, args.protocol)
        if protocol not in decoders:
            decoders[protocol] = DECODERS[protocol](args.dialect)
        found = [refused(capture, problem)] if problem else decoders[protocol].decode(capture, explain=True)
        bad = bad or any(one.error for one in found)
        for one in found:
            written = _json(one, protocol, why) if args.json else _table(one, protocol, why)
            sink.write(written)
            sink.flush()
    return int(bad)


def _captured(text: bytes | None, protocol: str | None) -> tuple[str, str, Capture, ProtocolError | None]:
    """Protocol, why it is thought to be that one, the capture, and what is wrong with the text."""
    try:
        if text is None:
            raise ProtocolError("length", "the line is too long")
        data = from_text(text.decode(errors="replace"), protocol)
    except ProtocolError as error:
        return protocol or "jt808", "", Capture(text or b""), error
    name, why = (protocol, "") if protocol else guess(data)
    return name, why, Capture(data), None


def _table(decoded: Decoded, protocol: str, why: str) -> bytes:
    return "".join(f"{line}\n" for line in table.lines(decoded, protocol, why)).encode()


def _json(decoded: Decoded, protocol: str, why: str) -> bytes:
    spans = [
        {
            "offset": s.start, "raw": decoded.raw[s.start : s.end], "field": s.path, "zh": s.zh, "value": s.value,
            "unit": s.unit, "meaning": s.meaning,
        }
        for s in decoded.spans
    ]  # fmt: skip
    reports = [rim.report(said) for said in decoded.reports]
    head = {"protocol": protocol, "guessed": why or None, **rim.frame(decoded), "note": decoded.note or None}
    return rim.dumps({**head, "spans": spans, "reports": reports}) + b"\n"
