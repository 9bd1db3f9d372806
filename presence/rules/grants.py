"""The permissions that one rule grants, read from its actions and transformations (RFC 5025 §3).

Pure. A permission that nobody here knows grants nothing (§8); one that is written twice in a
rule is combined as if two rules had it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lxml import etree

from presence.policy.policy import SubHandling
from presence.rules.names import DIALOG_RULES, GOVERNED, KNOWN, OMA_RULES, RULES
from presence.rules.permissions import (
    ALL,
    NOTHING,
    Member,
    MemberKind,
    Name,
    Permissions,
    UserInput,
)
from presence.rules.uris import any_uri_key, service_key

PRESENCE_HANDLING: Final = f"{{{RULES}}}sub-handling"
DIALOG_HANDLING: Final = f"{{{DIALOG_RULES}}}sub-handling"
"""The same for who may watch a user's calls, in documents of AG Projects' clients."""
SERVICES: Final = f"{{{RULES}}}provide-services"
PERSONS: Final = f"{{{RULES}}}provide-persons"
DEVICES: Final = f"{{{RULES}}}provide-devices"
PROVIDE_USER_INPUT: Final = f"{{{RULES}}}provide-user-input"
UNKNOWN_ATTRIBUTE: Final = f"{{{RULES}}}provide-unknown-attribute"
ALL_ATTRIBUTES: Final = f"{{{RULES}}}provide-all-attributes"

TRUE: Final = frozenset({"true", "1", "full"})
"""xs:boolean, and what OMA calls a location that is shown as it is."""

_ALL_OF: Final = frozenset(f"{{{RULES}}}all-{kind}" for kind in ("services", "persons", "devices"))
_BY_TEXT: Final[Mapping[str, MemberKind]] = {
    f"{{{RULES}}}class": MemberKind.CLASS,
    f"{{{RULES}}}occurrence-id": MemberKind.OCCURRENCE_ID,
    f"{{{RULES}}}service-uri-scheme": MemberKind.SERVICE_URI_SCHEME,
    f"{{{OMA_RULES}}}service-id": MemberKind.SERVICE_ID,
}
_DEVICE_ID: Final = f"{{{RULES}}}deviceID"
_SERVICE_URI: Final = f"{{{RULES}}}service-uri"

HANDLINGS: Final = (
    SubHandling.BLOCK,
    SubHandling.CONFIRM,
    SubHandling.POLITE_BLOCK,
    SubHandling.ALLOW,
)
"""From the least to the most that a watcher is told (§3.2.1)."""
_PLACES: Final = {handling.value: place for place, handling in enumerate(HANDLINGS)}
_LEVELS: Final = {level.name.lower(): level for level in UserInput}


def highest(places: Iterable[int]) -> SubHandling:
    """The handling at the highest of `places` in HANDLINGS; block for none."""
    return HANDLINGS[max(places, default=0)]


def handling_of(actions: etree._Element | None, action: str) -> int:
    """The place in HANDLINGS of what `action` says, a qualified name; the lowest for nothing."""
    if actions is None:
        return 0
    said = (token(element) for element in actions.iterchildren(action))
    return max((_PLACES.get(name, 0) for name in said), default=0)


def permissions_of(transformations: etree._Element | None) -> Permissions:
    """What the transformations of a rule grant."""
    if transformations is None:
        return NOTHING
    sets: dict[str, set[Member]] = {SERVICES: set(), PERSONS: set(), DEVICES: set()}
    attributes: set[Name] = set()
    user_input = UserInput.FALSE
    all_attributes = False
    for element in transformations:
        tag = element.tag
        if tag in sets:
            sets[tag].update(member for child in element for member in _member(child))
        elif tag == PROVIDE_USER_INPUT:
            user_input = max(user_input, _LEVELS.get(token(element), UserInput.FALSE))
        elif tag == ALL_ATTRIBUTES:
            all_attributes = True
        else:
            attributes |= _attributes(element)
    return Permissions(
        services=frozenset(sets[SERVICES]),
        persons=frozenset(sets[PERSONS]),
        devices=frozenset(sets[DEVICES]),
        attributes=frozenset(attributes),
        user_input=user_input,
        all_attributes=all_attributes,
    ).normal()


def token(element: etree._Element) -> str:
    """The text of `element` as xs:token reads it."""
    return " ".join((element.text or "").split())


def _member(element: etree._Element) -> Iterator[Member]:
    """What one child of a set stands for; nothing for an extension."""
    tag, text = element.tag, token(element)
    if tag in _ALL_OF:
        yield ALL
    elif tag in _BY_TEXT:
        yield Member(_BY_TEXT[tag], text)
    elif tag == _DEVICE_ID:
        yield Member(MemberKind.DEVICE_ID, any_uri_key(text))
    elif tag == _SERVICE_URI:
        bare, rest = service_key(text)
        yield Member(MemberKind.SERVICE_URI, bare + rest)
        if rest:
            yield Member(MemberKind.BARE_SERVICE_URI, bare)


def _attributes(element: etree._Element) -> frozenset[Name]:
    """The elements that permission `element` shows, known or unknown."""
    if token(element) not in TRUE:
        return frozenset()
    if element.tag == UNKNOWN_ATTRIBUTE:
        return frozenset({f"{{{element.get('ns')}}}{element.get('name')}"}) - KNOWN
    return GOVERNED.get(str(element.tag), frozenset())
