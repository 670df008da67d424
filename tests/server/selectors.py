"""The message that tests of selectors ask about: one property of every type, and values at the edges of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from corewire.values import Byte, Char, Float, Long, Short

if TYPE_CHECKING:
    from corewire.values import PropertyValue

PROPERTIES: dict[str, PropertyValue] = {
    "name": "James",
    "rank": 123,
    "version": 2,
    "bt": Byte(33),
    "sh": Short(7),
    "lg": Long(123),
    "fl": Float(0.1),
    "db": 0.1,
    "t": True,
    "f": False,
    "st": "true",
    "num": "5",
    "ch": Char("x"),
    "by": b"\1\2",
    "by2": b"\1\2",
    "pct": "50%",
    "foo": "_foo",
    "us": "XD7xlJIQn_",
    "nl": "a\nb",
    "s1": "abc",
    "s2": "abd",
    "zero": 0,
    "neg": -5,
    "emp": "",
    "nan": math.nan,
    "inf": math.inf,
    "fnan": Float(math.nan),
    "nz": -0.0,
    "fz": Float(0.0),
    "big": Long((1 << 53) + 1),
    "max": Long((1 << 63) - 1),
    "min": Long(-1 << 63),
    "imin": -1 << 31,
    "imax": (1 << 31) - 1,
    "dec": "1.5",
    "astral": "\U0001f600",
    "bmp": "\uffee",
    "fbig": Float(1 << 24),
    "i24": (1 << 24) + 1,
    "hex": "0x1p3",
    "d7": 1e7,
    "dsm": 1e-5,
    "f7": Float(12345678.0),
    "a-b": 1,
    "a.b": "x",
    "": "empty",
}
