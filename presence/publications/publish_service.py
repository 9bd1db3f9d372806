"""The road of a PUBLISH (RFC 3903 §6). Shell."""

from collections.abc import Callable

from presence.core_service import Core, resource_of
from presence.errors import ConditionFailed
from presence.ports import Transaction
from presence.publications.body_check import CheckedBodies
from presence.publications.etag import RANDOM_OCTETS
from presence.publications.grace_service import GraceService
from presence.publications.publication import (
    Publish,
    body_of,
    changes_state,
    check_publisher,
    operation,
    patched,
    publications_after,
    read_publish,
)
from sip.authenticator import Identity
from sip.uri import AoR
from store.operations import WritePublication
from store.outcomes import EtagMismatch, PublicationWritten


class PublishService:
    """The event state compositor."""

    def __init__(
        self, core: Core, random: Callable[[int], bytes], grace: GraceService | None
    ) -> None:
        self._core = core
        self._random = random
        self._grace = grace
        self._bodies = CheckedBodies()

    async def publish(self, tx: Transaction, identity: Identity) -> None:
        """Answer 200, then tell the watchers. Raises PresenceError, SipError, StoreError."""
        core = self._core
        aor = await core.target(tx.request, identity)
        check_publisher(identity, aor)
        publish = read_publish(tx.request, core.packages, core.config, share=core.share())
        if publish.patches:
            publish = await self._patched(publish, aor)
        if publish.body is not None:
            self._bodies.check(publish.package, aor, publish.content_type, publish.body)
        op = operation(publish, aor, self._random(RANDOM_OCTETS), core.clock())
        if publish.stores_nothing:
            self._accept(tx, publish, op.entity_tag)
            return
        outcome = await self.write(op)
        self._accept(tx, publish, op.entity_tag)
        if self._grace is not None:
            self._grace.published(op, tx.request, tx.flow)
        self.tell(op, outcome)

    async def write(self, op: WritePublication) -> PublicationWritten:
        """Commit `op`. Raises ConditionFailed and StoreError; nothing has changed then."""
        outcome = await self._core.store.write_publication(op)
        if isinstance(outcome, EtagMismatch):
            raise ConditionFailed
        return outcome

    def tell(self, op: WritePublication, outcome: PublicationWritten) -> None:
        """Tell whoever should hear of `op`, which is committed."""
        if changes_state(op):
            core, publications = self._core, publications_after(op, outcome)
            core.engine.published(op.resource, outcome.version, publications, asked_at=op.now)
            core.published_here(op.resource, outcome.version)

    async def _patched(self, publish: Publish, aor: AoR) -> Publish:
        """`publish` with the body that it makes of the stored one (RFC 5264 §4.3).

        What is read may have been replaced before it is written: the entity-tag tells then.
        """
        stored = b""
        if publish.expected is not None:
            state = await self._core.store.resource_state(resource_of(aor, publish.package))
            stored = body_of(state.publications, publish.expected)
        return patched(publish, stored, self._core.config.max_body)

    def _accept(self, tx: Transaction, publish: Publish, entity_tag: str) -> None:
        self._core.stats.publish_accepted += 1
        tx.respond(200, headers=(("SIP-ETag", entity_tag), ("Expires", str(publish.expires))))
