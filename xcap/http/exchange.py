"""Requests and answers of what is served beside XCAP documents, as values. Pure.

The HTTP shell knows who asks, has read the body and decided what is allowed before it
hands a `Call` to the `View` whose prefix the target has.
"""

from typing import NamedTuple, Protocol

from sip.authenticator import Identity
from xcap.conditions import Conditions


class Call(NamedTuple):
    """A request to a view."""

    method: str
    """Never HEAD: that is a GET here."""
    target: str
    """Path and query as received."""
    identity: Identity
    conditions: Conditions
    content_type: str
    body: bytes
    source: str
    """Numeric address of the client."""


class Reply(NamedTuple):
    """The answer to a call."""

    status: int
    content_type: str = ""
    body: bytes = b""
    etag: str | None = None
    """Without quotes, as in the store."""
    location: str = ""
    """URI of what was made."""


class View(Protocol):
    """Something that is served below a path of its own."""

    @property
    def prefix(self) -> str:
        """Path that its targets begin with, with a slash at its end."""

    def allowed(self, target: str) -> tuple[str, ...]:
        """The methods that `target` knows. Raises NotFound."""

    def xui(self, target: str) -> str:
        """Whose documents `target` is about; empty when they are nobody's."""

    async def answer(self, call: Call) -> Reply:
        """Do what `call` asks. Raises an XcapError."""
