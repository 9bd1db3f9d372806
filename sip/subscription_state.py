"""Subscription-State (RFC 6665 §4.1.3, §8.2.3). Pure; durations in seconds."""

from dataclasses import dataclass, field
from typing import Final, Self

from sip.errors import ParseError
from sip.grammar import is_token, parse_delta
from sip.parameters import NO_PARAMETERS, Parameters

_KNOWN: Final = ("expires", "reason", "retry-after")


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """The state a NOTIFY tells; unknown states and reasons are kept as they are."""

    state: str
    """In lower case: "active", "pending", "terminated"."""
    expires: int | None = None
    reason: str | None = None
    retry_after: int | None = None
    parameters: Parameters = field(default=NO_PARAMETERS)
    """The other parameters."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one value; ParseError when it is none."""
        state, semicolon, rest = text.partition(";")
        state = state.strip(" \t")
        if not is_token(state):
            raise ParseError("Subscription-State", text)
        parameters = Parameters.parse(semicolon + rest)
        return cls(
            state.lower(),
            _delta(parameters, "expires"),
            parameters.value("reason"),
            _delta(parameters, "retry-after"),
            Parameters({key: value for key, value in parameters.items() if key not in _KNOWN}),
        )

    def __str__(self) -> str:
        written = self.state
        if self.reason is not None:
            written += f";reason={self.reason}"
        if self.expires is not None:
            written += f";expires={self.expires}"
        if self.retry_after is not None:
            written += f";retry-after={self.retry_after}"
        return f"{written}{self.parameters}"


def _delta(parameters: Parameters, name: str) -> int | None:
    value = parameters.value(name)
    return None if value is None else parse_delta(name, value)
