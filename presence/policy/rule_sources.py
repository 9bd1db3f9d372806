"""What decisions by rules are made of, kept until a change is heard (RFC 5025 §9.7, §3.1.2). Shell.

Rules that are there and cannot be read are reported when they are read, and grant nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

import structlog

from presence.policy.kept import Kept
from presence.policy.rulebook import (
    NO_RULES,
    PRES_RULES,
    SCHEMAS,
    BadRules,
    BookKey,
    RuleBook,
    book_of,
    read_document,
    within_bounds,
)
from presence.rules.ruleset import Ruleset
from presence.rules.sphere import sphere_of
from sip.uri import AoR
from store.values import Change, Document, DocumentKey, Kind, Publication

log = structlog.get_logger(__name__)

LISTS_AUID: Final = "resource-lists"
MAX_BOOKS: Final = 64 * 1024 * 1024
"""Octets of all rules of one application usage that are kept, estimated."""
MAX_SPHERES: Final = 4 * 1024 * 1024
"""Octets of all spheres that are kept, estimated."""
SPHERE_WEIGHT: Final = 400
"""Octets of one presentity's sphere."""

DocumentsOf = Callable[[str, str], Awaitable[Sequence[Document]]]
"""Application usage and owner to the documents that are stored. Raises StoreError."""
PublicationsOf = Callable[[AoR], Awaitable[Sequence[Publication]]]
"""To the live publications of a presentity's presence. Raises StoreError."""
Provisioned = Callable[[AoR], Document | None]
"""The rules of a presentity that has none (AUT-08); None: it has none."""


class Members(NamedTuple):
    """Who is on an external list."""

    uris: frozenset[str] | None
    """As `uri_key` spells them; None: there is no such list for the presentity to read."""
    owners: frozenset[str] = frozenset()
    """Who else's documents were looked at; "" for the global tree."""


class Sphere(NamedTuple):
    """The sphere a presentity is in."""

    names: frozenset[str] | None
    """None: undefined."""


UNDEFINED: Final = Sphere(None)


class Lists(Protocol):
    """Finds external lists; keeps them until `on_change` is told otherwise."""

    async def members(self, presentity: AoR, anchor: str) -> Members:
        """Who is on the list with `anchor`. Raises StoreError."""

    def on_change(self, change: Change) -> None: ...


class RuleSources:
    """Rules, lists and spheres."""

    def __init__(
        self,
        *,
        documents: DocumentsOf,
        publications: PublicationsOf,
        lists: Lists,
        provisioned: Provisioned = lambda owner: None,
        max_books: int = MAX_BOOKS,
    ) -> None:
        self._documents = documents
        self._publications = publications
        self._lists = lists
        self._provisioned = provisioned
        self._books: dict[str, Kept[AoR, RuleBook]] = {
            auid: Kept(
                partial(self._load_book, auid),
                nothing=NO_RULES,
                weigh=lambda book: book.octets,
                max_octets=max_books,
            )
            for auid in SCHEMAS
        }
        self._spheres: Kept[AoR, Sphere] = Kept(
            self._load_sphere,
            nothing=UNDEFINED,
            weigh=lambda sphere: SPHERE_WEIGHT,
            max_octets=MAX_SPHERES,
        )

    async def book(self, key: BookKey) -> RuleBook:
        """The rules of a presentity. Raises StoreError."""
        return await self._books[key.auid].read(key.owner)

    async def members(self, presentity: AoR, anchor: str) -> Members:
        """Who is on the list that rules of `presentity` refer to. Raises StoreError."""
        return await self._lists.members(presentity, anchor)

    async def sphere(self, presentity: AoR) -> Sphere:
        """The sphere of `presentity`. Raises StoreError."""
        return await self._spheres.read(presentity)

    def on_change(self, change: Change) -> None:
        """Forget what may have changed."""
        self._lists.on_change(change)
        if change.kind is Kind.RESYNC:
            self._spheres.clear()
            for books in self._books.values():
                books.clear()
        elif change.kind is Kind.DOCUMENT:
            auid, owner, _ = change.document
            if auid in self._books:
                self._books[auid].forget(AoR(owner))

    def forget_sphere(self, presentity: AoR) -> Sphere | None:
        """The presence of `presentity` has changed; the sphere that was known until now."""
        known = self._spheres.newest(presentity)
        self._spheres.forget(presentity)
        return known

    async def _load_book(self, auid: str, owner: AoR) -> RuleBook:
        documents = await self._documents(auid, owner)
        if not documents and auid == PRES_RULES:
            given = self._provisioned(owner)
            documents = [] if given is None else [given]
        if not documents:
            return NO_RULES
        read = within_bounds(documents)
        if len(read) < len(documents):
            log.warning("rules-too-large", auid=auid, owner=owner, documents=len(documents))
        rulesets = [rules for each in read if (rules := readable(each)) is not None]
        return book_of(read or documents[:1], rulesets)

    async def _load_sphere(self, presentity: AoR) -> Sphere:
        publications = await self._publications(presentity)
        names = sphere_of(one.body for one in publications)
        return UNDEFINED if names is None else Sphere(names)


def readable(document: Document) -> Ruleset | None:
    """The rules in `document`; None, reported, when they cannot be read."""
    key: DocumentKey = document.key
    try:
        return read_document(key.auid, document.body)
    except BadRules as error:
        log.warning(
            "rules-unreadable",
            auid=key.auid,
            owner=key.owner,
            path=key.path,
            etag=document.etag,
            reason=str(error),
        )
        return None
