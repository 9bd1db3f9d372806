"""From a URI and a sender to the document that is meant (RFC 4825 §8). Pure but for look-ups.

In the order of the standard: an unknown application usage and an unknown user are 404;
then what the sender may not do is 403.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sip.authenticator import Identity
from sip.uri import AoR
from store.values import DocumentKey
from xcap.access import Access, Action, may_anyway
from xcap.config import XcapConfig
from xcap.errors import NotFound
from xcap.ports import Exists
from xcap.uri import Tree, XcapUri, owner_of
from xcap.usage import Place, Usage


@dataclass(frozen=True, slots=True)
class Located:
    """A document that may be there, and that the user may get at."""

    uri: XcapUri
    usage: Usage
    key: DocumentKey
    place: Place
    user: AoR | None
    """Who asks; None for somebody without a name."""

    @property
    def computed(self) -> bool:
        """Whether the server makes the document."""
        return self.usage.computes(self.uri.tree, self.uri.path)


class Locator:
    """Finds documents for those who may get at them."""

    def __init__(
        self, *, usages: Mapping[str, Usage], config: XcapConfig, access: Access, exists: Exists
    ) -> None:
        self._usages = usages
        self._config = config
        self._access = access
        self._exists = exists

    def usage(self, auid: str) -> Usage:
        """The application usage. Raises NotFound for an unknown one (§8)."""
        usage = self._usages.get(auid)
        if usage is None:
            raise NotFound("no such application usage")
        return usage

    def user(self, owner: AoR, identity: Identity) -> AoR | None:
        """Who asks for what `owner` has; the owner itself when nobody is asked for a name."""
        return identity.aor if self._config.authenticate or identity.aor else owner

    async def locate(self, uri: XcapUri, identity: Identity, action: Action) -> Located:
        """Where the document is stored, once the user may get at it.

        Raises NotFound and Forbidden.
        """
        usage = self.usage(uri.auid)
        owner = AoR("")
        if uri.tree is Tree.USERS:
            owner = await self._owner(uri.xui, identity)
        user = self.user(owner, identity)
        if not may_anyway(action, usage, owner, user):
            await self._access.check(action, usage, owner, uri.path, user)
        if not uri.path:
            raise NotFound("this is a directory, not a document")
        auid, path = usage.row(uri.path)
        place = place_of(self._config, uri.tree, owner, uri.path)
        return Located(uri, usage, DocumentKey(auid, owner, path), place, user)

    async def _owner(self, xui: str, identity: Identity) -> AoR:
        """Whose documents are below `xui`. Raises NotFound for an unknown user (§8).

        Who shows the user's own credentials needs no looking up; who shows none is not
        told who there is.
        """
        owner = owner_of(xui, self._config.domains[0])
        if self._config.authenticate and identity.aor is None:
            return owner
        _, at, domain = owner.rpartition("@")
        served = not at or domain in self._config.domains
        itself = identity.how == "digest" and identity.aor == owner
        if served and (itself or await self._exists(owner, identity)):
            return owner
        raise NotFound("no such user")


def place_of(config: XcapConfig, tree: Tree, owner: AoR, path: str) -> Place:
    """Where the document at `path` is, for the constraints of its usage."""
    return Place(tree, owner, config.domains[0], path, config.root, config.public_root)
