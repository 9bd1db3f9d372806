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
_TRUE: Final = "true"
_CACHED: Final = 4096
MAX_ALTERNATIVES: Final = 64
"""Values of one feature that are looked at; more are left out."""


class Term(NamedTuple):
    """One alternative of a feature: a token, a string or a range of numbers."""

    negated: bool
    text: str
    """A token in lower case, or a string as written with its angle brackets; "" for numbers."""
    low: float = 0.0
    high: float = 0.0


Features = Mapping[str, tuple[Term, ...]]
"""Feature tags, decoded and in lower case, each with its alternatives."""


@lru_cache(_CACHED)
def contact_features(parameters: str) -> Features:
    """The features among a contact's header parameters, without a leading `;`."""
    try:
        return features(Parameters.parse(f";{parameters}"))
    except ParseError:
        return {}


def features(parameters: Mapping[str, str | None]) -> Features:
    """The features among `parameters` (RFC 3841 §7.2.3, §8)."""
    found: dict[str, tuple[Term, ...]] = {}
    for name, value in parameters.items():
        if name in BASE_TAGS:
            found[_decoded(name)] = _terms(value)
    for name, value in parameters.items():
        if name.startswith("+") and len(name) > 1:
            found.setdefault(_decoded(name), _terms(value))
    return found


def matches(wanted: Features, offered: Features) -> bool:
    """Whether some value of each feature that both name satisfies both (RFC 3841 §7.2.4)."""
    return all(
        any(_compatible(one, other) for one in terms for other in offered[tag])
        for tag, terms in wanted.items()
        if tag in offered
    )


def score(wanted: Features, offered: Features) -> float:
    """The part of the features `wanted` that `offered` names at all, from 0 to 1."""
    return sum(tag in offered for tag in wanted) / len(wanted) if wanted else 1.0


def _decoded(name: str) -> str:
    if not name.startswith("+"):
        return name if name in _BARE_TAGS else f"sip.{name}"
    return name[1:].replace("!", ":").replace("'", "/")


def _terms(value: str | None) -> tuple[Term, ...]:
    if not value:
        return (Term(negated=False, text=_TRUE),)
    if value.startswith("<"):
        return (Term(negated=False, text=value),)
    return tuple(_term(text.strip()) for text in value.split(",")[:MAX_ALTERNATIVES])


def _term(text: str) -> Term:
    negated = text.startswith("!")
    plain = text.removeprefix("!")
    if plain.startswith("#"):
        try:
            return Term(negated, "", *_range(plain[1:]))
        except ValueError:
            return Term(negated, plain)
    return Term(negated, plain.lower())


def _range(text: str) -> tuple[float, float]:
    """Bounds of `=n`, `<=n`, `>=n` or `n:m`. Raises ValueError."""
    if text.startswith("<="):
        return -inf, float(text[2:])
    if text.startswith(">="):
        return float(text[2:]), inf
    if text.startswith("="):
        return float(text[1:]), float(text[1:])
    low, colon, high = text.partition(":")
    return float(low), float(high if colon else low)


def _compatible(one: Term, other: Term) -> bool:
    """Whether one value can satisfy both."""
    if one.negated and other.negated:
        return True
    if one.negated:
        one, other = other, one
    if other.negated:
        return not _within(one, other)
    if one.text or other.text:
        return one.text == other.text
    return one.low <= other.high and other.low <= one.high


def _within(one: Term, other: Term) -> bool:
    """Whether all that satisfies `one` satisfies `other`, were that not negated."""
    if one.text or other.text:
        return one.text == other.text
    return other.low <= one.low and one.high <= other.high
