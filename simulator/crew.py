"""Who drives a taxi: a driver by day and one by night, with made-up names and licences."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
GIVEN = (
    "建国", "志强", "国平", "永明", "海波", "文斌", "晓东", "伟民", "俊杰", "立新", "根生", "春雷", "卫东", "玉兰",
    "秀英", "丽华", "小红", "雪梅", "金凤", "美珍",
)  # fmt: skip
ISSUER = "昆山市交通运输局"


@dataclass(frozen=True, slots=True)
class Person:
    """licence: of the right to carry passengers, 19 characters or fewer."""

    name: str
    licence: str


def crew(serial: str) -> tuple[Person, Person]:
    """The two drivers of the taxi with this terminal number; always the same ones."""
    rng = np.random.default_rng(zlib.crc32(serial.encode()))
    return _person(serial, "A", rng), _person(serial, "B", rng)


def _person(serial: str, which: str, rng: np.random.Generator) -> Person:
    name = SURNAMES[int(rng.integers(len(SURNAMES)))] + GIVEN[int(rng.integers(len(GIVEN)))]
    return Person(name, f"SIM{serial[-12:]}{which}")


def company_licence(company: str) -> str:
    """A company's licence number for its taxis: 16 characters, made up from its name."""
    return f"SIM{zlib.crc32(company.encode()):013d}"
