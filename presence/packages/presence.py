"""The `presence` package (RFC 3856 §6): documents are PIDF (RFC 3863). Pure."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal, Protocol

from presence.document.composition import Policy, composer, union
from presence.document.pidf import CONTENT_TYPE, PRESENCE
from presence.errors import BadBody, Forbidden
from presence.package import EventPackage, PackageState, Provided
from presence.packages.xml_body import read_body
from presence.rules.permissions import Permissions
from presence.rules.transform import transform
from presence.view import View
from sip.errors import ParseError
from sip.uri import AoR, aor_of
from store.values import Change, Resource

NAME: Final = "presence"
DEFAULT_EXPIRES: Final = 3600
"""Seconds (RFC 3856 §6.4)."""
MIN_INTERVAL: Final = 5.0
"""Seconds between two NOTIFYs (RFC 3856 §6.10)."""


class Sources(Protocol):
    """What documents are composed of beside publications."""

    async def provide(self, resource: Resource) -> Provided:
        """Its state is a `presence.sources.state.Sources`. Raises StoreError."""

    def affected(self, change: Change) -> Sequence[Resource]:
        """Whose presence a change in the store touches."""


def presence_package(
    *,
    min_interval: float = MIN_INTERVAL,
    neutral: Literal["closed", "empty"] = "closed",
    policy: Policy = union,
    sources: Sources | None = None,
    presentity: Callable[[str], AoR] = aor_of,
) -> EventPackage:
    """The record.

    `neutral` is what a watcher gets when nothing is known (PRS-05), `policy` how documents are
    composed (PRS-04), `sources` what they are composed of beside publications. `presentity` is
    from a URI to whom it names; raises ParseError for one that names nobody.
    """
    return EventPackage(
        name=NAME,
        content_types=(CONTENT_TYPE,),
        compose=composer(neutral, policy),
        default_expires=DEFAULT_EXPIRES,
        min_interval=min_interval,
        publish_types=(CONTENT_TYPE,),
        check_body=partial(check_body, presentity=presentity),
        render=render,
        filterable=True,
        provide=None if sources is None else sources.provide,
        affected=None if sources is None else sources.affected,
    )


def render(aor: AoR, state: PackageState, document: bytes, view: View) -> bytes:
    """What the rules leave of `document` (RFC 5025 §3.3); all of it without any."""
    grant = view.grant
    if document and isinstance(grant, Permissions) and not grant.everything:
        return transform(document, grant)
    return document


def check_body(
    body: bytes, content_type: str, aor: AoR, *, presentity: Callable[[str], AoR] = aor_of
) -> None:
    """Raise BadBody unless `body` is a valid presence document, Forbidden unless it is of `aor`.

    The entity is compared as an AoR: scheme `pres`, port and parameters make no difference
    (PUB-06). Elements of unknown namespaces are let through unseen (RFC 3863 §4.2.3).
    """
    root = read_body(
        body, root=PRESENCE, named="presence of urn:ietf:params:xml:ns:pidf", by="pidf"
    )
    try:
        entity = presentity(root.get("entity") or "")
    except ParseError:
        raise BadBody("the entity is not the URI of a presentity") from None
    if entity != aor:
        raise Forbidden("the entity is another presentity")
