"""The public interface for event packages of other distributions (docs/packages.md). Pure.

A distribution names, in the entry-point group `presentity.event_packages` and under the name of
its package, what `event_package` made of a function from `Host` to `EventPackage`:

    @event_package(api=1)
    def lamp(host: Host) -> EventPackage: ...

All names of this module stay what they are while `API` is the same, and so do the fields of
`EventPackage` that `STABLE` names; its other fields may change in any version.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from presence.errors import BadBody, Forbidden, NotFound, PresenceError
from presence.package import EventPackage, PackageState, Provided
from presence.policy.policy import (
    ALLOW,
    BLOCK,
    CONFIRM,
    Authorize,
    Decision,
    SubHandling,
)
from presence.view import View
from sip.authenticator import Identity
from sip.uri import AoR
from store.values import Publication, Resource

__all__ = [
    "ALLOW",
    "API",
    "BLOCK",
    "CONFIRM",
    "GROUP",
    "STABLE",
    "AoR",
    "Authorize",
    "BadBody",
    "Decision",
    "EventPackage",
    "Factory",
    "Forbidden",
    "Host",
    "Identity",
    "NotFound",
    "PackageState",
    "PresenceError",
    "Provided",
    "Publication",
    "Resource",
    "SubHandling",
    "View",
    "event_package",
]

API: Final = 1
"""Of this interface. A package is made for one number, and a server has one."""
GROUP: Final = "presentity.event_packages"
"""The group of entry points."""
STABLE: Final = frozenset(
    {
        "name",
        "content_types",
        "compose",
        "default_expires",
        "min_expires",
        "max_expires",
        "default_policy",
        "min_interval",
        "publish_types",
        "check_body",
        "render",
        "provide",
        "authorize",
    }
)
"""Fields of `EventPackage` that plug-ins may rely on, by keyword."""


@dataclass(frozen=True, slots=True)
class Host:
    """What a package is told of the server it is in."""

    name: str
    """Of the entry point, which the package must have too."""
    domains: frozenset[str]
    """SIP domains that are served, lower case."""
    interval: float
    """`presence.notify_interval`, seconds."""
    changed: Callable[[AoR], None]
    """To be told, on the event loop, when provided state has changed: `provide` is asked soon."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """`options` of the table `[presence.packages.NAME]`."""


@dataclass(frozen=True, slots=True)
class Factory:
    """What an entry point leads to."""

    api: int
    make: Callable[[Host], EventPackage]


def event_package(*, api: int) -> Callable[[Callable[[Host], EventPackage]], Factory]:
    """Decorates the function that makes a package; `api` is the `API` it was written for."""

    def decorate(make: Callable[[Host], EventPackage]) -> Factory:
        return Factory(api, make)

    return decorate
