"""Refuse calls and registrations: by caller, by pattern, by network.

Put into presentity.toml, and change the tables below:

    [sip]
    routing = "examples/routing/block_list.py"

    kill -HUP PID-OF-THE-SERVER        # after each change; the log says whether it was taken

The file is asked after a sender was authenticated, so it is the place for people who may send
something, but not this. Keep away from the server at large what has no business there at all, with
a firewall: that costs less than any line of Python.
"""

import re
from ipaddress import ip_address, ip_network

from proxy.routing import Reject, RoutedRegister, RoutedRequest

BLOCKED_NETWORKS = tuple(
    ip_network(text)
    for text in (
        "203.0.113.0/24",
        "2001:db8:bad::/48",
    )
)
"""Nothing is taken from here: 403."""

BLOCKED_CALLERS = frozenset(
    {
        "sip:mallory@example.com",
        "sip:telemarketing@example.net",
    }
)
"""Callers, always as sip: and without port or parameters: 603, so that no other number of the
callee is tried either. Both who From names and who the sender was found to be are looked at: a user
may call as nobody, and is blocked all the same."""

BLOCKED_PATTERNS = tuple(
    re.compile(text)
    for text in (
        r"sip:\+?882[0-9]+@.*",  # satellite numbers
        r"sip:[0-9]{1,3}@(?!example\.com).*",  # somebody else's extensions
    )
)
"""Callers by pattern, matched against the whole of the same texts: 603."""

ANONYMOUS = re.compile(r"sip:anonymous@.*|.*[@:.]invalid", re.IGNORECASE)
ANONYMOUS_MAY_CALL = False
"""Whether calls without a caller (RFC 3323 §4.1.1.3) get through: else 433 (RFC 5079)."""

BLOCKED_PHONES = re.compile(r"friendly-scanner|sipvicious|sipcli", re.IGNORECASE)
"""User agents that may not register."""


def on_request(request: RoutedRequest) -> Reject | None:
    """Refuse what is blocked; all else goes on as ever."""
    if blocked_source(request.source[0]):
        return Reject(403)
    if blocked_caller(request.caller) or blocked_caller(request.identity.aor or ""):
        return Reject(603)
    if not ANONYMOUS_MAY_CALL and ANONYMOUS.fullmatch(request.caller):
        return Reject(433, "Anonymity Disallowed")
    return None


def on_register(register: RoutedRegister) -> Reject | None:
    """Refuse registrations from blocked networks and of blocked programs."""
    if blocked_source(register.source[0]):
        return Reject(403)
    if BLOCKED_PHONES.search(register.header("User-Agent") or ""):
        return Reject(403)
    return None


def blocked_caller(caller: str) -> bool:
    """Whether `caller` is in one of the tables."""
    return caller in BLOCKED_CALLERS or any(each.fullmatch(caller) for each in BLOCKED_PATTERNS)


def blocked_source(address: str) -> bool:
    """Whether `address` lies in a blocked network."""
    source = ip_address(address)
    return any(source in network for network in BLOCKED_NETWORKS)
