"""The event package record: the one seam between the engine and a kind of state (RFC 6665 §5.4).

Pure. A package is a value: names, bounds and functions. `presence`, `presence.winfo`, `dialog`,
`message-summary`, `reg`, `xcap-diff` and lists of any of them are all such values; the engine
knows none by name.

Where the state comes from: publications (`publishable`), or a callable (`provide`: bindings,
watchers, documents, the members of a list), or both. `affected` says which resources a change in
the store touches; whoever changes provided state in this process may also call
`EventService.state_changed`.

How it is shown: `compose` makes the whole document, once per version. `render` cuts it down to
a view, once per view. A package whose documents are counted or partial per subscription has
`tell` instead, which is given the count and what it remembered of the last answered NOTIFY.

What a SUBSCRIBE asks for in its body, such as a list of documents or a filter, `read_content`
makes into text that is stored with the subscription and given to all that follows: `topics`
says what such a subscription follows and `touches` which of that a change in the store touches;
`load` reads what the next NOTIFY is made of, when that takes waiting.

A PUBLISH may carry a change of what is stored instead of a body (`patch_types`); `patch` makes
the new body, which is then checked as any other.
"""

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from presence.config import PolicyName
from presence.errors import BadEvent
from presence.policy.policy import Authorize, Decision
from presence.view import View
from sip.authenticator import Identity
from sip.message import Request
from sip.uri import AoR
from store.values import Change, Publication, Resource, SubscriptionRow

WINFO: Final = ".winfo"
"""The template of RFC 3857, after the name of a package."""
FILTER_TYPE: Final = "application/simple-filter+xml"
"""Of a filter (RFC 4660)."""


class Provided(NamedTuple):
    """State that was not published."""

    version: int
    """Rises with every change; the older never replaces the newer."""
    state: object
    """In the words of the package."""


class PackageState(NamedTuple):
    """All that a document is made of."""

    publications: tuple[Publication, ...] = ()
    provided: object = None


class Telling(NamedTuple):
    """What `tell` needs to know for one NOTIFY of one subscription."""

    aor: AoR
    watcher: str
    """AoR of the watcher, "" for nobody in particular."""
    parameters: str
    """Of its Event header, as received."""
    state: PackageState
    view: View
    version: int
    """0 in the first NOTIFY of a subscription, then one more each; jumps after an adoption."""
    full: bool
    """After a SUBSCRIBE, a failed NOTIFY or an adoption: the watcher must get everything."""
    memory: object
    """What the last answered NOTIFY left; None when `full`."""
    content: str = ""
    """What `read_content` made of the SUBSCRIBE."""
    answered: object = None
    """What the last answered NOTIFY left, also when `full`; None after an adoption."""
    loaded: object = None
    """What `load` has read for this NOTIFY."""
    shown: bytes = b""
    """What `view` shows, as `render` and the filter left it; b"" in a package whose `tell` makes
    every document (`tell_types` is None)."""
    offered: object = None
    """What the last NOTIFY that was made would leave, whether or not it was sent or answered;
    None after an adoption."""
    condition: str = ""
    """The entity-tag of which the watcher needs no document, "*" for none at all, "" for no
    condition (RFC 5839 §6.2). With `tell_types`, `Told.memory` takes it into account."""


class Asking(NamedTuple):
    """For whom `load` reads."""

    aor: AoR
    watcher: str
    """As in `Telling`."""
    content: str
    """As in `Telling`."""
    answered: object
    """As in `Telling`."""
    version: int
    """As in `Telling`."""


class Told(NamedTuple):
    """One document for one watcher."""

    body: bytes
    """Empty: there is nothing to hear, and `memory` counts at once."""
    content_type: str
    memory: object = None
    entity: bytes | None = None
    """All of the state, in the same octets for the same state whatever `body` tells of it: what
    the entity-tag is made of (RFC 5839 §6.4). None: `body` is that, or is never the same twice."""


Narrow = Callable[[AoR, Identity, Decision], Decision]
"""Presentity, watcher, and what policy says of that watcher for the package that a template is
applied to."""
ReadContent = Callable[[Request, str], str]
"""What a SUBSCRIBE asks for beyond its headers, given what the one before it in the dialog asked
for ("" for the first). Raises PresenceError."""
Patch = Callable[[bytes, bytes, str], bytes]
"""The stored body, the body of the PUBLISH and its media type to the new body. Raises
PresenceError."""
Load = Callable[[Asking], Awaitable[object]]
"""Raises StoreError when it should be tried again soon."""


def check_anything(body: bytes, content_type: str, aor: AoR) -> None:
    """For packages whose bodies need no look."""


@dataclass(frozen=True, slots=True)
class EventPackage:
    """One event package, or one package over lists."""

    name: str
    """The token in the Event header."""
    content_types: tuple[str, ...]
    """What its NOTIFYs carry, the default first (RFC 6665 §5.4.5)."""
    compose: Callable[[AoR, PackageState], bytes]
    """The whole document; the neutral one when there is no state (RFC 6665 §5.4.7)."""
    default_expires: int = 3600
    """Seconds of a SUBSCRIBE without Expires (RFC 6665 §5.4.4)."""
    min_expires: int | None = None
    """Seconds; the server's when None."""
    max_expires: int | None = None
    """Seconds; the server's when None."""
    default_policy: PolicyName | None = None
    """For a presentity without rules; the server's when None."""
    min_interval: float = 0.0
    """Seconds between two NOTIFYs of one subscription after a change (RFC 6665 §5.4.10)."""
    publish_types: tuple[str, ...] = ()
    """Media types a PUBLISH may carry; none means that nobody may publish."""
    patch_types: tuple[str, ...] = ()
    """Media types of a PUBLISH that changes what is stored; not among `publish_types`."""
    patch: Patch | None = None
    check_body: Callable[[bytes, str, AoR], None] = check_anything
    """Raises BadBody, Forbidden or another PresenceError."""
    render: Callable[[AoR, PackageState, bytes, View], bytes] | None = None
    """The document as one view shows it; None when there is only one view."""
    tell: Callable[[Telling], Told | None] | None = None
    """The document for one subscription, or None when it has nothing to hear."""
    tell_types: frozenset[str] | None = None
    """Media types whose documents `tell` makes; those of others are shared. None: all."""
    hear: Callable[[AoR, PackageState], None] | None = None
    """Told of every published state of a resource that is watched, also of those that no document
    is made of, since later ones came before it was told."""
    over: Callable[[PackageState], bool] | None = None
    """Whether the resource is no more; when it was there before, its subscriptions end, with
    reason noresource (RFC 6665 §4.1.3). None: resources never go away."""
    subscribe_types: tuple[str, ...] = ()
    """Media types of the bodies that a SUBSCRIBE may carry, filters aside."""
    filterable: bool = False
    """Whether a SUBSCRIBE may carry a filter (RFC 4660); the document is then XML."""
    provide: Callable[[Resource], Awaitable[Provided]] | None = None
    affected: Callable[[Change], Sequence[Resource]] | None = None
    """Resources whose provided state a change in the store touches."""
    authorize: Authorize | None = None
    """Instead of the server's."""
    inner: str = ""
    """Of a template: the package it is applied to, by its name in the store."""
    narrow: Narrow | None = None
    """Of a template: who may subscribe; goes before `authorize`."""
    admit: Callable[[Request], None] | None = None
    """Further checks of a SUBSCRIBE; raises PresenceError (421, 415, 488...)."""
    read_content: ReadContent | None = None
    """What is kept as `SubscriptionRow.content`; None: bodies of SUBSCRIBEs are not read."""
    topics: Callable[[SubscriptionRow], Sequence[str]] | None = None
    """What a subscription follows beside its resource."""
    touches: Callable[[Change], Sequence[str]] | None = None
    """The topics that a change in the store touches."""
    load: Load | None = None
    """Asked before each NOTIFY of a package that has `tell`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Put into every 2xx and NOTIFY, such as Require: eventlist."""
    locate: Callable[[Request], AoR | None] | None = None
    """What a SUBSCRIBE is about when that is no user of ours; None from it: it is one. Raises
    PresenceError."""
    event_parameters: str = ""
    """Put behind the package's name in the Event header of NOTIFYs, with its semicolon."""
    of_watcher: bool = False
    """The state is the watcher's own: the Request-URI only has to lead here."""
    key: str = ""
    """Name in the store when it is not `name`, for variants such as lists."""

    @property
    def stored_as(self) -> str:
        """The package half of a `Resource`."""
        return self.key or self.name

    @property
    def publishable(self) -> bool:
        """Whether a PUBLISH may name this package."""
        return bool(self.publish_types)


Variant = Callable[[AoR, EventPackage, Request], Awaitable[EventPackage | None]]
"""Asked for every SUBSCRIBE that opens a subscription: another package record for this
resource (a list of it, say), or None. The record must also be in the mapping, by its key."""


def allow_events(packages: Mapping[str, EventPackage]) -> tuple[str, ...]:
    """Values of Allow-Events: packages, never template-packages (RFC 6665 §4.4.4)."""
    names = {package.name for package in packages.values()}
    return tuple(sorted(name for name in names if not is_template(name, names)))


def accepted_types(packages: Mapping[str, EventPackage]) -> tuple[str, ...]:
    """Media types that some request for an event may carry (RFC 3261 §11.2, RFC 5264 §4.1)."""
    types: set[str] = set()
    for package in packages.values():
        types.update(package.publish_types, package.patch_types, package.subscribe_types)
        if package.filterable:
            types.add(FILTER_TYPE)
    return tuple(sorted(types))


def is_template(name: str, names: Container[str]) -> bool:
    """Whether `name` is a template applied to a package (RFC 6665 §5.2), to one of `names` if
    it is no template we know.

    A dot alone does not tell: packages of an operator's own have reversed domain names.
    """
    return name.endswith(WINFO) or name.rpartition(".")[0] in names


def find_package(packages: Mapping[str, EventPackage], event: str | None) -> EventPackage:
    """The package an Event header value names; tokens match byte for byte (RFC 6665 §8.2.1)."""
    token = (event or "").partition(";")[0].strip()
    package = packages.get(token)
    if package is None or package.name != token:
        raise BadEvent(allow_events(packages))
    return package
