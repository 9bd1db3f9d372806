"""Send calls to telephone numbers to a trunk, by prefix.

Put into presentity.toml, and change the tables below to your own numbers and carriers:

    [sip]
    routing = "examples/routing/prefix_to_trunk.py"
    trusted_peers = ["198.51.100.0/24"]     # the trunks; see the last paragraph

A user dials a number as people write it: "030 123-456", "0049 30 123456" or "+4930123456". The
number is brought into one form, +4930123456, and goes to the trunk with the longest prefix that
fits. When that one fails with an error (not when the callee is busy or declines for good), the
next trunk of the same line is tried. What is no number, such as "alice", and what is too short,
such as the extension "201", goes on as ever, to the registered phones; a number of one of our users
goes to that user, whoever calls.

A user may also write the host of a trunk behind the number. That is judged and sent as if the
number had been dialled alone, so nobody gets past the tables by it, and a barred number is barred
at every host. List further names and addresses of your trunks in TRUNKS_TOO.

Only who has shown credentials may call out: what a trunk brings is for our users, and does not go
out again by another trunk. Say so below when other trusted peers, such as a PBX, are to call out.

The trunk is told the caller's own number in P-Asserted-Identity (RFC 3325), whatever the phone
itself claims. A trunk that is no trusted peer is told only when the caller wants no privacy.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from proxy.routing import Reject, Relay, RoutedRequest

OUR_DOMAIN = "example.com"

COUNTRY = "+49"
"""Stands for the 0 in front of a national number."""

SHORTEST = 5
"""Digits of the shortest number; what is shorter is an extension of ours."""

EMERGENCY = frozenset({"110", "112"})
"""Go out just as they were dialled, to the first trunk of "+"."""

TRUNKS: Mapping[str, tuple[str, ...]] = {
    "+": ("carrier-a.example.net", "carrier-b.example.net:5080"),
    "+49": ("national.example.net", "carrier-a.example.net"),
    "+4989": ("munich.example.net;transport=tls",),
}
"""Hosts by prefix, the longest prefix that fits wins; they are tried in this order."""

TRUNKS_TOO = frozenset({"198.51.100.7", "sbc1.carrier-a.example.net"})
"""Other names and addresses of the same hosts: those that their DNS entries lead to."""

BARRED = ("+49900", "+49137", "+882", "+0")
"""Prefixes that nobody may call, at whatever host: premium rates, satellite telephones, and what is
no country."""

MAIN_NUMBER = "+4930123450"
NUMBERS: Mapping[str, str] = {
    "sip:alice@example.com": "+4930123451",
    "sip:bob@example.com": "+4930123452",
}
"""Who calls out under a number of its own; all others show the main number."""

USERS = {number: aor for aor, number in NUMBERS.items()} | {MAIN_NUMBER: "sip:alice@example.com"}
"""Who is called by which number."""

PEERS_MAY_CALL_OUT = False
"""Whether trusted peers may: all that are in sip.trusted_peers, the trunks as well."""

_TRUNK_HOSTS = TRUNKS_TOO.union(
    re.split("[:;]", host)[0] for hosts in TRUNKS.values() for host in hosts
)
_DIALLED = re.compile(r"\+?[0-9]+")
_SEPARATORS = str.maketrans("", "", " -.()/")


def on_request(request: RoutedRequest) -> Relay | Reject | None:
    """Calls and text messages to numbers go out by a trunk; all else goes on as ever."""
    if request.method not in ("INVITE", "MESSAGE"):
        return None
    number = normalised(request.user)
    if number is not None and number.startswith(BARRED):
        return Reject(403, "Barred Number")
    if request.host in _TRUNK_HOSTS and number is None:
        return Reject(403, "Numbers Only")
    if number is None or (request.host != OUR_DOMAIN and request.host not in _TRUNK_HOSTS):
        return None
    if number in USERS:
        return Relay(USERS[number])
    if request.identity.aor is None:
        return Reject(403, "Say Who You Are")
    if request.identity.how == "asserted" and not PEERS_MAY_CALL_OUT:
        return Reject(403, "No Transit")
    own_number = NUMBERS.get(request.identity.aor, MAIN_NUMBER)
    request.set_header("P-Asserted-Identity", f"<sip:{own_number}@{OUR_DOMAIN};user=phone>")
    request.remove_header("P-Preferred-Identity")
    return Relay(*(f"sip:{number}@{host}" for host in trunks(number)), serial=True)


def normalised(user: str) -> str | None:
    """The number that `user`, the user part of a URI, stands for; None when it is none.

    >>> normalised("030%20123-456")
    '+4930123456'
    >>> normalised("+49 (0)30 123456"), normalised("0049030123456")
    ('+4930123456', '+4930123456')
    >>> normalised("alice") is None
    True
    """
    dialled = unquote(user.partition(";")[0]).translate(_SEPARATORS)
    if dialled in EMERGENCY:
        return dialled
    if not _DIALLED.fullmatch(dialled) or len(dialled) < SHORTEST:
        return None
    if not dialled.startswith(("+", "00")):
        return f"{COUNTRY}{dialled.removeprefix('0')}"
    number = f"+{dialled.removeprefix('00').removeprefix('+')}"
    if number.startswith(COUNTRY):  # as in +49 (0)30, whose 0 nobody dials from abroad
        return f"{COUNTRY}{number.removeprefix(COUNTRY).lstrip('0')}"
    return number


def trunks(number: str) -> tuple[str, ...]:
    """The hosts for `number`, by its longest prefix in the table."""
    fitting = [prefix for prefix in TRUNKS if number.startswith(prefix)]
    return TRUNKS[max(fitting, key=len, default="+")]
