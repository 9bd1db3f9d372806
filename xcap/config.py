"""What the XCAP server is told by the settings; plain values."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

MAX_BODY: Final = 262_144


@dataclass(frozen=True, slots=True)
class DeclaredUsage:
    """An application usage of the operator's own, as the settings declare it."""

    auid: str
    namespace: str
    """The default one; the schema's target namespace."""
    media_type: str
    schema: str
    """The file of the schema."""
    root: str = ""
    """Local name of the root element; empty: any that the schema declares."""
    documents: tuple[str, ...] = ()
    """The only document names there may be; empty: any."""


@dataclass(frozen=True, slots=True)
class XcapConfig:
    """How documents are served, and to whom."""

    domains: tuple[str, ...]
    """SIP domains that are served, lower case; the first is that of an XUI without one."""

    root: str = "/xcap-root"
    """Path of the XCAP root, without a slash at its end (RFC 4825 §6.1)."""

    public_root: str = ""
    """Path of the XCAP root as clients know it, when a front end shows it under another."""

    authenticate: bool = True
    """Ask for credentials. Without, everybody is taken for the user whose tree they address."""

    trusted_peers: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks whose requests may assert the user."""

    trusted_users: frozenset[str] = frozenset()
    """AoRs that may read and write all documents (RFC 4825 §5.7)."""

    max_body: int = MAX_BODY
    """Octets of a request body; more is a 413."""

    compatibility: bool = False
    """Forgive what widespread clients get wrong: a media type that is missing or
    form-urlencoded, entity-tags without quotes, brackets and quotes that are not
    percent-encoded in the request line and in the digest about it."""

    cors_origins: tuple[str, ...] = ()
    """Web origins whose pages may use XCAP; "*" is all of them."""

    versions: int = 20
    """Kept of each document, by the store."""

    search: bool = True
    """Answer `org.openmobilealliance.search`."""

    public_icons: bool = False
    """Let anybody read pres-content, without credentials."""

    test_app: bool = False
    """Serve the AUID "test-app"."""

    declared: tuple[DeclaredUsage, ...] = ()
    """Application usages of the operator's own."""
