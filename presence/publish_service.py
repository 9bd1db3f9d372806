"""The road of a PUBLISH (RFC 3903 §6). Shell."""

from collections.abc import Callable

from presence.body_check import CheckedBodies
from presence.core_service import Core
from presence.errors import ConditionFailed
from presence.etag import RANDOM_OCTETS
from presence.ports import Transaction
from presence.publication import (
    Publish,
    changes_state,
    check_publisher,
    operation,
    publications_after,
    read_publish,
)
from sip.authenticator import Identity
from store.outcomes import EtagMismatch


class PublishService:
    """The event state compositor."""

    def __init__(self, core: Core, random: Callable[[int], bytes]) -> None:
        self._core = core
        self._random = random
        self._bodies = CheckedBodies()

    async def publish(self, tx: Transaction, identity: Identity) -> None:
        """Answer 200, then tell the watchers. Raises PresenceError, SipError, StoreError."""
        core = self._core
        aor = await core.target(tx.request, identity)
        check_publisher(identity, aor)
        publish = read_publish(tx.request, core.packages, core.config, share=core.share())
        if publish.body is not None:
            self._bodies.check(publish.package, aor, publish.content_type, publish.body)
        op = operation(publish, aor, self._random(RANDOM_OCTETS), core.clock())
        if publish.stores_nothing:
            self._accept(tx, publish, op.entity_tag)
            return
        outcome = await core.store.write_publication(op)
        if isinstance(outcome, EtagMismatch):
            raise ConditionFailed
        self._accept(tx, publish, op.entity_tag)
        if changes_state(op):
            publications = publications_after(op, outcome)
            core.engine.published(op.resource, outcome.version, publications, asked_at=op.now)
            core.published_here(op.resource, outcome.version)

    def _accept(self, tx: Transaction, publish: Publish, entity_tag: str) -> None:
        self._core.stats.publish_accepted += 1
        tx.respond(200, headers=(("SIP-ETag", entity_tag), ("Expires", str(publish.expires))))
