"""What a watcher need not be told, since it has it (RFC 5839).

Pure. The condition of the last SUBSCRIBE is in the subscription's row while it holds. An
entity-tag that has become false never comes true again: the watcher has a newer state then.
"""

from typing import Final

from presence.live import LiveSubscription, mark
from presence.notifier.content import whole
from presence.notifier.telling import tells
from presence.view import Rendered, without_body

ANY: Final = "*"
"""The entity-tag that every state has (RFC 5839 §6.2)."""


def impose(live: LiveSubscription, condition: str) -> None:
    """Put `live` under the condition of a SUBSCRIBE, if it has one.

    Not under that of a state which a NOTIFY on its way may take from the watcher.
    """
    if condition == ANY or (condition and not live.in_flight):
        live.condition = condition


def suppress(live: LiveSubscription, content: Rendered, *, forced: bool) -> Rendered | None:
    """What is left to be sent of `content` to a watcher that has set a condition.

    The Subscription-State alone when it must be told (`forced`), nothing for a change of the
    resource; all of it once the condition is false (RFC 5839 §6.2, §6.3).
    """
    condition = live.condition
    if condition == ANY:
        if live.resource.package.tell_types is None:
            live.offered_memory = live.memory
    elif condition != content.etag:
        live.condition = ""
        return content
    return without_body(content) if forced else None


def acknowledge(live: LiveSubscription, condition: str, loaded: object) -> bool:
    """Whether `condition` is true, so that a SUBSCRIBE in the dialog tells nothing new.

    If so the watcher counts as having been told. Not so while a NOTIFY is on its way that shows
    something else: nobody knows which of both the watcher would keep.
    """
    if condition != ANY:
        shown, memory = whole(live, loaded)
        if shown.etag != condition:
            return False
        if live.in_flight:
            counted = tells(live)
            if live.told != mark(shown.body) and not (counted and live.offered_memory == memory):
                return False
        else:
            live.told, live.full = mark(shown.body), False
            if live.usage.shows_state:
                live.memory = live.offered_memory = memory
            live.told_version = live.resource.version
    live.condition = condition
    return True
