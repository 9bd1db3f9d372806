"""NOTIFYs by the terms of a watcher: what was seen, and the same told again (RFC 6446 §6, §7)."""

from collections.abc import Callable
from functools import partial

from presence.errors import PresenceError
from presence.live import LiveSubscription
from presence.notifier.conditional import ANY
from presence.notifier.helper import Schedule
from presence.subscriptions.rates import chosen, read_rates
from presence.subscriptions.terms import Terms
from sip.errors import ParseError
from sip.message import Response


class Repeats:
    """Keeps the pace of those few subscriptions that have terms."""

    __slots__ = ("_schedule", "_send")

    def __init__(self, schedule: Schedule, send: Callable[[LiveSubscription], None]) -> None:
        """`send` makes a NOTIFY whether or not anything has changed."""
        self._schedule = schedule
        self._send = send

    def told(self, live: LiveSubscription, terms: Terms, now: float) -> None:
        """A NOTIFY of `live` goes out."""
        if terms.triggers and live.usage.shows_state:
            terms.seen = document_of(live)
        if terms.pace is not None:
            terms.pace.sent(now)
            self.go_on(live, terms, now)

    def go_on(self, live: LiveSubscription, terms: Terms, now: float) -> None:
        """See to it that `live` is told again when it is time, if that is before its end."""
        terms.stop()
        at = None if terms.pace is None else terms.pace.again_at(now)
        if at is not None and at < live.usage.expires_at and not live.usage.ended:
            terms.timer = self._schedule(at, partial(self._again, live, terms))

    def heed(self, live: LiveSubscription, terms: Terms, response: Response, now: float) -> None:
        """The 2xx to a NOTIFY asks for other rates, which a watcher may whose SUBSCRIBE had any.

        They last until the next SUBSCRIBE, or until another process takes over.
        """
        package = live.resource.package
        if terms.pace is None:
            return
        try:
            event = response.event
            if event is None or event.package != package.name:
                return
            asked = read_rates(event.parameters)
        except (ParseError, PresenceError):
            return
        left = max(1, int(live.usage.expires_at - now))
        terms.pace = terms.pace.changed(
            chosen(asked, expires=left, interval=package.min_interval), now
        )
        self.go_on(live, terms, now)

    def _again(self, live: LiveSubscription, terms: Terms) -> None:
        terms.timer = None
        wanted = live.opened and live.usage.hears_changes and live.condition != ANY
        if wanted and live.terms is terms:
            self._send(live)


def document_of(live: LiveSubscription) -> bytes:
    """What the watcher may see, before its filter."""
    return live.resource.render(live.view.plain).body


def wants(live: LiveSubscription, terms: Terms) -> bool:
    """Whether a change of the resource is one that the watcher wants to hear of."""
    return not live.usage.shows_state or terms.wants(partial(document_of, live))
