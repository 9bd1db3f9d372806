"""Who is behind a front end: X-Forwarded-For, of trusted peers only (XCP-14). Pure."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, Protocol

FORWARDED: Final = "X-Forwarded-For"
REMEMBERED: Final = 4096
"""Hops whose address is kept."""


class Headers(Protocol):
    """Header fields by name, whatever its case."""

    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]: ...


def client_address(headers: Headers, peer: str, trusts: Callable[[str], bool]) -> str:
    """The numeric address that a request came from.

    Each front end adds at the end whom it got the request from, so the list is read from
    there, as far as those who wrote it are trusted; what is no address ends it.
    """
    lines = headers.getall(FORWARDED, ()) if trusts(peer) else ()
    if not lines:
        return peer
    address = peer
    for hop in reversed(",".join(lines).split(",")):
        known = numeric(hop)
        if known is None:
            return address
        address = known
        if not trusts(address):
            return address
    return address


@lru_cache(REMEMBERED)
def numeric(hop: str) -> str | None:
    """The address of one hop, which may have a port or brackets; None for anything else."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return None
