"""Who may do what with which document (RFC 4825 §5.7). Pure but for its look-up of grants.

A user reads and writes below its own home directory and reads the global tree. Trusted
users, named in the settings, may do everything; what a usage keeps private in the global
tree is for them only. Beyond that there are grants: of one owner's documents, or of those
of the global tree, to a user or to everybody of a domain. They are looked up only for who
may not do it anyway, so never on the owner's road.

The answer does not depend on whether the document is there, so that a refusal says
nothing about it: 404 is for those who may look (docs/xcap.md).
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from enum import Enum
from typing import Final, NamedTuple

from sip.uri import AoR
from store.values import Grant
from xcap.errors import Forbidden
from xcap.usage import Usage

Action = Enum("Action", ["READ", "WRITE"])

GrantsOf = Callable[[str], Awaitable[Sequence[Grant]]]
"""The grants of an owner's documents; of the global tree for ""."""

Permission = Callable[[str], bool]
"""Whether the document at a path may be got at."""

ALL: Final = ""
"""In a grant: any application usage, or any of its documents."""


class Name(NamedTuple):
    """What a document is called below its directory."""

    auid: str
    path: str


class Access:
    """Decides by settings, ownership and grants."""

    def __init__(
        self, *, grants: GrantsOf, trusted_users: frozenset[str], usages: Iterable[Usage]
    ) -> None:
        self._grants = grants
        self._trusted = trusted_users
        self._usages = tuple(usages)

    def trusts(self, user: AoR | None) -> bool:
        """Whether `user` may read and write all documents."""
        return user is not None and user in self._trusted

    async def may(
        self, action: Action, usage: Usage, owner: AoR, path: str, user: AoR | None
    ) -> bool:
        """Whether `user` may do that with document `path` of `owner`, empty for the global tree.

        None is somebody without a name, for whom there is only what is public.
        """
        return (await self.permission(action, usage, owner, user))(path)

    async def permission(
        self, action: Action, usage: Usage, owner: AoR, user: AoR | None
    ) -> Permission:
        """With which documents of `owner` `user` may do that; the grants are looked up once."""
        if may_anyway(action, usage, owner, user) or self.trusts(user):
            return everything
        if user is None:
            return nothing
        given = [grant for grant in await self._grants(owner) if is_given_to(grant, action, user)]
        return lambda path: any(covers(grant, self._names(usage, path)) for grant in given)

    def _names(self, usage: Usage, path: str) -> Collection[Name]:
        return names_of(self._usages, *usage.row(path))

    async def check(
        self, action: Action, usage: Usage, owner: AoR, path: str, user: AoR | None
    ) -> None:
        """Refuse what `may` does not allow. Raises Forbidden."""
        if await self.may(action, usage, owner, path, user):
            return
        if owner:
            raise Forbidden("these are another user's documents, and you were not let in")
        if action is Action.WRITE:
            raise Forbidden("documents of the global tree are written by trusted users only")
        raise Forbidden("this document is for trusted readers only")


def may_anyway(action: Action, usage: Usage, owner: AoR, user: AoR | None) -> bool:
    """Whether neither trust nor a grant is needed: it is the owner, or a usage's free reader."""
    if owner and user == owner:
        return True
    if action is Action.WRITE:
        return False
    return usage.public or (not owner and user is not None and not usage.private_global)


def everything(path: str) -> bool:
    """The permission of who may get at all documents."""
    return True


def nothing(path: str) -> bool:
    """The permission of who may get at none."""
    return False


def is_given_to(grant: Grant, action: Action, user: AoR) -> bool:
    """Whether `grant` lets `user` do that with some documents; who may write may read as well."""
    if action is Action.WRITE and not grant.write:
        return False
    return grant.grantee == user or _is_domain_of(grant.grantee, user)


def names_of(usages: Iterable[Usage], auid: str, path: str) -> frozenset[Name]:
    """All names of row `auid`, `path`, in every usage that serves it."""
    return frozenset(
        Name(usage.auid, name)
        for usage in usages
        if usage.stored_as == auid
        for name in (path, *(usage.renamed or ()))
        if usage.row(name) == (auid, path)
    )


def covers(grant: Grant, names: Collection[Name]) -> bool:
    """Whether `grant` is of the document with `names`.

    Documents that have two names, such as rules by AUIDs of IETF and OMA, are granted
    under either.
    """
    return any(grant.auid in (ALL, auid) and grant.path in (ALL, path) for auid, path in names)


def _is_domain_of(grantee: str, user: AoR) -> bool:
    """Whether `grantee` is "@domain" and `user` is of that domain."""
    return grantee.startswith("@") and user.endswith(grantee) and user.count("@") == 1
