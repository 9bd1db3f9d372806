"""The record of the `ua-profile` package (RFC 6080 §6). Pure.

The profiles are not published but kept by the operator: whoever builds the record says where
they are. A watcher gets the form of its profile that it likes best; when it takes none of them
it gets no document (RFC 6080 §6.7).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from presence.config import PolicyName
from presence.errors import NotFound
from presence.package import EventPackage, PackageState, Provided, Telling, Told
from presence.packages.ua_profile.profile import (
    Name,
    Profile,
    ProfileType,
    name_of,
    resource_aor,
    user_aor,
)
from presence.policy.policy import ALLOW, BLOCK, Authorize, Decision, decide
from sip.accept import best
from sip.authenticator import Identity
from sip.grammar import split_list
from sip.message import Request
from sip.uri import AoR
from store.values import Resource

NAME: Final = "ua-profile"
DEFAULT_EXPIRES: Final = 86_400
"""Seconds (RFC 6080 §6.4)."""
EXTERNAL: Final = "message/external-body"
"""A profile that is elsewhere, by its URL (RFC 4483)."""
MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".xml": "application/xml",
    ".json": "application/json",
    ".txt": "text/plain",
    ".url": EXTERNAL,
}
"""The forms that a profile may have, by the suffix of its file."""

Exists = Callable[[Name], bool]
"""Whether there is a profile of that name, or a default one of its type."""


def ua_profile_package(
    *,
    domains: frozenset[str],
    exists: Exists,
    provide: Callable[[Resource], Awaitable[Provided]],
    default_policy: PolicyName = "block",
    effective_by: int | None = None,
) -> EventPackage:
    """The record. `provide` gives `Profile` values; `effective_by` is the number of seconds
    within which devices shall use a new profile (RFC 6080 §6.2.3), None for their own time."""

    def locate(request: Request) -> AoR | None:
        aor = resource_aor(request, domains)
        if not exists(name_of(aor or user_aor(request))):
            raise NotFound
        return aor

    return EventPackage(
        name=NAME,
        content_types=tuple(MEDIA_TYPES.values()),
        compose=compose,
        default_expires=DEFAULT_EXPIRES,
        max_expires=DEFAULT_EXPIRES,
        default_policy=default_policy,
        provide=provide,
        authorize=authorizer(default_policy),
        locate=locate,
        read_content=accepted,
        tell=tell,
        event_parameters="" if effective_by is None else f";effective-by={effective_by}",
    )


def compose(aor: AoR, state: PackageState) -> bytes:
    """The default form."""
    documents = documents_of(state)
    return documents[0].body if documents else b""


def documents_of(state: PackageState) -> Profile:
    """The forms that the profile has now."""
    return state.provided if isinstance(state.provided, tuple) else ()


def accepted(request: Request, before: str) -> str:
    """What the watcher takes, kept with its subscription."""
    return ", ".join(request.all("accept"))


def tell(telling: Telling) -> Told | None:
    """The form of the profile that the watcher likes best, when it is another than before."""
    documents = documents_of(telling.state)
    takes = split_list(telling.content) if telling.content else ()
    offered = [one.media_type for one in documents]
    chosen = best(takes, offered) if offered else None
    if chosen is None:
        return Told(b"", "", None)
    document = documents[offered.index(chosen)]
    if not telling.full and telling.memory == document:
        return Told(b"", "", document)
    return Told(document.body, document.content_type, document)


def authorizer(policy: PolicyName) -> Authorize:
    """A network's profile is for everybody, a device's for everybody whom we know, since its
    name is the secret of its owner; a user's for that user, or as `policy` has it (§9)."""

    async def authorize(aor: AoR, watcher: Identity, package: str) -> Decision:
        match name_of(aor).type:
            case ProfileType.LOCAL_NETWORK:
                return ALLOW
            case ProfileType.DEVICE:
                return BLOCK if watcher.aor is None else ALLOW
            case ProfileType.USER:
                return decide(policy, aor, watcher)

    return authorize
