"""Clients that remember what they were promised: publishers, watchers, registrants, XCAP users.

Each `step()` sends one request and notes whether a 2xx came for it; each `losses()` asks the server
for what was acknowledged and names what is not there. What was sent and not answered when the
server died is in doubt: it may have been committed or not, and nothing older may come back.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Protocol

import aiohttp

from tests.processes import DOMAIN, Running
from tests.rawsip import Heard, SipClient
from tests.rawusers import Subscription, User, pidf
from tests.rawxcap import XcapClient, resource_list

SUBSCRIPTIONS_EACH: Final = 3
CONTACTS_EACH: Final = 6
SOCKETS: Final = 6
PAUSE: Final = 0.06
"""Seconds between two requests of one client."""
CHECK_TIMEOUT: Final = 10.0
WHOLE_DOCUMENT_EVERY: Final = 4
"""Writes of an author, of which the others are of an attribute in the document."""


@dataclass
class Promise:
    """One thing as its owner knows it."""

    acked: str = ""
    """The last value that was answered 2xx; empty before the first."""
    doubt: str = ""
    """A value sent since and not answered."""
    count: int = 0

    def sent(self, value: str) -> None:
        self.doubt = value

    def answered(self) -> None:
        self.acked, self.doubt, self.count = self.doubt, "", self.count + 1

    def settle(self, found: str | None) -> str | None:
        """What is wrong with finding this value now; nothing is in doubt any more."""
        before = f"{found}, not {self}"
        kept = not self.acked or (bool(found) and found in {self.acked, self.doubt})
        self.acked, self.doubt = found or "", ""
        return None if kept else before


class Member(Protocol):
    """What the fleet does with each client."""

    @property
    def count(self) -> int:
        """How many requests were answered 2xx."""

    async def step(self) -> None: ...
    async def losses(self) -> list[str]: ...


@dataclass
class Publisher:
    """A PUA that changes its one publication again and again."""

    user: User
    promise: Promise = field(default_factory=Promise)
    entity_tag: str | None = None
    version: int = 0

    @property
    def count(self) -> int:
        return self.promise.count

    async def step(self) -> None:
        self.version += 1
        note = f"v{self.version:05d}"
        self.promise.sent(note)
        answer = await self.user.publish(pidf(self.user.aor, note), if_match=self.entity_tag)
        expect(answer)
        self.entity_tag = answer["SIP-ETag"]
        self.promise.answered()

    async def state(self) -> frozenset[str]:
        """The notes that a fetch shows now (RFC 6665 §4.4.3)."""
        fetch = Subscription(self.user, self.user.aor)
        expect(await fetch.send(0, CHECK_TIMEOUT))
        return notes((await fetch.notified(1, CHECK_TIMEOUT)).body)

    async def losses(self) -> list[str]:
        if not self.promise.acked:
            return []
        refreshed = await self.user.publish(if_match=self.entity_tag)
        found = await self.state()
        kept = self.promise.acked if refreshed.status == 200 else self.promise.doubt
        self.entity_tag = refreshed.get("SIP-ETag")
        if refreshed.status not in {200, 412} or kept not in found:
            return [f"{self.user.aor}: {refreshed.start}, {self.promise}, state {found}"]
        self.promise.settle(kept)
        return []


@dataclass
class Watcher:
    """A watcher of one presentity that opens some dialogs and then refreshes them in turn."""

    user: User
    presentity: str
    subscriptions: list[Subscription] = field(default_factory=list)
    """Those whose SUBSCRIBE was answered 200."""
    count: int = 0

    async def step(self) -> None:
        if len(self.subscriptions) < SUBSCRIPTIONS_EACH:
            subscription = Subscription(self.user, self.presentity)
            expect(await subscription.send(600))
            self.subscriptions.append(subscription)
        else:
            expect(await self.subscriptions[self.count % SUBSCRIPTIONS_EACH].send(600))
        self.count += 1

    def shown(self) -> list[frozenset[str]]:
        """What the newest NOTIFY of each subscription shows."""
        return [
            notes(subscription.notifies[-1].body) if subscription.notifies else frozenset()
            for subscription in self.subscriptions
        ]

    async def losses(self) -> list[str]:
        answers = [await each.send(600, CHECK_TIMEOUT) for each in self.subscriptions]
        return [f"{self.user.aor}: {answer.start}" for answer in answers if answer.status != 200]


@dataclass
class Registrant:
    """A user whose devices register in turn, each time with another q."""

    user: User
    promises: dict[str, Promise] = field(default_factory=dict)
    """By the user part of the Contact."""
    version: int = 0

    async def step(self) -> None:
        self.version += 1
        device, q = (
            f"device{self.version % CONTACTS_EACH}",
            f"{self.version % 900 / 1000 + 0.1:.3f}",
        )
        promise = self.promises.setdefault(device, Promise())
        promise.sent(q)
        host, port = self.user.client.local
        expect(await self.user.register(f"<sip:{device}@{host}:{port}>;q={q}"))
        promise.answered()

    @property
    def count(self) -> int:
        return sum(promise.count for promise in self.promises.values())

    async def losses(self) -> list[str]:
        answer = await self.user.register()
        expect(answer)
        rows = chain.from_iterable(value.split(",") for value in answer.all("Contact"))
        matches = (_BINDING.search(row) for row in rows)
        found = {match[1]: match[2].ljust(len(SHORTEST_Q), "0") for match in matches if match}
        wrong = {name: each.settle(found.get(name)) for name, each in self.promises.items()}
        return [f"{self.user.aor} {name}: {text}" for name, text in wrong.items() if text]


SHORTEST_Q: Final = "0.100"
_BINDING: Final = re.compile(r"<sip:(\w+)@[^>]*>.*;q=([\d.]+)")


@dataclass
class Author:
    """An XCAP user that writes one document over and over, and then one element of it."""

    xcap: XcapClient
    aor: str
    promise: Promise = field(default_factory=Promise)
    etag: str = ""
    version: int = 0

    @property
    def count(self) -> int:
        return self.promise.count

    @property
    def path(self) -> str:
        return f"resource-lists/users/{self.aor}/index"

    async def step(self) -> None:
        self.version += 1
        name = f"v{self.version:05d}"
        self.promise.sent(name)
        if self.version % WHOLE_DOCUMENT_EVERY == 1:
            answer = await self.xcap.put(self.path, resource_list(name))
        else:
            node = f"{self.path}/~~/resource-lists/list/@name"
            answer = await self.xcap.put(node, f'"{name}"'.encode(), "application/xcap-att+xml")
        assert answer.status in {200, 201}, answer
        self.promise.answered()
        self.etag = answer.etag

    async def losses(self) -> list[str]:
        if not self.promise.acked:
            return []
        answer = await self.xcap.get(self.path)
        found = re.search(rb'list name="(v\d+)"', answer.body)
        name = found.group(1).decode() if found else None
        if name == self.promise.acked and answer.etag != self.etag:
            return [f"{self.aor}: entity-tag {answer.etag}, not {self.etag}"]
        wrong = self.promise.settle(name)
        return [f"{self.aor}: {answer.status} {wrong}"] if wrong else []


class Backwards:
    """Hears every NOTIFY and keeps those whose CSeq is not above the one before (§12.2.1.1)."""

    def __init__(self) -> None:
        self.last: dict[str, tuple[int, str]] = {}
        self.found: list[str] = []
        self.heard = 0

    def hear(self, request: Heard) -> None:
        number, branch = self.last.get(request["Call-ID"], (-1, ""))
        if request.branch == branch:
            return
        self.heard += 1
        if request.cseq <= number:
            self.found.append(f"{request['Call-ID']}: CSeq {request.cseq} after {number}")
        self.last[request["Call-ID"]] = (request.cseq, request.branch)


@dataclass
class Fleet:
    """All clients of one test."""

    publishers: list[Publisher]
    watchers: list[Watcher]
    registrants: list[Registrant]
    authors: list[Author]
    clients: list[SipClient]
    backwards: Backwards

    @classmethod
    async def gather(cls, server: Running, http: aiohttp.ClientSession, size: int) -> "Fleet":
        clients = [await SipClient.open(server.sip) for _ in range(SOCKETS)]
        backwards = Backwards()
        for client in clients:
            client.on_request = backwards.hear

        def user(role: str, number: int) -> User:
            return User(clients[number % SOCKETS], f"sip:{role}{number}@{DOMAIN}")

        aors = [f"sip:p{number}@{DOMAIN}" for number in range(size)]
        return cls(
            [Publisher(user("p", number)) for number in range(size)],
            [Watcher(user("w", number), aor) for number, aor in enumerate(aors)],
            [Registrant(user("r", number)) for number in range(size)],
            [Author(XcapClient(http, server.http, asserted=aor), aor) for aor in aors],
            clients,
            backwards,
        )

    @property
    def parts(self) -> dict[str, Sequence[Member]]:
        """All of them, by what they are promised."""
        return {
            "publications": self.publishers,
            "subscriptions": self.watchers,
            "bindings": self.registrants,
            "documents": self.authors,
        }

    async def run(self, stopped: asyncio.Event) -> None:
        """Let everybody step until `stopped`, or until the server does not answer."""
        everyone = list(chain.from_iterable(self.parts.values()))
        tasks = [
            asyncio.create_task(_keep_stepping(each.step, PAUSE * number / len(everyone)))
            for number, each in enumerate(everyone)
        ]
        await stopped.wait()
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    def close(self) -> None:
        for client in self.clients:
            client.close()

    def lose_notifies(self, losing: bool) -> None:
        """Let the network lose every NOTIFY from now on, or no more."""
        for client in self.clients:
            client.deaf = losing

    def behind(self) -> list[str]:
        """Watchers whose newest NOTIFY does not show what their presentity was last promised."""
        return [
            f"{watcher.user.aor} sees {shown}, not {publisher.promise}"
            for publisher, watcher in zip(self.publishers, self.watchers, strict=True)
            for shown in watcher.shown()
            if not {publisher.promise.acked, publisher.promise.doubt} & shown
            and publisher.promise.acked
        ]

    async def disagreeing(self) -> list[str]:
        """Watchers whose newest NOTIFY shows something else than a fetch does now."""
        states = await asyncio.gather(*(publisher.state() for publisher in self.publishers))
        return [
            f"{watcher.user.aor} sees {shown}, a fetch {state}"
            for state, watcher in zip(states, self.watchers, strict=True)
            for shown in watcher.shown()
            if shown != state
        ]


async def _keep_stepping(step: Callable[[], Awaitable[None]], delay: float) -> None:
    await asyncio.sleep(delay)
    while True:
        try:
            await step()
        except aiohttp.ClientError:
            return  # killed: what was being written stays in doubt
        await asyncio.sleep(PAUSE)


async def all_losses(members: Sequence[Member]) -> list[str]:
    """What any of these has lost."""
    return list(chain.from_iterable(await asyncio.gather(*(each.losses() for each in members))))


def expect(answer: Heard) -> None:
    assert answer.status == 200, f"{answer.start} {answer.headers}"


def notes(body: bytes) -> frozenset[str]:
    """The notes of a presence document."""
    return frozenset(found.decode() for found in re.findall(rb"<note[^>]*>(v\d+)</note>", body))
