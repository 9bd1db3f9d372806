"""What a package with `tell` makes of one subscription."""

from presence.live import LiveResource, LiveSubscription
from presence.package import Telling, Told
from presence.view import View


def tells(live: LiveSubscription) -> bool:
    """Whether the documents of `live` are its own, and not those of its view."""
    package = live.resource.package
    if package.tell is None:
        return False
    return package.tell_types is None or live.view.content_type in package.tell_types


def tell(live: LiveSubscription, loaded: object, *, full: bool) -> Told | None:
    """The document that `live` would be told now; `full`: whatever it was told before."""
    resource = live.resource
    make = resource.package.tell
    assert make is not None, "the caller has looked"
    row = live.row
    return make(
        Telling(
            aor=resource.aor,
            watcher=row.watcher,
            parameters=row.event_parameters,
            state=resource.state,
            view=live.view,
            version=live.cseq,
            full=full,
            memory=None if full else live.memory,
            content=row.content,
            answered=live.memory,
            loaded=loaded,
            shown=_shown(resource, live.view),
            offered=live.offered_memory,
            condition=live.condition,
        )
    )


def _shown(resource: LiveResource, view: View) -> bytes:
    """What all with `view` may see, in the media type that is shared."""
    package = resource.package
    if package.tell_types is None:
        return b""
    shared = view._replace(content_type=package.content_types[0], coding=None)
    return resource.render(shared).body
