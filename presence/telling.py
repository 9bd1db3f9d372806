"""What a package with `tell` makes of one subscription."""

from presence.live import LiveSubscription
from presence.package import Telling, Told


def tell(live: LiveSubscription, loaded: object, *, full: bool) -> Told | None:
    """The document that `live` would be told now; `full`: whatever it was told before."""
    resource, row = live.resource, live.row
    make = resource.package.tell
    assert make is not None, "the caller has looked"
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
        )
    )
