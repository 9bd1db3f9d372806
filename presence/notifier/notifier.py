"""When a NOTIFY goes out, to whom, and what its answer means (RFC 6665 §4.2.2).

One NOTIFY is in flight per subscription; what happens meanwhile merges into the next, which
is made when it is sent and so holds the newest state (EVT-08). The first change is told at
once, later ones after the package's interval (PRS-10). No clock, task or socket in here:
instants are given, flows that take waiting are found by `Helper.find_way`, and a dead
subscription is handed to `Helper.ended`.
"""

from collections.abc import Callable
from functools import partial
from typing import Final
from zlib import crc32

from presence.live import CSEQ_BLOCK, CSEQ_MARGIN, Due, LiveResource, LiveSubscription, mark
from presence.notifier.answers import Answers
from presence.notifier.conditional import ANY, acknowledge, suppress
from presence.notifier.content import content_of
from presence.notifier.helper import Helper, Schedule
from presence.notifier.notification import join, subscription_state
from presence.notifier.pacer import Pacer
from presence.notifier.repeats import Repeats, wants
from presence.notifier.telling import tells
from presence.notifier.ways import Ways, template_of
from presence.ports import Hop, Notifying
from presence.stats import EventStats
from presence.view import EMPTY, Rendered
from sip.message import Response
from sip.transport.flow import Flow
from sip.wheel import Timer

UDP_LIMIT: Final = 1300
"""Octets; larger requests want a congestion-controlled transport (RFC 3261 §18.1.1)."""

LOAD_AGAIN: Final = 2
"""Seconds until what could not be read is read again, and at most as many more: those that
failed together do not come back together."""


class Notifier:
    """The sending side of all subscriptions of this process."""

    def __init__(
        self,
        *,
        endpoint: Notifying,
        clock: Callable[[], float],
        schedule: Schedule,
        stats: EventStats,
        domains: frozenset[str],
        helper: Helper,
        pacer: Pacer | None = None,
    ) -> None:
        """Without a `pacer` NOTIFYs leave as they come."""
        self._pacer = pacer
        self._turns: Timer | None = None
        """When those who wait for a turn are looked at again."""
        self._endpoint = endpoint
        self._clock = clock
        self._schedule = schedule
        self._stats = stats
        self._helper = helper
        self._ways = Ways(endpoint, domains)
        self._repeats = Repeats(schedule, self.force)
        self.told: dict[str, LiveSubscription] = {}
        """Whose `told_version` or `ceiling` the store does not know yet."""
        self._answers = Answers(
            clock=clock,
            schedule=schedule,
            stats=stats,
            helper=helper,
            sender=self,
            told=self.told,
        )

    @property
    def failing(self) -> int:
        """Subscriptions for which another server of their next hop is looked for."""
        return self._answers.failing

    @property
    def waiting(self) -> int:
        """Subscriptions whose NOTIFY waits for a turn."""
        return 0 if self._pacer is None else len(self._pacer)

    @property
    def paced(self) -> int:
        """NOTIFYs that have waited for a turn."""
        return 0 if self._pacer is None else self._pacer.delayed

    def forget(self, live: LiveSubscription) -> None:
        """Nothing more will be told to `live`."""
        self.told.pop(live.id, None)
        self._answers.forget(live)
        if self._pacer is not None:
            self._pacer.forget(live)

    def changed(self, resource: LiveResource) -> None:
        """`resource` moved on: tell whoever may hear of it."""
        now = self._clock()
        for live in tuple(resource.subscriptions.values()):
            self.hear(live, now)

    def hear(self, live: LiveSubscription, now: float) -> None:
        """Tell `live` of a change, unless it may not hear of any, or does not want to."""
        if not live.usage.hears_changes or live.condition == ANY:
            return
        if live.due:
            self._stats.coalesced += 1
        else:
            live.due = Due.CHANGED
        self.pump(live, now)

    def force(self, live: LiveSubscription, loaded: object = None) -> None:
        """Send a NOTIFY whatever the watcher knows: its subscription's own state changed.

        `loaded`: what `release` gave back, which need not be read again.
        """
        live.due = Due.FORCED
        live.full = True
        self.pump(live, self._clock(), loaded)

    def keep_pace(self, live: LiveSubscription) -> None:
        """`live` goes on without a NOTIFY."""
        if live.terms is not None:
            self._repeats.go_on(live, live.terms, self._clock())

    def heed(self, live: LiveSubscription, response: Response) -> None:
        """The 2xx to a NOTIFY may ask for other rates (RFC 6446 §4.1)."""
        if live.terms is not None:
            self._repeats.heed(live, live.terms, response, self._clock())

    def reserve(self, live: LiveSubscription) -> Due | None:
        """Keep NOTIFYs of `live` back while what it would be told is read, until `release`.

        What was due; None, and nothing is kept back, while a NOTIFY is on its way.
        """
        if live.in_flight:
            return None
        live.in_flight = True
        due, live.due = live.due, Due.NOTHING
        return due

    def release(self, live: LiveSubscription, due: Due) -> bool:
        """Undo `reserve`; whether nothing was heard meanwhile that may not have been read.

        The caller sees to it that what is due is sent.
        """
        live.in_flight = False
        later, live.due = live.due, max(live.due, due)
        if later is Due.FORCED:
            self.pump(live, self._clock())
        return later is Due.NOTHING

    def knows(self, live: LiveSubscription, condition: str, loaded: object) -> bool:
        """Whether no NOTIFY need follow a SUBSCRIBE with `condition` (RFC 5839 §6.3).

        `loaded`: what the package has read, if it reads.
        """
        if live.due is Due.FORCED or not acknowledge(live, condition, loaded):
            return False
        self._stats.suppressed += 1
        if not live.usage.ended:
            self.told[live.id] = live
        return True

    def pump(self, live: LiveSubscription, now: float, loaded: object = None) -> None:
        """Send what is due, unless something is in the way that will call this again."""
        if not self._is_ready(live, now):
            return
        pacer = self._pacer
        if pacer is None:
            self._go(live, now, loaded)
        elif not pacer.admits(live, now):
            self._await_turns(pacer, now)
        elif not self._go(live, now, loaded):
            pacer.give_back()

    def _is_ready(self, live: LiveSubscription, now: float) -> bool:
        """Whether something is due that need not wait for anything of its own."""
        if not live.due or live.in_flight or not live.opened:
            return False
        at = live.held_until
        if live.due is Due.CHANGED and live.quiet_until > at:
            at = live.quiet_until
        if live.due is Due.CHANGED and live.terms is not None:
            at = max(at, live.terms.quiet_until)
        if now < at:
            if live.timer is None:
                live.timer = self._schedule(at, partial(self._timer_fired, live))
            return False
        return True

    def _go(self, live: LiveSubscription, now: float, loaded: object = None) -> bool:
        """Send what is due; whether something was sent, or will be once it was read."""
        sent = self._stats.notify_sent
        try:
            self._send(live, now, loaded)
        except Exception as error:  # noqa: BLE001 - one watcher's failure is its own
            self._helper.failed(live, error)
        reading = live.in_flight and live.resource.package.load is not None
        return reading or self._stats.notify_sent != sent

    def _await_turns(self, pacer: Pacer, now: float) -> None:
        if self._turns is None:
            self._turns = self._schedule(now + pacer.pause, partial(self._take_turns, pacer))

    def _take_turns(self, pacer: Pacer) -> None:
        """Tell those whose turn has come (EVT-17)."""
        self._turns = None
        now = self._clock()
        while (live := pacer.take(now)) is not None:
            if not self._is_ready(live, now) or not self._go(live, now):
                pacer.give_back()
        if pacer:
            self._await_turns(pacer, now)

    def tell_endings(self) -> None:
        """Tell those whose subscription is over, whosever turn it is: nobody will later."""
        for live in self._pacer.endings() if self._pacer is not None else ():
            self._go(live, self._clock())

    def _timer_fired(self, live: LiveSubscription) -> None:
        live.timer = None
        self.pump(live, self._clock())

    def _send(self, live: LiveSubscription, now: float, loaded: object) -> None:
        terms = live.terms
        if terms is not None and live.due is Due.CHANGED and not wants(live, terms):
            self._tell(live, None, now)
            return
        reads = live.resource.package.load is not None and tells(live) and live.usage.shows_state
        if reads and loaded is None:
            due, live.due = live.due, Due.NOTHING
            live.in_flight = True
            self._helper.load(live, due)
        else:
            self._tell(live, content_of(live, loaded), now)

    def loaded(self, live: LiveSubscription, due: Due, loaded: object) -> None:
        """`Helper.load` is through: tell it, unless there is now more to tell.

        What was heard while it read may be missing in `loaded`: it makes one more NOTIFY.
        """
        live.in_flight = False
        later, live.due = live.due, due
        now = self._clock()
        if not live.opened or later is Due.FORCED:
            live.due = later
        else:
            self._tell(live, content_of(live, loaded), now)
            live.due = max(live.due, later)
        self.pump(live, now)

    def not_loaded(self, live: LiveSubscription, due: Due) -> None:
        """`Helper.load` came to nothing for now."""
        live.in_flight = False
        now = self._clock()
        live.due = max(live.due, due)
        again = LOAD_AGAIN * (1 + crc32(live.id.encode()) / 2**32)
        live.held_until = max(live.held_until, now + again)
        self.pump(live, now)

    def _tell(self, live: LiveSubscription, content: Rendered | None, now: float) -> None:
        forced = live.due is Due.FORCED
        if live.condition and content is not None:
            content = suppress(live, content, forced=forced)
        if not forced and (content is None or mark(content.body) == live.told):
            live.due = Due.NOTHING
            live.told_version = live.resource.version
            self.told[live.id] = live
            self._stats.suppressed += 1
            return
        flow = live.way
        if flow is None or flow.closed:
            flow = self._ways.find(live)
            if flow is None:
                live.in_flight = True
                self._helper.find_way(live, 0)
                return
        self._dispatch(live, content or EMPTY, flow, now)

    def _dispatch(self, live: LiveSubscription, content: Rendered, flow: Flow, now: float) -> None:
        """Number, join and send; the state it tells is the newest there is."""
        branch = self._endpoint.new_branch()
        template = live.template or template_of(live, keep=live.due is Due.CHANGED)
        state = subscription_state(live.usage.notify(now))
        if live.terms is not None:
            state += live.terms.parameters
        cseq = live.cseq + 1
        data = join(template, flow.via_prefix, branch, cseq, state, content.tail)
        if len(data) > UDP_LIMIT and not flow.reliable:
            large = live.large_way
            if large is None or large.closed:
                live.in_flight = True
                self._helper.find_way(live, len(data))
                return
            flow = large
            data = join(template, flow.via_prefix, branch, cseq, state, content.tail)
        if live.due is Due.CHANGED:
            live.quiet_until = now + live.resource.package.min_interval
            if live.resource.asked_at:
                self._stats.notify_delay.observe(self._clock() - live.resource.asked_at)
        live.due = Due.NOTHING
        live.cseq = cseq
        if cseq > live.ceiling - CSEQ_MARGIN:
            live.ceiling += CSEQ_BLOCK
            self.told[live.id] = live
        live.told = mark(content.body)
        live.in_flight = True
        self._stats.notify_sent += 1
        if live.terms is not None:
            self._repeats.told(live, live.terms, now)
        done = partial(self._answers.answered, live, live.resource.version, flow)
        self._endpoint.send_notify(data, branch, flow, done)

    def way_found(
        self, live: LiveSubscription, flow: Flow | None, *, size: int, home: Hop | None
    ) -> None:
        """`find_way` is through; `home` is what a GRUU or AoR of ours stands for.

        What finds no larger way goes out over UDP after all (RFC 3261 §18.1.1).
        """
        live.in_flight = False
        if flow is None and size:
            flow = live.way
        if flow is None:
            self._answers.no_way(live)
            return
        if size:
            live.large_way = flow
        else:
            live.way = flow
        if home is not None:
            template_of(live, home)
        self.pump(live, self._clock())

    def other_found(self, live: LiveSubscription, flow: Flow | None) -> None:
        """`find_other` is through: the newest state goes there, or there is no other server."""
        if self._answers.other_found(live, flow):
            self.way_found(live, flow, size=0, home=None)
