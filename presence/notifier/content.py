"""What a watcher may be told now."""

from presence.live import LiveSubscription
from presence.notifier.telling import tell, tells
from presence.view import EMPTY, Rendered, rendered


def content_of(live: LiveSubscription, loaded: object) -> Rendered | None:
    """The content of the next NOTIFY of `live`; None when there is nothing for it.

    `loaded`: what the package has read, if it reads.
    """
    resource = live.resource
    if not live.usage.shows_state:
        return EMPTY
    if resource.package.tell is None or not tells(live):
        return resource.render(live.view)
    told = tell(live, loaded, full=live.full)
    if told is None:
        return None
    if not told.body:
        live.memory = told.memory
        return None
    live.offered_memory = told.memory
    return rendered(told.content_type, told.body, told.entity, live.view.coding)


def whole(live: LiveSubscription, loaded: object) -> tuple[Rendered, object]:
    """All that the watcher may see now, and what it would leave behind."""
    if not live.usage.shows_state:
        return EMPTY, live.memory
    if not tells(live):
        return live.resource.render(live.view), None
    told = tell(live, loaded, full=True)
    if told is None:
        return EMPTY, live.memory
    return rendered(told.content_type, told.body, told.entity), told.memory
