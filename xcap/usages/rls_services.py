"""Services that lists offer (RFC 4826 §4). Pure."""

import re
from typing import Final

from lxml import etree

from xcap.claims import check_differ
from xcap.errors import ConstraintFailure, XcapError
from xcap.uri import Tree, XcapUri, owner_of, parse
from xcap.usage import Claim, Place, Usage
from xcap.usages.resource_lists import check_lists
from xcap.usages.rls_index import AUID, NAMESPACE, ROOT, SERVICE, compute, computes

RESOURCE_LIST: Final = f"{{{NAMESPACE}}}resource-list"
LIST: Final = f"{{{NAMESPACE}}}list"
LISTS_AUID: Final = "resource-lists"

ABSOLUTE: Final = re.compile(r"https?://[^/?#]+(/[^?#]*)", re.IGNORECASE)


def check(root: etree._Element, place: Place) -> None:
    """Apply the constraints of RFC 4826 §4.4.5 that concern this document alone."""
    check_differ(claims(root))
    for reference in root.iter(RESOURCE_LIST):
        _check_reference((reference.text or "").strip(), place)
    for inline in root.iter(LIST):
        check_lists(inline, NAMESPACE)


def claims(root: etree._Element) -> tuple[Claim, ...]:
    """The URIs of the services, which nobody else on the server may have."""
    return tuple(
        Claim.of(service, f"rls-services/service%5B{position}%5D/@uri")
        for position, service in enumerate(root.iterchildren(SERVICE), start=1)
    )


def _check_reference(uri: str, place: Place) -> None:
    """Refuse a resource-list that is not an element of the user's own lists (§4.1).

    A server has many names, so the host is not compared.
    """
    absolute = ABSOLUTE.match(uri)
    if absolute is None:
        raise ConstraintFailure(f"a resource-list must be an absolute HTTP URI: {uri}")
    named = _below_root(absolute[1], place)
    if named is None or (named.auid, named.tree) != (LISTS_AUID, Tree.USERS):
        raise ConstraintFailure(
            f"a resource-list must be in {LISTS_AUID}/users below the XCAP root: {uri}"
        )
    if not named.node_selector:
        raise ConstraintFailure(f"a resource-list must select an element of a document: {uri}")
    if place.tree is Tree.USERS and not _is_owner(named.xui, place):
        raise ConstraintFailure(f"a resource-list must be one of the same user: {uri}")


def _below_root(path: str, place: Place) -> XcapUri | None:
    """What `path` names below the XCAP root, as we know it or as clients do.

    It is read as a request for it would be, so that no dot segments lead elsewhere.
    """
    for root in dict.fromkeys((place.public_root or place.root, place.root)):
        try:
            return parse(path, root)
        except XcapError:
            continue
    return None


def _is_owner(xui: str, place: Place) -> bool:
    try:
        return owner_of(xui, place.default_domain) == place.owner
    except XcapError:
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
