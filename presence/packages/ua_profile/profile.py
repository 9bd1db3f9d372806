"""Which profile a SUBSCRIBE names, and the documents it is (RFC 6080 §5.1.4, §6). Pure."""

from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import unquote

from presence.errors import BadRequest, NotFound
from sip.errors import ParseError
from sip.message import Request
from sip.uri import AoR, SipUri, aor_of, parse_uri

PROFILE_TYPE: Final = "profile-type"
_MARK: Final = f";{PROFILE_TYPE}="


class ProfileType(StrEnum):
    """profile-types of RFC 6080 §6.2.1."""

    LOCAL_NETWORK = "local-network"
    DEVICE = "device"
    USER = "user"


class Name(NamedTuple):
    """What profile it is."""

    type: ProfileType
    stem: str
    """`alice@example.com`, `urn:uuid:…` in lower case, or the domain of a local network."""


class Document(NamedTuple):
    """One form of a profile."""

    content_type: str
    """As it stands in the header, with parameters."""
    body: bytes

    @property
    def media_type(self) -> str:
        """The type without parameters."""
        return self.content_type.partition(";")[0]


Profile = tuple[Document, ...]
"""The forms in which there is one; none when there is no profile at all."""


def profile_type(request: Request) -> ProfileType:
    """The type that the Event header names. Raises BadRequest without one, and NotFound for one
    that we do not know (RFC 6080 §6.6)."""
    event = request.event
    assert event is not None, "find_package has read it"
    value = event.parameters.value(PROFILE_TYPE)
    if not value:
        raise BadRequest("the Event header needs a profile-type")
    try:
        return ProfileType(value.lower())
    except ValueError:
        raise NotFound from None


def resource_aor(request: Request, domains: frozenset[str]) -> AoR | None:
    """What stands for the profile in the store: None for that of a user, who is an AoR anyway.

    A device and a network are no users of ours, so their names have a mark that no AoR has.
    Raises NotFound for those of other domains, BadRequest for what is no device.
    """
    kind = profile_type(request)
    if kind is ProfileType.USER:
        return None
    uri = parse_uri(request.uri_text)
    if not isinstance(uri, SipUri) or uri.canonical_host not in domains:
        raise NotFound
    if kind is ProfileType.LOCAL_NETWORK:
        return AoR(f"sip:{uri.canonical_host}{_MARK}{kind.value}")
    device = unquote(uri.user or "").lower()
    if not device.startswith("urn:") or not device.isprintable():
        raise BadRequest("a device is named by a URN (RFC 6080 §5.1.4.2)")
    return AoR(f"sip:{device}@{uri.canonical_host}{_MARK}{kind.value}")


def user_aor(request: Request) -> AoR:
    """The user whose profile a SUBSCRIBE names. Raises NotFound."""
    try:
        return aor_of(request.uri_text)
    except ParseError:
        raise NotFound from None


def name_of(aor: str) -> Name:
    """The profile that the resource `aor` is."""
    address, _, kind = aor.partition(_MARK)
    stem = address.partition(":")[2]
    if kind == ProfileType.DEVICE:
        return Name(ProfileType.DEVICE, stem.rpartition("@")[0])
    if kind == ProfileType.LOCAL_NETWORK:
        return Name(ProfileType.LOCAL_NETWORK, stem)
    return Name(ProfileType.USER, stem)
