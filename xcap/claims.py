"""URIs that documents claim for themselves (RFC 4826 §4.4.5). Pure but for its look-ups.

Of two documents that want one URI the store's unique index decides, in the transaction
that writes. That no subscriber has the URI is asked before.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from lxml import etree

from sip.errors import ParseError
from sip.uri import SipUri, aor_of
from store.values import Credential, DocumentKey
from xcap.errors import Conflict, ConstraintFailure, Exists, UniquenessFailure
from xcap.usage import WHITE_SPACE, Claim, Usage, claim_nothing

MAX_CLAIMS: Final = 200
"""URIs in one document; each is looked up."""
LIST: Final = "pres-list"
"""OMA's URI parameter: sip:alice@example.com;pres-list=friends is a list of alice's."""
ALTERNATIVES: Final = 2
"""How many free URIs are proposed in place of one that is taken."""
MAX_PROPOSALS: Final = 8
"""How many are tried for them."""


class Names(Protocol):
    """Who has a URI, as the store knows it."""

    async def credential(self, aor: str) -> Credential | None: ...
    async def claimant(self, uri: str) -> DocumentKey | None: ...


class Claims:
    """Checks the URIs that a document wants against those that are taken."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def check(
        self, usage: Usage, key: DocumentKey, root: etree._Element
    ) -> tuple[str, ...] | None:
        """The URIs that document `root` claims, for the write; None when its usage claims none.

        Raises a Conflict when a subscriber has one of them.
        """
        if usage.claims is claim_nothing:
            return None
        claims = usage.claims(root)
        if len(claims) > MAX_CLAIMS:
            raise ConstraintFailure(f"a document may define {MAX_CLAIMS} URIs at most")
        for claim in claims:
            if await self._is_subscribers(claim.uri, key.owner):
                raise await self._failure(claim, key.owner)
        return tuple(dict.fromkeys(claimed_as(claim.uri) for claim in claims))

    async def taken(
        self, usage: Usage, key: DocumentKey, root: etree._Element, uri: str
    ) -> Conflict:
        """Why `root` was not written, when the store says that another document has `uri`."""
        for claim in usage.claims(root):
            if claimed_as(claim.uri) == uri:
                return await self._failure(claim, key.owner)
        return UniquenessFailure(f"{uri} is already in use", ())

    async def _failure(self, claim: Claim, owner: str) -> UniquenessFailure:
        free: list[str] = []
        for proposal in proposals(claim.uri):
            if len(free) < ALTERNATIVES and await self._is_free(proposal, owner):
                free.append(proposal)
        return UniquenessFailure(
            f"{claim.uri} is already in use", (Exists(claim.field, tuple(free)),)
        )

    async def _is_free(self, uri: str, owner: str) -> bool:
        if await self._is_subscribers(uri, owner):
            return False
        return await self._names.claimant(claimed_as(uri)) is None

    async def _is_subscribers(self, uri: str, owner: str) -> bool:
        """Whether `uri` is a subscriber's, but for lists that `owner` has below its own."""
        try:
            aor = aor_of(uri)
        except ParseError:
            return False
        if list_name(uri) is not None and aor == owner:
            return False
        return await self._names.credential(aor) is not None


def check_differ(claims: Iterable[Claim]) -> None:
    """Refuse a document that claims a URI twice. Raises UniquenessFailure."""
    seen: set[str] = set()
    for claim in claims:
        name = claimed_as(claim.uri)
        if name in seen:
            raise UniquenessFailure(f"{claim.uri} is there twice", (Exists(claim.field),))
        seen.add(name)


def claimed_as(uri: str) -> str:
    """The form under which `uri` is claimed: one for all URIs that name the same resource."""
    uri = uri.strip(WHITE_SPACE)
    try:
        aor = aor_of(uri)
    except ParseError:
        return uri
    name = list_name(uri)
    return aor if name is None else f"{aor};{LIST}={name}"


def list_name(uri: str) -> str | None:
    """Which list of its user a SIP URI names, by OMA's parameter; None: it names no list."""
    try:
        return SipUri.parse(f"sip:{uri.partition(':')[2]}").parameters.get(LIST)
    except ParseError:
        return None


def proposals(uri: str) -> list[str]:
    """URIs like `uri` with a number: in the name of its list if it has one, else in its user."""
    head, mark, tail = uri.rpartition(f";{LIST}=")
    if mark:
        name, semicolon, rest = tail.partition(";")
        head, tail = f"{head}{mark}{name}", f"{semicolon}{rest}"
    else:
        head, mark, tail = uri.partition("@")
        tail = mark + tail
    return [f"{head}-{number}{tail}" for number in range(2, 2 + MAX_PROPOSALS)] if mark else []
