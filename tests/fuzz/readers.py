"""What is fuzzed: the gateway's readers as they are called.

An input is what a peer sends, nothing else. Every execution begins anew, so that an input that
fails does so again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import orjson

from gateway import command as say
from gateway.decode import rim, table
from gateway.decode.lines import Sessions, answer
from gateway.errors import ProtocolError
from gateway.explain import Capture
from gateway.proof import Proof
from gateway.protocols.jt808 import attachments
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808.explain import Jt808Decoder
from gateway.protocols.jt808.session import Jt808Session
from gateway.protocols.jt905 import messages as jt905
from gateway.protocols.jt905.explain import Jt905Decoder
from gateway.protocols.jt905.session import Jt905Session
from gateway.protocols.mqtt import session as mqtt
from gateway.protocols.owntracks import session as owntracks
from gateway.server.batch import decode
from gateway.server.page import Judge
from gateway.server.plausible import Region
from gateway.session import Chunk, Held, Limits, Outcome, Progress, Session
from gateway.wire.framing import FLAG
from tests.terminals import ISU, NUMBER

JUDGE = Judge(Region.parse("china"), 600_000_000)
NOW = 1_000.0
MOMENT_US = 1_795_564_800_000_000
"""2026-11-25."""


class Book:
    """A roll on which every terminal is, with a code that fits."""

    def enrolled(self, terminal: str) -> bool:
        return True

    def issue_code(self, terminal: str, model: str) -> str:
        return "code"

    def model(self, terminal: str) -> str:
        return ""

    def check_code(self, terminal: str, code: str) -> Proof:
        return Proof.OWN if code != "wrong" else Proof.NONE

    def adopt(self, terminal: str) -> None:
        return


# sessions

LOGIN = jt808.encode(0x0102, {"auth": "code"}, terminal=NUMBER, serial=0)
HELLO = jt905.encode(0x0002, {}, terminal=ISU, serial=0)
QUERY = say.QueryParameters(terminal="t")
OFFER = say.OfferOrder(terminal="t", order=1, kind="immediate", description="昆山站")


def road(data: bytes) -> None:
    """A terminal of JT/T 808 that has logged in and was asked something."""
    session = Jt808Session(Book(), 0, Limits())
    session.receive(LOGIN, 1)
    session.send(QUERY)
    _converse(session, data)


def taxi(data: bytes) -> None:
    """An ISU of JT/T 905 to which an order was offered."""
    session = Jt905Session(Book(), 0, Limits())
    session.receive(HELLO, 1)
    session.send(OFFER)
    _converse(session, data)


def _converse(session: Session, data: bytes) -> None:
    """All that the server does with bytes: read in two pieces, commit, answer, ask again, close."""
    middle = len(data) // 3
    held = session.receive(data[:middle], 2) + session.receive(data[middle:], NOW)
    for one, outcome in zip(held, _committed(held), strict=True):
        assert session.answer(one, outcome).count(FLAG) % 2 == 0
    session.tick(NOW + 60)
    assert session.data_to_send().count(FLAG) % 2 == 0
    session.deadline()


def _committed(held: Sequence[Held]) -> list[Outcome]:
    """Outcomes of held frames; what would be stored is looked at."""
    tick = decode([one for one in held if not isinstance(one.content, Chunk)], MOMENT_US, JUDGE)
    assert not tick.counts["decoder_failed"]
    for entry in tick.entries:
        if entry.kind == "message":
            _keepable(entry.columns)
    for told in tick.fixes.attributes:
        _keepable(told)
    ok = iter(tick.ok)
    return [_kept(one.content) if isinstance(one.content, Chunk) else Outcome(next(ok)) for one in held]


def _kept(chunk: Chunk) -> Outcome:
    """As the media store answers to a first piece."""
    medium = getattr(chunk.medium, "media", None)
    missing = [n for n in range(1, chunk.of + 1) if n != chunk.place] if chunk.counted else [len(chunk.data)]
    return Outcome(True, Progress(chunk.key, medium, chunk.of, missing))


def _keepable(document: bytes) -> None:
    """Whether the history can keep it: JSON without U+0000."""
    if document:
        text = json.dumps(orjson.loads(document), ensure_ascii=False) if b"u0000" in document else ""
        assert "\\u0000" not in text.replace("\\\\", "")


# other readers


def attachment(data: bytes) -> None:
    """The stream of an attachment connection, whole and in pieces."""
    pieces = [data[i : i + len(data) // 7 + 1] for i in range(0, len(data), len(data) // 7 + 1)]
    whole, piecewise = attachments.AttachmentBuffer(), attachments.AttachmentBuffer()
    found = whole.feed(data)
    assert [one for piece in pieces for one in piecewise.feed(piece)] == found
    assert whole.pending == piecewise.pending <= max(attachments.LARGEST + attachments.HEAD, len(data))
    for one in found:
        if not one.startswith(FLAG):
            attachments.PACKET.decode(one)


def payload(data: bytes) -> None:
    """A message of an MQTT device, on either topic."""
    for receive in (mqtt.receive, owntracks.receive):
        try:
            held = receive("mqtt/tracker", data)
        except ProtocolError:
            continue
        if held is not None:
            _committed([held])


def line(data: bytes) -> None:
    """A line to `decode --jsonl`."""
    told = orjson.loads(rim.dumps(answer(data, Sessions())))
    assert list(told) == ["frames", "reports", "error"]


def explained(data: bytes) -> None:
    """A capture whose every byte is explained."""
    for decoder in (Jt808Decoder(), Jt905Decoder()):
        for one in decoder.decode(Capture(data), explain=True):
            covered = [i for span in one.spans for i in range(span.start, span.end)]
            assert covered == list(range(len(one.raw))) or not one.spans
            assert list(table.lines(one, "jt808", ""))


READERS: Mapping[str, Callable[[bytes], None]] = {
    "jt808": road, "jt905": taxi, "attachments": attachment, "payloads": payload, "jsonl": line, "explained": explained,
}  # fmt: skip
