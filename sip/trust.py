"""Peers whose requests are taken as authenticated (RFC 3325 §4, §9.1).

Pure. A peer is known by the network it is in or by the domain its certificate names
(RFC 5922 §7.4).
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from sip.address import NameAddr
from sip.certificates import PeerCertificate
from sip.errors import ParseError
from sip.message import Request
from sip.uri import AoR

REMEMBERED_ADDRESSES: Final = 4096
_ANONYMOUS_HOST: Final = "@anonymous.invalid"


class TrustedPeers:
    """Networks and names of trusted peers; answers are remembered per address, boundedly."""

    __slots__ = ("_answers", "_names", "_networks")

    def __init__(
        self, networks: Sequence[IPv4Network | IPv6Network], names: Iterable[str] = ()
    ) -> None:
        """`names` are domains whose certificates' holders are trusted."""
        self._networks = tuple(networks)
        self._names = frozenset(name.lower() for name in names)
        self._answers: dict[str, bool] = {}

    def trusts_peer(self, ip: str, certificate: PeerCertificate | None) -> bool:
        """Whether the peer at `ip`, who showed the verified `certificate`, is trusted."""
        if certificate is not None and not self._names.isdisjoint(certificate.domains):
            return True
        return self.trusts(ip)

    def trusts(self, ip: str) -> bool:
        """Whether the numeric address `ip` (no brackets) lies in one of the networks."""
        answer = self._answers.get(ip)
        if answer is None:
            if len(self._answers) >= REMEMBERED_ADDRESSES:
                self._answers.clear()
            answer = self._answers[ip] = self._look_up(ip)
        return answer

    def _look_up(self, ip: str) -> bool:
        try:
            address = ip_address(ip)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)


def asserted_identity(request: Request) -> AoR | None:
    """Who a trusted peer says sent `request`: P-Asserted-Identity, else From.

    None for an anonymous sender. The first asserted value that has an address-of-record counts
    (a second one may be a tel: URI, RFC 3325 §9.1). Raises ParseError for a malformed From.
    """
    for value in request.values("p-asserted-identity"):
        try:
            return NameAddr.parse(value).aor
        except ParseError:
            continue
    aor = request.from_.aor
    return None if aor.endswith(_ANONYMOUS_HOST) else aor
