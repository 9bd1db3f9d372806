"""DNS look-ups with a cache: each question is asked once, however many want to know. Shell."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from sip.dns_cache import DnsCache, Failure, Held, Question
from sip.transport.dns_query import Answer, DnsQuery

DEFAULT_TIMEOUT: Final = 2.0
MAX_ASKING: Final = 1_000
"""Questions asked at once; past it a look-up fails."""
UNREACHABLE_FOR: Final = 5.0
"""After a look-up that no server answered, so long old answers are used without waiting. They
are asked for again all the same (RFC 8767 §4), as it may have been but the servers of one zone."""

_TOO_MANY: Final = Failure("too many DNS look-ups at once", reached=False)


class Asker(Protocol):
    """Asks one question (`DnsQuery`)."""

    async def ask(self, question: Question) -> Answer | Failure: ...
    async def close(self) -> None: ...


class DnsStats:
    """Counts since the start."""

    __slots__ = ("cache_hits", "failures", "queries", "stale")

    def __init__(self) -> None:
        self.queries = 0
        """Questions asked of the library; it may send several packets, or none."""
        self.cache_hits = 0
        self.failures = 0
        """Queries without an answer, be it only that there is nothing."""
        self.stale = 0
        """Answers given past their time since none newer could be had."""


class Dns:
    """Looks up records."""

    def __init__(
        self,
        *,
        servers: Sequence[str] = (),
        timeout: float = DEFAULT_TIMEOUT,
        asker: Asker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """See `DnsQuery` for `servers` and `timeout`."""
        self._asker = asker or DnsQuery(servers, timeout)
        self._clock = clock
        self._cache = DnsCache()
        self._asking: dict[Question, asyncio.Task[Held]] = {}
        self._unreachable_until = float("-inf")
        self.stats = DnsStats()

    @property
    def cached(self) -> int:
        """How many answers are kept."""
        return len(self._cache)

    async def ask(self, questions: Iterable[Question]) -> list[Held]:
        """The answers to all `questions`, in their order; asked at the same time."""
        begun = [self._begin(question) for question in questions]
        return [each if isinstance(each, Held) else await asyncio.shield(each) for each in begun]

    async def close(self) -> None:
        """End look-ups under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._asker.close()

    def _begin(self, question: Question) -> Held | asyncio.Task[Held]:
        """The answer at once, or the look-up that will give it."""
        now = self._clock()
        held = self._cache.fresh(question, now)
        if held is not None:
            self.stats.cache_hits += 1
            return held
        task = self._asking.get(question) or self._asked(question)
        if now < self._unreachable_until:
            old = self._cache.good(question, now)
            if old is not None:
                self.stats.stale += 1
                return old
        return task or Held((), _TOO_MANY, now, now)

    def _asked(self, question: Question) -> asyncio.Task[Held] | None:
        """A new look-up, None when there are too many."""
        if len(self._asking) >= MAX_ASKING:
            return None
        task = asyncio.create_task(self._look_up(question))
        self._asking[question] = task
        task.add_done_callback(lambda _: self._asking.pop(question, None))
        return task

    async def _look_up(self, question: Question) -> Held:
        self.stats.queries += 1
        outcome = await self._asker.ask(question)
        now = self._clock()
        if isinstance(outcome, Answer):
            self._unreachable_until = now
            return self._cache.answered(question, outcome.records, outcome.ttl, now)
        self.stats.failures += 1
        if not outcome.reached:
            self._unreachable_until = now + UNREACHABLE_FOR
        held = self._cache.failed(question, outcome, now)
        if held.failure is None:
            self.stats.stale += 1
        return held
