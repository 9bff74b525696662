# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Warp 10's input format for Geo Time Series, read as its documentation describes it:
    TS/LAT:LON/ELEV NAME{LABELS} VALUE
No distribution packages a reader of it. What the documentation leaves open is refused, as
is what we have no use for: places, lines without a time, strings, booleans."""
import re
from urllib.parse import unquote_to_bytes

WORD = r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})"
LABEL = f"({WORD}+)=({WORD}+)"
READING = re.compile(rf"(\d+)// ({WORD}+)\{{((?:{LABEL})(?:,{LABEL})*)?\}} (\S+)")
LONG = re.compile(r"[+-]?\d+")
DOUBLE = re.compile(r"[+-]?\d+\.\d+")


def _decode(word):
    return unquote_to_bytes(word).decode()


def _value(text):
    if LONG.fullmatch(text):
        value = int(text)
        assert -1 << 63 <= value < 1 << 63, text
        return value
    assert DOUBLE.fullmatch(text), text
    return float(text)


def readings(body):
    """(microseconds, class, labels, value) of each line: an int is a LONG, a float a
    DOUBLE."""
    text = body.decode("ascii")
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        reading = READING.fullmatch(line)
        assert reading, line
        labels = [tuple(map(_decode, label)) for label in re.findall(LABEL, reading[3] or "")]
        assert len(dict(labels)) == len(labels), line
        yield int(reading[1]), _decode(reading[2]), dict(labels), _value(reading[8])
