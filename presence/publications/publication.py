"""A PUBLISH as the event state compositor reads it (RFC 3903 §6).

Pure: instants and random octets are given. The checks are in the order of §6, except that
the entity-tag is compared by the store, in the statement that replaces it: a request with
two faults may hear of the later one first.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from presence.coding import decoded
from presence.config import PresenceConfig
from presence.errors import (
    BadEvent,
    BadRequest,
    BodyTooLarge,
    ConditionFailed,
    Forbidden,
    UnsupportedType,
)
from presence.package import EventPackage, allow_events, find_package
from presence.publications.etag import first_tag, next_tag, read_if_match
from presence.subscriptions.bounds import bounds_of, granted_publication
from sip.authenticator import Identity
from sip.message import Request
from sip.uri import AoR
from store.operations import WritePublication
from store.outcomes import PublicationWritten
from store.values import Publication, Resource


class Publish(NamedTuple):
    """What a PUBLISH asks for."""

    package: EventPackage
    expected: str | None
    """Entity-tag to be replaced; None for an initial publication."""
    expires: int
    """Seconds granted; 0 removes."""
    body: bytes | None
    """None keeps the stored one (a refresh) or is not needed (a removal)."""
    content_type: str

    @property
    def stores_nothing(self) -> bool:
        """An initial publication that is over at once (§6 step 5)."""
        return self.expires == 0 and self.expected is None

    @property
    def patches(self) -> bool:
        """Whether the body is a change of the stored one."""
        return self.body is not None and self.content_type in self.package.patch_types


def check_publisher(identity: Identity, aor: AoR) -> None:
    """Refuse whoever is not the owner of `aor` (RFC 3903 §14.1, PUB-06)."""
    if identity.aor != aor:
        raise Forbidden("only the owner may publish here")


def read_publish(
    request: Request,
    packages: Mapping[str, EventPackage],
    config: PresenceConfig,
    *,
    share: float = 0.0,
) -> Publish:
    """Steps 2 to 5 of §6, all but the body's content. Raises PresenceError or ParseError.

    `share`: what is taken off its expiry, from 0 to 1.
    """
    package = find_package(packages, request.get("event"))
    if not package.publish_types:
        raise BadEvent(allow_events({k: p for k, p in packages.items() if p.publishable}))
    expected = read_if_match(list(request.all("sip-if-match")))
    expires = granted_publication(request.expires, bounds_of(package, config), share)
    if not request.body:
        if expected is None:
            raise BadRequest("an initial publication needs a body")
        return Publish(package, expected, expires, None, "")
    request = decoded(request, config.max_body)
    content_type = check_form(request, package, config)
    return Publish(package, expected, expires, request.body if expires else None, content_type)


def check_form(request: Request, package: EventPackage, config: PresenceConfig) -> str:
    """The media type of the body, once its size and type are acceptable (§6 step 5)."""
    if len(request.body) > config.max_body:
        raise BodyTooLarge
    content_type = request.content_type
    accepted = (*package.publish_types, *package.patch_types)
    if content_type is None or content_type not in accepted:
        raise UnsupportedType(accepted)
    return content_type


def body_of(publications: Sequence[Publication], entity_tag: str) -> bytes:
    """What is stored under `entity_tag`; raises ConditionFailed when nothing is."""
    for publication in publications:
        if publication.entity_tag == entity_tag:
            return publication.body
    raise ConditionFailed


def patched(publish: Publish, stored: bytes, max_body: int) -> Publish:
    """`publish` with the body that it makes of `stored`, which is empty for an initial one.

    Raises BodyTooLarge when that has more than `max_body` octets: publications do not grow
    without bounds, a little at a time.
    """
    package = publish.package
    assert package.patch is not None, "a package with patch_types has it"
    assert publish.body is not None, "the caller has looked"
    body = package.patch(stored, publish.body, publish.content_type)
    if len(body) > max_body:
        raise BodyTooLarge
    return publish._replace(body=body, content_type=package.publish_types[0])


def operation(publish: Publish, aor: AoR, random: bytes, now: float) -> WritePublication:
    """The write that `publish` comes to, with a new entity-tag (§6 step 6)."""
    expected = publish.expected
    publication_id, tag = first_tag(random) if expected is None else next_tag(expected, random)
    return WritePublication(
        resource=Resource(aor, publish.package.stored_as),
        id=publication_id,
        expected=expected,
        entity_tag=tag,
        expires_at=now + publish.expires if publish.expires else 0,
        body=publish.body,
        content_type=publish.content_type,
        published_at=now,
        now=now,
    )


def changes_state(op: WritePublication) -> bool:
    """Whether watchers may see a difference: a refresh makes none (PUB-01)."""
    return op.body is not None or not op.expires_at


def publications_after(
    op: WritePublication, outcome: PublicationWritten
) -> tuple[Publication, ...]:
    """Every live publication once `op`, an insert, modify or removal, is committed."""
    if op.body is None:
        return outcome.others
    own = Publication(
        op.id, op.entity_tag, op.expires_at, op.content_type, op.body, op.published_at
    )
    return (*outcome.others, own)
