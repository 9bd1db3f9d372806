"""Where a branch of a request goes, and what is tried after that (RFC 3261 §16.5, §16.6). Pure."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final, NamedTuple

from proxy.relay import request_uri
from proxy.targets import ContactTarget, Targets
from sip.address import NameAddr
from sip.errors import ParseError
from sip.uri import AoR

SCHEMES: Final = ("sip:", "sips:")
"""Of contacts that a request can be sent to."""

OwnFlow = Callable[[str], str]
"""The name of the flow of this process that a user part is the token of, or ""."""


class Destination(NamedTuple):
    """One way to one target."""

    uri: str
    """Request-URI to write."""
    routes: tuple[str, ...] = ()
    """Route values to write."""
    next_hops: tuple[str, ...] = ()
    """URIs whose hosts are sent to, the first that can be reached."""
    flow: str = ""
    """The name of the flow to send on, in place of the next hops."""
    contact: ContactTarget | None = None
    """The binding that this is of."""
    aor: AoR = AoR("")
    """Whose binding."""


Attempts = tuple[Destination, ...]
"""What a branch tries, one after the other."""
Groups = list[list[Attempts]]
"""Branches tried at once, group after group."""


def by_route(uri: str, routes: Sequence[str]) -> Destination:
    """Where a request for `uri` goes by `routes` (§16.6 step 6). Raises ParseError."""
    if not routes:
        return Destination(uri, (), (uri,))
    first = NameAddr.parse(routes[0]).sip_uri
    if "lr" in first.parameters:
        return Destination(uri, tuple(routes), (str(first),))
    return Destination(str(first), (*routes[1:], f"<{uri}>"), (str(first),))


def to_contact(target: ContactTarget, aor: AoR, own_flow: OwnFlow) -> Destination:
    """The way to a registered contact: by its Path, our own flow if that begins there (RFC 3327
    §5.4, RFC 5626 §5.3), to where a client behind a NAT was heard from, or to what it says.

    Raises ParseError.
    """
    uri = request_uri(target.uri)
    if target.routes:
        flow = own_flow(NameAddr.parse(target.routes[0]).sip_uri.user or "")
        if flow:
            return Destination(uri, target.routes[1:], (), flow, target, aor)
        return by_route(uri, target.routes)._replace(contact=target, aor=aor)
    hops = (target.received, uri) if target.received else (uri,)
    return Destination(uri, (), hops, "", target, aor)


def groups_of(targets: Targets, *, secure: bool, own_flow: OwnFlow) -> Groups:
    """Branches for the contacts of a user, as the caller would have them (RFC 3841 §9.1).

    `secure`: the request is for a SIPS URI, and goes to no other (RFC 3261 §26.2.2). What no
    request can be sent to is left out.
    """
    groups: Groups = []
    for contacts in targets.groups:
        usable = (_attempts(contact, targets.aor, secure, own_flow) for contact in contacts)
        groups.append([attempts for attempts in usable if attempts])
    branches = [attempts for group in groups for attempts in group]
    if not targets.disposition.fork:
        return [branches[:1]] if branches else []
    if targets.disposition.parallel is False:
        return [[attempts] for attempts in branches]
    return [group for group in groups if group]


def _attempts(contact: ContactTarget, aor: AoR, secure: bool, own_flow: OwnFlow) -> Attempts:
    """The contact, and other ways to the same instance (RFC 5626 §7)."""
    found = []
    for each in (contact, *contact.alternatives):
        if each.uri[:5].lower().startswith(SCHEMES[1:] if secure else SCHEMES):
            try:
                found.append(to_contact(each, aor, own_flow))
            except ParseError:
                continue
    return tuple(found)


def bounded(groups: Groups, most: int) -> Groups:
    """No more than the first `most` branches."""
    kept: Groups = []
    for group in groups:
        if most > 0:
            kept.append(group[:most])
            most -= len(group)
    return kept


def side_by_side(several: Sequence[Groups]) -> Groups:
    """The groups of several targets that are tried at once: first with first and so on."""
    longest = max(map(len, several), default=0)
    return [
        list(chain.from_iterable(groups[at] for groups in several if at < len(groups)))
        for at in range(longest)
    ]
