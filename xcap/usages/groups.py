"""Groups that talk together (OMA Group XDM; 3GPP TS 24.481). Pure.

The URI of a group is claimed as that of a list service is: nobody else on the server
has it. Push-to-talk servers keep groups of the domain in the global tree, in a directory.
"""

from typing import Final

from lxml import etree

from xcap.claims import check_differ
from xcap.uniqueness import check_unique
from xcap.usage import Claim, Place, Usage

NAMESPACE: Final = "urn:oma:xml:poc:list-service"

LIST_SERVICE: Final = f"{{{NAMESPACE}}}list-service"
KEYS: Final = {f"{{{NAMESPACE}}}entry": "uri", f"{{{NAMESPACE}}}external": "anchor"}
"""The attribute that must be unique among siblings of the same name."""
BY_GROUP_ID: Final = "byGroupID"
"""The directory of the global tree where TS 24.481 keeps the groups of a domain."""


def check(root: etree._Element, place: Place) -> None:
    """Refuse two groups of one URI, and a member that is in a list twice."""
    check_differ(claims(root))
    check_unique(root, KEYS, default_namespace=NAMESPACE, prefixes={})


def claims(root: etree._Element) -> tuple[Claim, ...]:
    """The URIs of the groups, which nobody else on the server may have."""
    return tuple(
        Claim.of(service, f"group/list-service%5B{position}%5D/@uri")
        for position, service in enumerate(root.iterchildren(LIST_SERVICE), start=1)
    )


USAGE: Final = Usage(
    auid="org.openmobilealliance.groups",
    media_type="application/vnd.oma.poc.groups+xml",
    default_namespace=NAMESPACE,
    schema="list-service",
    root=f"{{{NAMESPACE}}}group",
    check=check,
    claims=claims,
    directories=frozenset({BY_GROUP_ID}),
)
