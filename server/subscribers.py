"""Subscribers from what an operator types: AoR and password to digest hashes. Pure.

Only hashes are kept: HA1 in MD5 and SHA-256, of the user name alone and of the whole address,
the domain being the realm (RFC 7616 §3.4.2).
"""

from collections.abc import Collection, Iterable, Iterator

from server.addresses import check_domain
from server.errors import ServerError
from sip.authenticator import hashes_for
from sip.errors import ParseError
from sip.uri import AoR, SipUri, aor_of, parse_uri
from store.values import Credential


def parse_address(text: str) -> AoR:
    """`alice@example.com`, with or without `sip:`, as an AoR; ServerError otherwise."""
    try:
        aor = aor_of(text if text.startswith(("sip:", "sips:", "pres:")) else f"sip:{text}")
        uri = parse_uri(aor)
    except ParseError as error:
        raise ServerError(f"{text}: is not an address such as alice@example.com") from error
    if not isinstance(uri, SipUri) or not uri.user or not uri.host:
        raise ServerError(f"{text}: is not an address such as alice@example.com")
    return aor


def served(text: str, domains: Collection[str]) -> AoR:
    """The AoR of `text`; ServerError unless it is in one of `domains`."""
    aor = parse_address(text)
    domain = aor.rpartition("@")[2]
    if domain not in domains:
        raise ServerError(f"{text}: {domain} is not one of the domains ({', '.join(domains)})")
    return aor


def credential(aor: AoR, password: str) -> Credential:
    """The hashes of a subscriber, as the store keeps them."""
    made = hashes_for(aor, password)
    return Credential(aor, made.md5, made.sha256, made.md5_full, made.sha256_full)


def read_subscribers(lines: Iterable[str], domains: Collection[str]) -> Iterator[Credential]:
    """Lines of user, domain and password between tabs; ServerError names the line at fault.

    Empty lines and lines that begin with `#` are passed over.
    """
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        if not text.strip() or text.startswith("#"):
            continue
        fields = text.split("\t")
        if len(fields) != 3 or not all(fields):
            raise ServerError(f"line {number}: is not user<TAB>domain<TAB>password")
        user, domain, password = fields
        try:
            yield credential(served(f"{user}@{check_domain(domain)}", domains), password)
        except (ServerError, ValueError) as error:
            raise ServerError(f"line {number}: {error}") from error
