"""Coordinates of JT/T 808: millionths of a degree, WGS-84 in practice."""

from __future__ import annotations

from fractions import Fraction

from gateway.wire.field import Field
from gateway.wire.kinds import Number

DEGREE = Number("I", Fraction(1, 1_000_000))
LAT, LON = Field("lat", DEGREE, "deg", "纬度"), Field("lon", DEGREE, "deg", "经度")
"""Without a sign: the hemisphere stands in a word of flags."""
