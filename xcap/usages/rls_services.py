"""Services that lists offer (RFC 4826 §4). Pure."""

import re
from typing import Final

from lxml import etree

from xcap.errors import ConstraintFailure, Exists, UniquenessFailure, XcapError
from xcap.rls_index import AUID, NAMESPACE, ROOT, SERVICE, compute, computes
from xcap.uri import SEPARATOR, Tree, decode, owner_of
from xcap.usage import Claim, Place, Usage
from xcap.usages.resource_lists import check_lists

RESOURCE_LIST: Final = f"{{{NAMESPACE}}}resource-list"
LIST: Final = f"{{{NAMESPACE}}}list"
LISTS_AUID: Final = "resource-lists"

ABSOLUTE: Final = re.compile(r"https?://[^/?#]+(/[^?#]*)", re.IGNORECASE)


def check(root: etree._Element, place: Place) -> None:
    """Apply the constraints of RFC 4826 §4.4.5 that concern this document alone."""
    claimed: set[str] = set()
    for claim in claims(root):
        if claim.uri in claimed:
            raise UniquenessFailure("the URIs of services must differ", (Exists(claim.field),))
        claimed.add(claim.uri)
    for reference in root.iter(RESOURCE_LIST):
        _check_reference((reference.text or "").strip(), place)
    for inline in root.iter(LIST):
        check_lists(inline, NAMESPACE)


def claims(root: etree._Element) -> tuple[Claim, ...]:
    """The URIs of the services, which nobody else on the server may have."""
    return tuple(
        Claim(service.get("uri", ""), f"rls-services/service%5B{position}%5D/@uri")
        for position, service in enumerate(root.iterchildren(SERVICE), start=1)
    )


def _check_reference(uri: str, place: Place) -> None:
    """Refuse a resource-list that is not an absolute URI into the user's own lists.

    The root may be any: a front end may show ours under another host and path.
    """
    absolute = ABSOLUTE.match(uri)
    if absolute is None:
        raise ConstraintFailure(f"a resource-list must be an absolute HTTP URI: {uri}")
    segments = absolute[1].split("/")
    if SEPARATOR in segments:
        segments = segments[: segments.index(SEPARATOR)]
    if LISTS_AUID not in segments:
        raise ConstraintFailure(f"a resource-list must point to a resource-lists document: {uri}")
    if place.tree is Tree.USERS and not _is_below(segments, place):
        raise ConstraintFailure(f"a resource-list must be one of the same user: {uri}")


def _is_below(segments: list[str], place: Place) -> bool:
    """Whether the path leads into the resource-lists of the owner of the place."""
    match segments[segments.index(LISTS_AUID) + 1 :]:
        case [Tree.USERS, xui, _, *_]:
            try:
                return owner_of(decode(xui), place.default_domain) == place.owner
            except XcapError:
                return False
        case _:
            return False


USAGE: Final = Usage(
    auid=AUID,
    media_type="application/rls-services+xml",
    default_namespace=NAMESPACE,
    schema="rls-services",
    root=ROOT,
    check=check,
    claims=claims,
    private_global=True,
    computes=computes,
    compute=compute,
)
