"""Event (RFC 6665 §8.2.1): which package, and which of a dialog's subscriptions. Pure."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from sip.errors import ParseError
from sip.grammar import is_token
from sip.parameters import NO_PARAMETERS, Parameters

CACHED_EVENTS: Final = 256
CACHED_LENGTH: Final = 128


@dataclass(frozen=True, slots=True)
class EventHeader:
    """An event package, with the `id` that tells subscriptions of one dialog apart."""

    package: str
    """With its templates: "presence.winfo". Compared octet by octet (RFC 6665 §8.2.1)."""
    id: str | None = None
    parameters: Parameters = field(default=NO_PARAMETERS)
    """All of them, `id` too."""

    @classmethod
    def parse(cls, text: str) -> "EventHeader":
        """Read an Event (or Allow-Events item) value; ParseError when it is none."""
        return _cached(text) if len(text) <= CACHED_LENGTH else _parse(text)

    def __str__(self) -> str:
        return f"{self.package}{self.parameters}"


def _parse(text: str) -> EventHeader:
    package, semicolon, rest = text.partition(";")
    package = package.strip(" \t")
    if not is_token(package):
        raise ParseError("Event", text)
    parameters = Parameters.parse(semicolon + rest)
    return EventHeader(package, parameters.value("id"), parameters)


_cached = lru_cache(CACHED_EVENTS)(_parse)
