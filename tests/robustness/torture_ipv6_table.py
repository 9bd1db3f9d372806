"""What the server may answer to each message of RFC 5118, as data; see `torture_table`.

`asked` is for a server that serves example.com alone and asks for credentials, `trusted` for one
that believes who sends and serves every domain and address that the messages name.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tests.processes import ROOT
from tests.robustness.torture_table import HANDLED, one_of

IPV6_FILES: Final = ROOT / "tests" / "sip" / "torture_ipv6"
SUCCESS: Final = frozenset(range(200, 300))
REFUSED: Final = HANDLED - SUCCESS
NOT_HERE: Final = one_of(404, 480)
REGISTERED: Final = one_of(200, 404)
"""To is in another domain than the Request-URI: 404 is right, too (RFC 3261 §10.3 step 5)."""
NO_DIALOG: Final = one_of(404, 405, 480, 481, 501)
DOMAINS: Final = (
    *("example.net", "host.example.net", "2001:db8::10", "2001:db8::10:5070"),
    "2001:db8::192.0.2.1",
)
"""Served by the server that trusts, so that nothing is relayed to them."""


class Ipv6Row(NamedTuple):
    """The final answers that are right."""

    asked: frozenset[int]
    trusted: frozenset[int]


IPV6_TORTURE: Final[Mapping[str, Ipv6Row]] = {
    "ipv6-good": Ipv6Row(REFUSED, REGISTERED),  # §4.1
    "ipv6-bad": Ipv6Row(one_of(400), one_of(400)),  # §4.2
    "port-ambiguous": Ipv6Row(REFUSED, REGISTERED),  # §4.3: the address is another, but it is one
    "port-unambiguous": Ipv6Row(REFUSED, REGISTERED),  # §4.4
    "via-received-param-with-delim": Ipv6Row(REFUSED, NO_DIALOG),  # §4.5: to be read all the same
    "via-received-param-no-delim": Ipv6Row(REFUSED, SUCCESS),
    "ipv6-in-sdp": Ipv6Row(REFUSED, NOT_HERE),  # §4.6
    "mult-ip-in-header": Ipv6Row(REFUSED, NO_DIALOG),  # §4.7
    "mult-ip-in-sdp": Ipv6Row(REFUSED, NOT_HERE),  # §4.8
    "ipv4-mapped-ipv6": Ipv6Row(REFUSED, NOT_HERE),  # §4.9
    "ipv6-bug-abnf-3-colons": Ipv6Row(REFUSED, NOT_HERE),  # §4.10: as the next one
    "ipv6-correct-abnf-2-colons": Ipv6Row(REFUSED, NOT_HERE),
}
