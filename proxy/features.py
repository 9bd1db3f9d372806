"""Feature sets: what a contact says it can do, and what a caller asks for (RFC 3840 §9).

Pure. RFC 3841 §7.2.4 describes the matching by way of RFC 2533; a conjunction of features,
each with alternatives, is all that its headers can say, and that is what is kept here.
"""

from collections.abc import Mapping
from functools import lru_cache
from math import inf
from typing import Final, NamedTuple

from sip.errors import ParseError
from sip.parameters import Parameters

_NAMES: Final = """
    audio automata class duplex data control mobility description events priority methods
    extensions schemes application video language type isfocus actor text
"""
BASE_TAGS: Final = frozenset(_NAMES.split())
"""Feature parameters that are written without a plus (RFC 3841 §7.2.1)."""
_BARE_TAGS: Final = frozenset({"language", "type"})
"""Base tags that are not in the tree sip. (RFC 3841 §8)."""
_CACHED: Final = 4096
MAX_FEATURES: Final = 32
"""Features of one contact or predicate that are looked at; more are left out."""
MAX_ALTERNATIVES: Final = 64
"""Values of one feature that are looked at; more are left out."""
MAX_RANGES: Final = 4
"""Of those, ranges of numbers, each way round."""


Range = tuple[float, float]
"""The least and the greatest number."""


class Alternatives(NamedTuple):
    """What one feature may be: any of these.

    Sets, because callers and contacts write both sides: each pair of values looked at was
    seconds for one INVITE.
    """

    texts: frozenset[str]
    """Tokens in lower case, and strings as written with their angle brackets."""
    ranges: tuple[Range, ...]
    not_texts: frozenset[str]
    """Each stands for every value but this one."""
    not_ranges: tuple[Range, ...]


Features = Mapping[str, Alternatives]
"""Feature tags, decoded and in lower case, each with its alternatives."""


_YES: Final = Alternatives(frozenset(("true",)), (), frozenset(), ())


@lru_cache(_CACHED)
def contact_features(parameters: str) -> Features:
    """The features among a contact's header parameters, without a leading `;`."""
    try:
        return features(Parameters.parse(f";{parameters}"))
    except ParseError:
        return {}


def features(parameters: Mapping[str, str | None]) -> Features:
    """The features among `parameters` (RFC 3841 §7.2.3, §8)."""
    found: dict[str, Alternatives] = {}
    for name, value in parameters.items():
        if name in BASE_TAGS:
            found[_decoded(name)] = _alternatives(value)
    for name, value in parameters.items():
        if len(found) >= MAX_FEATURES:
            break
        if name.startswith("+") and len(name) > 1:
            found.setdefault(_decoded(name), _alternatives(value))
    return found


def matches(wanted: Features, offered: Features) -> bool:
    """Whether some value of each feature that both name satisfies both (RFC 3841 §7.2.4)."""
    return all(_meet(one, offered[tag]) for tag, one in wanted.items() if tag in offered)


def score(wanted: Features, offered: Features) -> float:
    """The part of the features `wanted` that `offered` names at all, from 0 to 1."""
    return sum(tag in offered for tag in wanted) / len(wanted) if wanted else 1.0


def _decoded(name: str) -> str:
    if not name.startswith("+"):
        return name if name in _BARE_TAGS else f"sip.{name}"
    return name[1:].replace("!", ":").replace("'", "/")


def _alternatives(value: str | None) -> Alternatives:
    if not value:
        return _YES
    if value.startswith("<"):
        return Alternatives(frozenset((value,)), (), frozenset(), ())
    texts: tuple[set[str], set[str]] = set(), set()
    ranges: tuple[list[Range], list[Range]] = [], []
    for each in value.split(",")[:MAX_ALTERNATIVES]:
        plain = each.strip()
        negated = plain.startswith("!")
        plain = plain.removeprefix("!")
        try:
            ranges[negated].append(_range(plain))
        except ValueError:
            texts[negated].add(plain.lower())
    return Alternatives(
        frozenset(texts[False]),
        tuple(ranges[False][:MAX_RANGES]),
        frozenset(texts[True]),
        tuple(ranges[True][:MAX_RANGES]),
    )


def _range(text: str) -> Range:
    """Bounds of `#=n`, `#<=n`, `#>=n` or `#n:m`. Raises ValueError."""
    if not text.startswith("#"):
        raise ValueError
    number = text[1:]
    if number.startswith("<="):
        return -inf, float(number[2:])
    if number.startswith(">="):
        return float(number[2:]), inf
    if number.startswith("="):
        return float(number[1:]), float(number[1:])
    low, colon, high = number.partition(":")
    return float(low), float(high if colon else low)


def _meet(one: Alternatives, other: Alternatives) -> bool:
    """Whether one value can satisfy an alternative of each."""
    if not one.texts.isdisjoint(other.texts):
        return True
    if any(
        low <= top and bottom <= high for low, high in one.ranges for bottom, top in other.ranges
    ):
        return True
    if (one.not_texts or one.not_ranges) and (other.not_texts or other.not_ranges):
        return True
    return _leaves(one, other) or _leaves(other, one)


def _leaves(one: Alternatives, other: Alternatives) -> bool:
    """Whether something that `one` negates leaves a value of `other`."""
    if one.not_texts and (other.ranges or other.texts - one.not_texts):
        return True
    if other.texts and (len(one.not_texts) > 1 or one.not_ranges):
        return True
    return any(
        low < least or most < high for least, most in one.not_ranges for low, high in other.ranges
    )
