"""Seeded mutation of SIP messages: what a careless or hostile peer might put on the wire. Pure."""

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

HUGE_NUMBERS: Final = (b"0", b"-1", b"4294967296", b"99999999999999999999", b"1e9", b"0x10")
MAX_FLIPS: Final = 8
MAX_REPEATS: Final = 40
_NUMBER: Final = re.compile(rb"\d+")
_ROUTING: Final = re.compile(
    rb"^(?:via|v|route|record-route|contact|m|from|f|to|t)[ \t]*:", re.IGNORECASE
)
_REROUTING: Final = re.compile(
    rb"^(?=(?:via|v|route|record-route|contact|m)[ \t]*:)", re.IGNORECASE | re.MULTILINE
)

Mutator = Callable[[random.Random, bytes], bytes]


def flip_bytes(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, MAX_FLIPS)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(1, len(data) + 1)]


def repeat_slice(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randint(1, 60))
    return data[:end] + data[start:end] * rng.randint(1, MAX_REPEATS) + data[end:]


def swap_lines(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\r\n".join(lines)


def repeat_line(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    where = rng.randrange(len(lines))
    return b"\r\n".join([*lines[:where], *[lines[where]] * rng.randint(2, 9), *lines[where + 1 :]])


def drop_line(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    del lines[rng.randrange(len(lines))]
    return b"\r\n".join(lines)


def odd_number(rng: random.Random, data: bytes) -> bytes:
    numbers = list(_NUMBER.finditer(data))
    if not numbers:
        return data
    found = rng.choice(numbers)
    return data[: found.start()] + rng.choice(HUGE_NUMBERS) + data[found.end() :]


def odd_line_end(rng: random.Random, data: bytes) -> bytes:
    ends = [found.start() for found in re.finditer(rb"\r\n", data)] or [0]
    where = rng.choice(ends)
    return data[:where] + rng.choice([b"\n", b"\r", b"\r\n ", b"\0", b""]) + data[where + 2 :]


MUTATORS: Final[Sequence[Mutator]] = (
    flip_bytes,
    truncate,
    repeat_slice,
    swap_lines,
    repeat_line,
    drop_line,
    odd_number,
    odd_line_end,
)


def mutate(rng: random.Random, data: bytes) -> bytes:
    """The message with one to three things wrong anywhere."""
    for _ in range(rng.randint(1, 3)):
        data = rng.choice(MUTATORS)(rng, data) or data
    return data


def mutate_apart_from_routing(rng: random.Random, data: bytes) -> bytes:
    """As `mutate`, but start line and routing headers stay as they are and in front.

    For requests that are believed: nothing may be sent to an address that chance made up.
    """
    start, *lines = data.split(b"\r\n")
    routing = [line for line in lines if _ROUTING.match(line)]
    others = b"\r\n".join(line for line in lines if not _ROUTING.match(line))
    changed = _REROUTING.sub(b"X-", mutate(rng, others))
    return b"\r\n".join([start, *routing, changed])
