"""Whom a certificate names, as SIP reads it (RFC 5922 §7.1, §7.2).

Pure: works on the alternative names and the common name of a certificate whose chain somebody
else has verified. Deviation: a server reached by its address is authenticated by an iPAddress
of its certificate, of which the RFC says nothing; for a phone there is often no other name.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from sip.errors import ParseError
from sip.locate import numeric
from sip.uri import AoR, SipUri

_DNS_NAME: Final = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.?)+")

Name = TypeVar("Name", bound=str)
AlternativeName = tuple[str, str]
"""Kind and value as the `ssl` module has them: ("DNS", …), ("URI", …), ("IP Address", …)."""


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """The identities of a peer whose certificate was verified."""

    domains: tuple[str, ...] = ()
    """In lower case, without a final dot; a wildcard stands for nothing but itself."""
    users: tuple[AoR, ...] = ()
    """Of the URIs with a user part: these name a person, never a domain."""
    addresses: tuple[str, ...] = ()
    """IP addresses in their shortest form."""

    def names(self, host: str) -> bool:
        """Whether it speaks for `host`, a domain or a numeric address (§7.2, §7.3)."""
        address = numeric(host)
        return _normal(host) in self.domains if address is None else address in self.addresses


def peer_certificate(
    alternative_names: Iterable[AlternativeName], common_names: Iterable[str] = ()
) -> PeerCertificate:
    """The identities of one certificate.

    DNS names count only when no URI names a domain (§7.1 step 1), common names only when
    there are no alternative names at all (step 2).
    """
    names = tuple(alternative_names)
    uris = [uri for kind, value in names if kind == "URI" if (uri := _sip_uri(value)) is not None]
    domains = [uri.host for uri in uris if uri.user is None]
    if not domains:
        domains = [value for kind, value in names if kind == "DNS"]
    if not names:
        domains = [name for name in common_names if _DNS_NAME.fullmatch(name)]
    return PeerCertificate(
        domains=_unique(_normal(domain) for domain in domains),
        users=_unique(uri.aor for uri in uris if uri.user is not None),
        addresses=_unique(
            address
            for kind, value in names
            if kind == "IP Address" and (address := numeric(value)) is not None
        ),
    )


def _sip_uri(text: str) -> SipUri | None:
    """A URI of the scheme sip, which alone is looked at (§7.1)."""
    try:
        uri = SipUri.parse(text)
    except ParseError:
        return None
    return uri if uri.scheme == "sip" else None


def _normal(name: str) -> str:
    """`name` as names are compared: whatever its case (RFC 4343), without the root's dot."""
    return name.strip().rstrip(".").lower()


def _unique(values: Iterable[Name]) -> tuple[Name, ...]:
    return tuple(dict.fromkeys(values))
