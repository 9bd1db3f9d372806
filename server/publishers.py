"""Which changes of bindings mean that a publisher is gone (PUB-09). Pure."""

from collections.abc import Callable, Iterable, Mapping

from presence.publications.publishers import UDP, way_of
from proxy.changes import BindingsChange, BindingsListener
from sip.errors import ParseError
from sip.locate import DEFAULT_PORTS
from sip.uri import AoR, SipUri
from store.values import Binding

Tell = Callable[[AoR, Iterable[str], Mapping[str, str]], None]
"""Told whose bindings, over which flows there is none any more, and which flows another one has
taken the place of, by the one before."""


def publishers_leave(tell: Tell) -> BindingsListener:
    """What hears of the registrar's changes, and tells what they mean for publishers."""

    def listener(change: BindingsChange) -> None:
        gone, moved = flows_left(change.before or (), change.after)
        if gone or moved:
            tell(change.aor, gone, moved)

    return listener


def flows_left(
    before: Iterable[Binding], after: Iterable[Binding]
) -> tuple[set[str], dict[str, str]]:
    """The flows of `before` that are none of `after`: those gone, and those changed for another.

    A device is known by its instance, without one by its contact (RFC 5626 §4.1).
    """
    heirs = {device(binding): way(binding) for binding in after}
    left = set(heirs.values())
    gone: set[str] = set()
    moved: dict[str, str] = {}
    for binding in before:
        old, heir = way(binding), heirs.get(device(binding))
        if not old or old in left:
            continue
        if heir:
            moved[old] = heir
        else:
            gone.add(old)
    return gone - moved.keys(), moved


def way(binding: Binding) -> str:
    """The flow of `binding`; without one, where its contact is over UDP; "" for neither."""
    if binding.flow:
        return way_of(binding.flow)
    try:
        uri = SipUri.parse(binding.contact)
    except ParseError:
        return ""
    if (uri.parameters.get("transport") or UDP).lower() != UDP:
        return ""
    return f"{UDP}:{uri.host}:{uri.port or DEFAULT_PORTS[UDP]}"


def device(binding: Binding) -> str:
    """What stays the same when a device registers over another flow."""
    return binding.instance or binding.contact
