"""What users tell of themselves (OMA Shared Profile XDM). Pure.

Deviation: OMA lets others read a profile as its owner permits; here it is the owner's,
and grants of the server say who else may.
"""

from typing import Final

from lxml import etree

from xcap.errors import ConstraintFailure, XcapError
from xcap.uri import Tree, owner_of
from xcap.usage import Place, Usage

NAMESPACE: Final = "urn:oma:xml:xdm:user-profile"
PROFILE: Final = f"{{{NAMESPACE}}}user-profile"


def check(root: etree._Element, place: Place) -> None:
    """Refuse a profile of somebody else than the user whose tree it is in."""
    if place.tree is Tree.GLOBAL:
        return
    for profile in root.iterchildren(PROFILE):
        if not _names_owner(profile.get("uri", ""), place):
            raise ConstraintFailure("Wrong User Profile URI")


def _names_owner(uri: str, place: Place) -> bool:
    try:
        return owner_of(uri, place.default_domain) == place.owner
    except XcapError:
        return False


USAGE: Final = Usage(
    auid="org.openmobilealliance.user-profile",
    media_type="application/vnd.oma.user-profile+xml",
    default_namespace=NAMESPACE,
    schema="user-profile",
    root=f"{{{NAMESPACE}}}user-profiles",
    check=check,
    documents=frozenset({"user-profile"}),
)
