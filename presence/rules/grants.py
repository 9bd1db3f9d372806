"""The permissions that one rule grants, read from its actions and transformations (RFC 5025 §3).

Pure. A permission that nobody here knows grants nothing (§8); one that is written twice in a
rule is combined as if two rules had it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lxml import etree

from presence.policy import SubHandling
from presence.rules.names import GOVERNED, KNOWN, OMA_RULES, RULES
from presence.rules.permissions import ALL, Member, MemberKind, Members, Permissions, UserInput
from presence.rules.uris import any_uri_key, service_key

SUB_HANDLING: Final = f"{{{RULES}}}sub-handling"
SERVICES: Final = f"{{{RULES}}}provide-services"
PERSONS: Final = f"{{{RULES}}}provide-persons"
DEVICES: Final = f"{{{RULES}}}provide-devices"
PROVIDE_USER_INPUT: Final = f"{{{RULES}}}provide-user-input"
UNKNOWN_ATTRIBUTE: Final = f"{{{RULES}}}provide-unknown-attribute"
ALL_ATTRIBUTES: Final = f"{{{RULES}}}provide-all-attributes"

TRUE: Final = frozenset({"true", "1", "full"})
"""xs:boolean, and what OMA calls a location that is shown as it is."""

_BY_TEXT: Final[Mapping[str, MemberKind]] = {
    f"{{{RULES}}}class": MemberKind.CLASS,
    f"{{{RULES}}}occurrence-id": MemberKind.OCCURRENCE_ID,
    f"{{{RULES}}}service-uri-scheme": MemberKind.SERVICE_URI_SCHEME,
    f"{{{OMA_RULES}}}service-id": MemberKind.SERVICE_ID,
}
_ALL_OF: Final[Mapping[str, str]] = {
    SERVICES: f"{{{RULES}}}all-services",
    PERSONS: f"{{{RULES}}}all-persons",
    DEVICES: f"{{{RULES}}}all-devices",
}

HANDLINGS: Final = (
    SubHandling.BLOCK,
    SubHandling.CONFIRM,
    SubHandling.POLITE_BLOCK,
    SubHandling.ALLOW,
)
"""From the least to the most that a watcher is told (§3.2.1)."""
_BY_NAME: Final = {handling.value: place for place, handling in enumerate(HANDLINGS)}


def highest(places: Iterable[int]) -> SubHandling:
    """The handling at the highest of `places` in HANDLINGS; block for none."""
    return HANDLINGS[max(places, default=0)]


def handling_of(actions: etree._Element | None) -> int:
    """The place in HANDLINGS of what the sub-handling of a rule says; the lowest for nothing."""
    if actions is None:
        return 0
    said = (token(element) for element in actions.iterchildren(SUB_HANDLING))
    return max((_BY_NAME.get(name, 0) for name in said), default=0)


def permissions_of(transformations: etree._Element | None) -> Permissions:
    """What the transformations of a rule grant."""
    if transformations is None:
        return Permissions()
    return Permissions(
        services=_members(transformations, SERVICES),
        persons=_members(transformations, PERSONS),
        devices=_members(transformations, DEVICES),
        attributes=frozenset(_attributes(transformations)),
        user_input=_user_input(transformations),
        all_attributes=transformations.find(ALL_ATTRIBUTES) is not None,
    ).normal()


def token(element: etree._Element) -> str:
    """The text of `element` as xs:token reads it."""
    return " ".join((element.text or "").split())


def _members(transformations: etree._Element, tag: str) -> Members:
    return frozenset(
        member
        for one in transformations.iterchildren(tag)
        for child in one
        for member in _member(child, _ALL_OF[tag])
    )


def _member(element: etree._Element, all_of: str) -> Iterator[Member]:
    """What one child of a set stands for; nothing for an extension."""
    tag, text = element.tag, token(element)
    if tag == all_of:
        yield ALL
    elif tag in _BY_TEXT:
        yield Member(_BY_TEXT[tag], text)
    elif tag == f"{{{RULES}}}deviceID":
        yield Member(MemberKind.DEVICE_ID, any_uri_key(text))
    elif tag == f"{{{RULES}}}service-uri":
        bare, rest = service_key(text)
        yield Member(MemberKind.SERVICE_URI, bare + rest)
        if rest:
            yield Member(MemberKind.BARE_SERVICE_URI, bare)


def _attributes(transformations: etree._Element) -> Iterator[str]:
    """The names of the elements that are shown by permissions of their own, or as unknown."""
    for element in transformations:
        tag = element.tag
        if token(element) not in TRUE:
            continue
        if tag in GOVERNED:
            yield from GOVERNED[tag]
        elif tag == UNKNOWN_ATTRIBUTE:
            name = f"{{{element.get('ns')}}}{element.get('name')}"
            if name not in KNOWN:
                yield name


def _user_input(transformations: etree._Element) -> UserInput:
    said = (token(element).upper() for element in transformations.iterchildren(PROVIDE_USER_INPUT))
    return max(
        (UserInput[name] for name in said if name in UserInput.__members__), default=UserInput.FALSE
    )
