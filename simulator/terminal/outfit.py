"""Fits a taxi with its terminal: the conversation of its protocol, a connection, memory and ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import numpy as np

from gateway.protocols.jt808 import translate as translate808
from gateway.protocols.jt808.messages import body_layout
from gateway.protocols.jt905 import translate as translate905
from gateway.protocols.jt905.position import POSITION as POSITION905
from gateway.protocols.mqtt import translate as translate_mqtt
from gateway.report import Position
from gateway.wire.message import Header
from simulator.crew import company_licence
from simulator.danger import Hazard
from simulator.meter import Meter, Tariff
from simulator.roll import Cab
from simulator.terminal.backoff import Backoff
from simulator.terminal.cabin import Cabin
from simulator.terminal.camera import Camera
from simulator.terminal.car import Car, Occurrence
from simulator.terminal.conversation import Timing
from simulator.terminal.framed import FramedTerminal
from simulator.terminal.jt808 import Jt808Terminal
from simulator.terminal.jt905 import Jt905Terminal
from simulator.terminal.ledger import Ledger, Reader, Unwatched
from simulator.terminal.link import Link
from simulator.terminal.memory import Memory, Remembered
from simulator.terminal.mqtt import MqttTerminal
from simulator.terminal.reach import Reach
from simulator.terminal.store import Store, Witness

SET_PARAMETERS = 0x8103


class Speaker(Protocol):
    """A terminal with its connection, whatever it speaks."""

    @property
    def store(self) -> Store: ...

    def record(self, position: Position, hazard: Hazard | None = None) -> None:
        """A new fix. hazard: what a camera has seen there."""

    def occurred(self, what: Occurrence) -> None:
        """Something has happened in the car."""

    def interval_s(self, position: Position, usual_s: float) -> float:
        """Seconds until the next fix is wanted."""

    async def run(self) -> None:
        """Connect and talk until cancelled."""


@dataclass(frozen=True)
class Outfitter:
    """reaches: protocol -> where its platform is; memory and ledger are None where nothing is to be kept.

    lose    numbers, from 1, of the pieces of pictures that every camera loses once
    phones  passwords of the MQTT devices that are drivers' phones, by number
    """

    reaches: Mapping[str, Reach]
    timing: Timing
    memory: Memory | None = None
    ledger: Ledger | None = None
    tariff: Tariff = field(default_factory=Tariff)
    lose: Set[int] = frozenset()
    phones: Mapping[str, str] = field(default_factory=dict)

    def fit(self, cab: Cab, car: Car, rng: np.random.Generator) -> Speaker:
        """The terminal of a taxi. Raises StateError."""
        if cab.protocol != "mqtt":
            return self.link(cab, car, rng)
        timing, reach = self.timing, self.reaches[cab.protocol]
        speaker = MqttTerminal(
            cab.key, cab.number, reach, Backoff(rng), self._witness(cab), timing.answer_s, timing.kept,
            car, self.phones.get(cab.number, ""),
        )  # fmt: skip
        for fix in self._remembered(cab).fixes:
            speaker.store.keep(fix)
        return speaker

    def link(self, cab: Cab, car: Car, rng: np.random.Generator) -> Link:
        """As `fit`, for the protocols over TCP."""
        terminal = self._framed(cab, car, self._remembered(cab))
        terminal.changed = partial(self._save, cab, terminal)
        return Link(cab.key, terminal, self.reaches[cab.protocol], Backoff(rng))

    def _remembered(self, cab: Cab) -> Remembered:
        return self.memory.load(cab.key) if self.memory else Remembered()

    def _framed(self, cab: Cab, car: Car, kept: Remembered) -> FramedTerminal:
        cabin = Cabin(
            car, cab.plate, company_licence(cab.company), Camera(cab.plate, self.lose),
            usual={"0x0001": {"heartbeat_interval": round(self.timing.heartbeat_s)}},
        )  # fmt: skip
        make: Callable[..., FramedTerminal]
        if cab.protocol == "jt905":
            make = partial(Jt905Terminal, meter=Meter(self.tariff, kept.counts))
        else:
            make = partial(Jt808Terminal, version=cab.version, code=kept.code)
        terminal = make(cab.number, self.timing, cabin, self._witness(cab))
        if kept.parameters:
            header = Header(SET_PARAMETERS, cab.number, 0, cab.version)
            cabin.given.update(terminal.decode(header, kept.parameters)["parameters"])
        for letter in kept.letters:
            terminal.letters.post(letter)
        for fix in kept.fixes:
            terminal.store.keep(fix)
        return terminal

    def put_away(self, cab: Cab, speaker: Speaker) -> None:
        """The terminal is switched off: keep what it knows."""
        if isinstance(speaker, Link):
            self._save(cab, speaker.terminal)
        elif self.memory:
            self.memory.save(cab.key, Remembered(fixes=speaker.store.fixes()))

    def _save(self, cab: Cab, terminal: FramedTerminal) -> None:
        if self.memory:
            self.memory.save(cab.key, _known(terminal))

    def _witness(self, cab: Cab) -> Witness:
        return self.ledger.of(reader(cab)) if self.ledger else Unwatched()


def _known(terminal: FramedTerminal) -> Remembered:
    kept = Remembered(fixes=terminal.store.fixes(), letters=list(terminal.letters))
    if given := terminal.cabin.given:
        kept.parameters = terminal.encode(SET_PARAMETERS, {"parameters": given})
    match terminal:
        case Jt808Terminal():
            kept.code = terminal.code
        case Jt905Terminal():
            kept.counts = terminal.meter.counts
    return kept


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
