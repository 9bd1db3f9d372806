"""The road of an XCAP request between HTTP and the store (RFC 4825 §8). Shell.

Locate the document, authorize, validate, and let the store decide the conditions in the
statement that writes.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from sip.authenticator import Identity
from sip.uri import AoR
from store.operations import WriteDocument
from store.outcomes import DocumentOutcome, DocumentPrecondition, DocumentWritten
from store.values import Document, DocumentKey
from xcap import caps
from xcap.access import Action, authorize
from xcap.claims import Claims
from xcap.conditions import ANY, Conditions
from xcap.config import XcapConfig
from xcap.errors import (
    ConstraintFailure,
    MethodNotAllowed,
    NoParent,
    NotFound,
    PreconditionFailed,
    SelectorNotSupported,
)
from xcap.ports import Documents, Exists
from xcap.uri import Tree, XcapUri, owner_of
from xcap.usage import Place, Usage

ETAG_OCTETS: Final = 9
WHOLE_ONLY: Final = "parts of documents are not served yet, only whole ones"
READ_ONLY: Final = ("GET", "HEAD", "OPTIONS")
READ_WRITE: Final = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Located:
    """A document that may be there, and that the user may get at."""

    usage: Usage
    key: DocumentKey
    place: Place


def random_etag() -> str:
    """An entity-tag that no document had before."""
    return secrets.token_urlsafe(ETAG_OCTETS)


class XcapService:
    """Reads and writes whole documents."""

    def __init__(
        self,
        *,
        store: Documents,
        usages: Iterable[Usage],
        config: XcapConfig,
        exists: Exists,
        clock: Callable[[], float],
        new_etag: Callable[[], str] = random_etag,
    ) -> None:
        self._store = store
        self._usages = {usage.auid: usage for usage in usages}
        self.auids = frozenset(self._usages) | {caps.AUID}
        self._config = config
        self._exists = exists
        self._clock = clock
        self._new_etag = new_etag
        self._claims = Claims(store)
        self._capabilities = made_document(caps.capabilities(self._usages.values()))

    def media_type(self, uri: XcapUri) -> str:
        """That of what is put at `uri`. Raises NotFound for an unknown usage (§8)."""
        if uri.node_selector is not None:
            raise SelectorNotSupported(WHOLE_ONLY)
        return caps.MEDIA_TYPE if uri.auid == caps.AUID else self._usage(uri.auid).media_type

    def allowed(self, uri: XcapUri) -> tuple[str, ...]:
        """The methods that the resource at `uri` knows."""
        return READ_ONLY if uri.auid == caps.AUID else READ_WRITE

    async def read(self, uri: XcapUri, identity: Identity, conditions: Conditions) -> Document:
        """The document at `uri`, also when If-None-Match names it (§8.3).

        Raises NotFound, Forbidden, and PreconditionFailed when If-Match does not hold.
        """
        if uri.auid == caps.AUID:
            document: Document | None = self._made(uri)
        else:
            located = await self._locate(uri, identity, Action.READ)
            document = await self._store.document(located.key)
        if document is None:
            raise NotFound("no such document")
        if not conditions.match(document.etag):
            raise PreconditionFailed(document.etag)
        return document

    async def write(
        self, uri: XcapUri, identity: Identity, conditions: Conditions, body: bytes
    ) -> DocumentWritten:
        """Put `body` at `uri` (§8.2).

        Raises a Conflict, PreconditionFailed, or what `read` raises.
        """
        located = await self._locate(uri, identity, Action.WRITE)
        self._check_directory(uri, located.usage)
        root = located.usage.validate(body, located.place)
        await self._claims.check(located.usage, located.key, root)
        outcome = await self._write(located, body, conditions.if_match, conditions.if_none_match)
        if isinstance(outcome, DocumentPrecondition):
            raise PreconditionFailed(outcome.current_etag)
        return outcome

    async def delete(self, uri: XcapUri, identity: Identity, conditions: Conditions) -> None:
        """Delete the document at `uri` (§8.4). Raises NotFound and PreconditionFailed."""
        located = await self._locate(uri, identity, Action.WRITE)
        if_match = ANY if conditions.if_match is None else conditions.if_match
        outcome = await self._write(located, None, if_match, conditions.if_none_match)
        match outcome:
            case DocumentPrecondition(None):
                raise NotFound("no such document")
            case DocumentPrecondition(etag):
                raise PreconditionFailed(etag)

    async def _locate(self, uri: XcapUri, identity: Identity, action: Action) -> Located:
        """Where the document is stored, once the user may get at it."""
        if uri.auid == caps.AUID:
            raise MethodNotAllowed("writing", READ_ONLY)
        usage = self._usage(uri.auid)
        owner = AoR("")
        if uri.tree is Tree.USERS:
            owner = await self._owner(uri.xui, identity)
        user = owner if identity.how == "none" else identity.aor
        if user not in self._config.trusted_users:
            authorize(action, usage, uri.tree, owner, user)
        if uri.node_selector is not None:
            raise SelectorNotSupported(WHOLE_ONLY)
        auid, path = usage.row(uri.path)
        place = Place(uri.tree, owner, self._config.domains[0])
        return Located(usage, DocumentKey(auid, owner, path), place)

    async def _owner(self, xui: str, identity: Identity) -> AoR:
        """Whose documents are below `xui`. Raises NotFound for an unknown user (§8).

        Who shows the user's own credentials needs no looking up.
        """
        owner = owner_of(xui, self._config.domains[0])
        _, at, domain = owner.rpartition("@")
        served = not at or domain in self._config.domains
        itself = identity.how == "digest" and identity.aor == owner
        if served and (itself or await self._exists(owner, identity)):
            return owner
        raise NotFound("no such user")

    def _usage(self, auid: str) -> Usage:
        usage = self._usages.get(auid)
        if usage is None:
            raise NotFound("no such application usage")
        return usage

    def _made(self, uri: XcapUri) -> Document | None:
        """The one document that the server makes itself (§12)."""
        if uri.node_selector is not None:
            raise SelectorNotSupported(WHOLE_ONLY)
        made = uri.tree is Tree.GLOBAL and uri.path == caps.DOCUMENT
        return self._capabilities if made else None

    def _check_directory(self, uri: XcapUri, usage: Usage) -> None:
        """Refuse a document where there is no directory for it (§8.2.1) or no such name."""
        if "/" in uri.path:
            raise NoParent("there are no sub-directories", uri.directory(self._config.root))
        if usage.documents is not None and uri.path not in usage.documents:
            names = ", ".join(sorted(usage.documents))
            raise ConstraintFailure(f"the document must be called {names}")

    async def _write(
        self,
        located: Located,
        body: bytes | None,
        if_match: tuple[str, ...] | None,
        if_none_match: tuple[str, ...] | None,
    ) -> DocumentOutcome:
        return await self._store.write_document(
            WriteDocument(
                located.key,
                body,
                located.usage.media_type,
                self._new_etag(),
                if_match,
                if_none_match,
                self._clock(),
            )
        )


def made_document(body: bytes) -> Document:
    """The capabilities document; the same on every process of the same version."""
    key = DocumentKey(caps.AUID, "", caps.DOCUMENT)
    etag = blake2b(body, digest_size=ETAG_OCTETS).hexdigest()
    return Document(key, etag, caps.MEDIA_TYPE, body, updated_at=0.0)
