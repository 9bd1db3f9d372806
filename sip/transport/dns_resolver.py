"""Finds where messages go by asking DNS (RFC 3263). Shell around `sip.locate`."""

import random
import time
from collections.abc import Callable, Container, Sequence
from typing import Final

from sip.dns_cache import Held, Question
from sip.dns_records import Naptr, Srv
from sip.errors import TransportError
from sip.failed_targets import FailedTargets
from sip.locate import Place, Search, Target, numeric
from sip.transport.dns import Dns, DnsStats
from sip.transport.hosts_file import HostsFile
from sip.uri import SipUri

BOTH_FAMILIES: Final = "A+AAAA"


class DnsResolver:
    """A `Resolver` by NAPTR, SRV and address records."""

    def __init__(
        self,
        dns: Dns | None = None,
        *,
        addresses: str = BOTH_FAMILIES,
        hosts: Container[str] | None = None,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`addresses`: the kinds we have sockets for, "A", "AAAA" or both; `hosts`: the names
        that are no domains, only hosts of this system.
        """
        self._dns = Dns() if dns is None else dns
        self._addresses = addresses
        self._hosts = HostsFile() if hosts is None else hosts
        self._draw = draw
        self._clock = clock
        self._failed = FailedTargets()

    @property
    def stats(self) -> DnsStats:
        """Counts of look-ups."""
        return self._dns.stats

    @property
    def cached(self) -> int:
        """How many answers are kept."""
        return self._dns.cached

    async def locate(
        self, uri: SipUri, *, transports: Sequence[str], size: int = 0
    ) -> Sequence[Target]:
        """See `Resolver`."""
        search = Search.for_request(uri, transports, size)
        if search is None:
            raise TransportError(f"no transport of ours leads to {uri}")
        return await self._found(search)

    async def locate_response(
        self, host: str, port: int | None, transport: str
    ) -> Sequence[Target]:
        """See `Resolver`."""
        search = Search.for_response(host, port, transport)
        if search is None:
            raise TransportError(f"a response cannot be sent to {host} by {transport}")
        return await self._found(search)

    def failed(self, target: Target) -> None:
        """See `Resolver`."""
        self._failed.add(target, self._clock())

    async def close(self) -> None:
        """End look-ups under way."""
        await self._dns.close()

    async def _found(self, search: Search) -> Sequence[Target]:
        """The targets of `search`; TransportError when there are none."""
        if search.domain in self._hosts:
            search = search.plain()
        if search.asks_naptr:
            [pointers] = await self._ask([Question("NAPTR", search.domain)])
            search = search.narrowed(one for one in pointers if isinstance(one, Naptr))
        answers = await self._ask([Question("SRV", service.name) for service in search.services])
        services = [[one for one in answer if isinstance(one, Srv)] for answer in answers]
        draws = [self._draw() for answer in services for _ in answer]
        places = search.places(services, draws)
        if not places:
            raise TransportError(f"{search.domain} says that it does not serve SIP")
        targets = search.targets(places, await self._addresses_of(places))
        if not targets:
            raise TransportError(f"{search.domain} has no address")
        return self._failed.last(targets, self._clock())

    async def _addresses_of(self, places: Sequence[Place]) -> dict[str, list[str]]:
        """The addresses of every host that has some; TransportError when DNS fails for all."""
        names = list(dict.fromkeys(place.host for place in places if not numeric(place.host)))
        answers = await self._dns.ask(Question(self._addresses, name) for name in names)
        if answers and all(answer.failure for answer in answers):
            raise _not_found(names[0], answers[0])
        return {
            name: [one for one in answer.records if isinstance(one, str)]
            for name, answer in zip(names, answers, strict=True)
        }

    async def _ask(self, questions: Sequence[Question]) -> list[tuple[object, ...]]:
        """Records that need not be there: a server that cannot tell counts as none.

        Not so when no server answers at all, since the next question would fare no better.
        """
        answers = await self._dns.ask(questions)
        if answers and all(each.failure and not each.failure.reached for each in answers):
            raise _not_found(questions[0].name, answers[0])
        return [answer.records for answer in answers]


def _not_found(name: str, answer: Held) -> TransportError:
    return TransportError(f"cannot find {name}: {answer.failure.reason if answer.failure else ''}")
