"""Fits a taxi with its terminal: the conversation of its protocol, a connection, memory and ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from gateway.protocols.jt808 import translate as translate808
from gateway.protocols.jt808.messages import body_layout
from gateway.protocols.jt905 import translate as translate905
from gateway.protocols.jt905.position import POSITION as POSITION905
from gateway.protocols.mqtt import translate as translate_mqtt
from gateway.report import Position
from simulator.roll import Cab
from simulator.terminal.backoff import Backoff
from simulator.terminal.framed import FramedTerminal, Timing
from simulator.terminal.jt808 import Jt808Terminal
from simulator.terminal.jt905 import Jt905Terminal
from simulator.terminal.ledger import Ledger, Reader, Unwatched
from simulator.terminal.link import Link
from simulator.terminal.memory import Memory, Remembered
from simulator.terminal.mqtt import MqttTerminal
from simulator.terminal.reach import Reach
from simulator.terminal.store import Store, Witness


class Speaker(Protocol):
    """A terminal with its connection, whatever it speaks."""

    @property
    def store(self) -> Store: ...

    def record(self, position: Position) -> None:
        """A new fix."""

    async def run(self) -> None:
        """Connect and talk until cancelled."""


S = TypeVar("S", Link, MqttTerminal)


@dataclass(frozen=True)
class Outfitter:
    """reaches: protocol -> where its platform is; memory and ledger are None where nothing is to be kept."""

    reaches: Mapping[str, Reach]
    timing: Timing
    memory: Memory | None = None
    ledger: Ledger | None = None

    def fit(self, cab: Cab, sense: Callable[[], Position], rng: np.random.Generator) -> Speaker:
        """The terminal of a taxi; `sense` gives its position right now. Raises StateError."""
        if cab.protocol != "mqtt":
            return self.link(cab, sense, rng)
        timing, reach = self.timing, self.reaches[cab.protocol]
        speaker = MqttTerminal(
            cab.key, cab.number, reach, Backoff(rng), self._witness(cab), timing.answer_s, timing.kept
        )
        return _restored(speaker, self._remembered(cab))

    def link(self, cab: Cab, sense: Callable[[], Position], rng: np.random.Generator) -> Link:
        """As `fit`, for the protocols over TCP."""
        kept = self._remembered(cab)
        terminal = self._framed(cab, sense, self._witness(cab), kept.code)
        return _restored(Link(cab.key, terminal, self.reaches[cab.protocol], Backoff(rng)), kept)

    def _remembered(self, cab: Cab) -> Remembered:
        return self.memory.load(cab.key) if self.memory else Remembered()

    def _framed(self, cab: Cab, sense: Callable[[], Position], witness: Witness, code: str) -> FramedTerminal:
        if cab.protocol == "jt905":
            return Jt905Terminal(cab.number, self.timing, sense, witness)
        terminal = Jt808Terminal(
            cab.number, self.timing, sense, witness, version=cab.version, plate=cab.plate, code=code
        )
        if self.memory:
            terminal.remember = lambda new: self._save(cab, new, terminal.store)
        return terminal

    def _save(self, cab: Cab, code: str, store: Store) -> None:
        if self.memory:
            self.memory.save(cab.key, code, store.fixes())

    def put_away(self, cab: Cab, speaker: Speaker) -> None:
        """The terminal is switched off: keep what it knows."""
        terminal = speaker.terminal if isinstance(speaker, Link) else None
        self._save(cab, terminal.code if isinstance(terminal, Jt808Terminal) else "", speaker.store)

    def _witness(self, cab: Cab) -> Witness:
        return self.ledger.of(reader(cab)) if self.ledger else Unwatched()


def _restored(speaker: S, kept: Remembered) -> S:
    for fix in kept.fixes:
        speaker.store.keep(fix)
    return speaker


def reader(cab: Cab) -> Reader:
    """How the gateway reads the bodies of this terminal."""
    key = cab.key
    match cab.protocol:
        case "jt808":
            return lambda body: translate808.position(
                key, body_layout(0x0200, cab.version, body)[1].decode(body), cab.version, body
            )
        case "jt905":
            return lambda body: translate905.position(key, POSITION905.decode(body), body)
        case _:
            return lambda body: replace(translate_mqtt.position(body), terminal=key)
