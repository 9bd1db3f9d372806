"""Where a message may be sent to, and who finds that out (RFC 3263). Contract, no behaviour."""

from collections.abc import Sequence
from typing import Protocol

from sip.locate import Target as Target
from sip.uri import SipUri


class Resolver(Protocol):
    """Finds servers (RFC 3263 §4, §5). Numeric hosts never wait: see `locate_numeric`."""

    async def locate(
        self, uri: SipUri, *, transports: Sequence[str], size: int = 0
    ) -> Sequence[Target]:
        """Targets in the order to be tried (§4), never none; TransportError when there is none.

        `transports` are those we can send by, most preferred first; `size` is that of the
        request in octets, 0 when nobody knows.
        """

    async def locate_response(
        self, host: str, port: int | None, transport: str
    ) -> Sequence[Target]:
        """Where a response goes whose connection is gone (§5), from the sent-by of its Via."""

    def failed(self, target: Target) -> None:
        """Remember that `target` did not answer: for a short while it is tried last (§4.3)."""

    async def close(self) -> None:
        """End look-ups under way; its endpoint calls this when it stops."""
