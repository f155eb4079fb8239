"""Telephone numbers of callers, in one form whichever way they were said: digits, mobile or with the area code."""

from __future__ import annotations

import re

from dispatch.errors import InputError

AREA = "0512"
"""Of Suzhou, Kunshan's too: what a landline of the city leaves out."""
NOISE = re.compile(r"[\s\-()（）—]+")
COUNTRY = re.compile(r"^(?:\+|00)86")
MOBILE = re.compile(r"1[3-9]\d{9}")
LOCAL, LANDLINE = re.compile(r"[2-8]\d{6,7}"), re.compile(r"0\d{2,3}[2-8]\d{6,7}")
ELSEWHERE = re.compile(r"\+\d{7,15}")


def normal(said: str) -> str:
    """ "+86 138-1234-5678" -> "13812345678", "5771 2345" -> "051257712345". Raises InputError."""
    number = COUNTRY.sub("", NOISE.sub("", said))
    if MOBILE.fullmatch(number) or LANDLINE.fullmatch(number) or ELSEWHERE.fullmatch(number):
        return number
    if LOCAL.fullmatch(number):
        return AREA + number
    raise InputError(f"{masked(said)!r} is no telephone number: a mobile, or a landline with or without its area code")


def masked(number: str) -> str:
    """ "13812345678" -> "138****5678": enough to tell callers apart, too little to call them."""
    return f"{number[:3]}****{number[-4:]}" if len(number) >= 10 else "****"
