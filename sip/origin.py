"""Who an address counts as, when requests or failures are counted. Pure.

Clients of IPv6 choose their addresses freely within a network of 64 bits, so that network
counts as one.
"""

import ipaddress
from typing import Final

IPV6_SITE: Final = 64
"""Bits of an IPv6 address that name an origin."""


def origin_of(address: str) -> str:
    """What a numeric `address` is counted under: itself, or its IPv6 network."""
    if ":" not in address:
        return address
    parsed = ipaddress.IPv6Address(address.partition("%")[0])
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, IPV6_SITE), strict=False).network_address)
