"""The small user agent against a server made of an endpoint and a few rules (RFC 3261 §22.2)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sip.auth_header import Credentials
from sip.dialog import Dialog
from sip.digest import ha1, response_for
from sip.message import Request, build_request
from sip.transport.client import UserAgent
from sip.transport.client_errors import (
    RequestRefused,
    SubscriptionEnded,
    Unreachable,
    WrongPassword,
)
from sip.transport.client_subscription import ClientSubscription, Notify
from sip.transport.config import EndpointConfig, ListenAddress
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.uri import SipUri

LIMIT = 5.0
"""Seconds after which a test that waits has failed."""
CHALLENGE = (
    "WWW-Authenticate",
    'Digest realm="example.com", nonce="n1", algorithm=MD5, qop="auth"',
)
PASSWORD = "secret"
MINIMUM = 60
"""Seconds below which the server answers 423."""
BODY = b"<presence/>"


class Server:
    """Authenticates everybody, keeps one publication, and notifies one subscriber."""

    def __init__(self, transport: str, *, authenticate: bool) -> None:
        self.authenticate = authenticate
        self.requests: list[Request] = []
        self.counts: list[str] = []
        self.etag = "e0"
        self.dialog: Dialog | None = None
        self.early = False
        self.tasks: set[asyncio.Task[None]] = set()
        self.endpoint = Endpoint(
            config=EndpointConfig(listen=(f"{transport}:127.0.0.1:0",)), on_request=self.handle
        )

    @property
    def address(self) -> tuple[str, int]:
        listening = ListenAddress.parse(self.endpoint.listening[0])
        return listening.host, listening.port

    def handle(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        self.requests.append(request)
        expires = request.expires or 0
        if self.authenticate and not self.known(request):
            transaction.respond(401, headers=[CHALLENGE])
        elif 0 < expires < MINIMUM:
            transaction.respond(423, headers=[("Min-Expires", str(MINIMUM))])
        elif request.method == "PUBLISH":
            self.publish(transaction)
        elif request.method == "SUBSCRIBE":
            self.subscribe(transaction)
        elif request.method == "MESSAGE":
            transaction.respond(200 if request.uri_text == "sip:alice@example.com" else 404)
        else:
            transaction.respond(200, headers=[("Expires", str(expires))])

    def known(self, request: Request) -> bool:
        value = request.get("authorization")
        if value is None:
            return False
        credentials = Credentials.parse(value)
        self.counts.append(credentials.nc)
        hashed = ha1("alice", "example.com", PASSWORD, "MD5")
        return credentials.response == response_for(credentials, request.method, hashed)

    def publish(self, transaction: ServerTransaction) -> None:
        match = transaction.request.get("sip-if-match")
        if match is not None and match != self.etag:
            transaction.respond(412)
            return
        self.etag = f"e{len(self.requests)}"
        transaction.respond(200, headers=[("SIP-ETag", self.etag)])

    def subscribe(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        tag = request.to.tag or self.endpoint.new_tag()
        if self.dialog is None:
            self.dialog = Dialog.accept(request, tag)
        else:
            self.dialog = self.dialog.refreshed(request)
        state = "active;expires=600" if request.expires else "terminated;reason=timeout"
        if self.early:
            self.notify(state)
            asyncio.get_running_loop().call_later(0.05, self.confirm, transaction, tag)
        else:
            self.confirm(transaction, tag)
            self.notify(state)

    def confirm(self, transaction: ServerTransaction, tag: str) -> None:
        contact = transaction.flow.contact
        headers = [("Contact", contact), ("Expires", str(transaction.request.expires))]
        transaction.respond(200, headers=headers, to_tag=tag)

    def notify(self, state: str, event: str = "presence") -> None:
        assert self.dialog is not None
        self.dialog, uri, headers = self.dialog.request("NOTIFY")
        headers += [
            ("Event", event),
            ("Subscription-State", state),
            ("Contact", "<sip:server@127.0.0.1>"),
            ("Content-Type", "application/pidf+xml;charset=UTF-8"),
        ]
        task = asyncio.create_task(self.send(build_request("NOTIFY", uri, headers, BODY)))
        self.tasks.add(task)

    async def send(self, request: Request) -> None:
        assert self.dialog is not None
        flow = await self.endpoint.flow_to(SipUri.parse(self.dialog.next_hop))
        self.answers = [
            *getattr(self, "answers", []),
            (await self.endpoint.request(request, flow=flow)).status,
        ]


@asynccontextmanager
async def server(transport: str = "udp", *, authenticate: bool = True) -> AsyncIterator[Server]:
    one = Server(transport, authenticate=authenticate)
    await one.endpoint.start()
    try:
        yield one
    finally:
        for task in one.tasks:
            task.cancel()
        await one.endpoint.stop()


def alice(one: Server, password: str = PASSWORD, transport: str = "udp") -> UserAgent:
    return UserAgent("sip:alice@example.com", password, server=one.address, transport=transport)


async def coming(subscription: ClientSubscription) -> Notify:
    return await asyncio.wait_for(anext(subscription), LIMIT)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_register_answers_the_challenge(transport: str) -> None:
    async with server(transport) as one, alice(one, transport=transport) as agent:
        response = await agent.register(expires=300)
    assert response.status == 200
    first, second = one.requests
    assert first.get("authorization") is None
    assert second.get("authorization") is not None
    assert first.call_id == second.call_id
    assert first.cseq.number < second.cseq.number
    assert second.contacts[0].sip_uri.user == "alice"


async def test_one_nonce_is_counted_on() -> None:
    """RFC 7616 §3.4."""
    async with server() as one, alice(one) as agent:
        await agent.register()
        await agent.register()
        await agent.publish("presence", BODY)
    assert one.counts == ["00000001", "00000002", "00000003"]


async def test_registrations_of_one_agent_share_call_id_and_raise_cseq() -> None:
    """RFC 3261 §10.2."""
    async with server(authenticate=False) as one, alice(one) as agent:
        await agent.register()
        await agent.register(expires=0)
    first, second = one.requests
    assert first.call_id == second.call_id
    assert second.cseq.number > first.cseq.number


async def test_a_wrong_password_is_told_so_and_not_tried_for_ever() -> None:
    async with server() as one, alice(one, "wrong") as agent:
        with pytest.raises(WrongPassword, match="401"):
            await agent.register()
    assert len(one.requests) == 2


async def test_an_interval_too_brief_is_asked_for_again() -> None:
    """RFC 3261 §10.2.8, RFC 3903 §6."""
    async with server() as one, alice(one) as agent:
        await agent.publish("presence", BODY, expires=1)
    assert [request.expires for request in one.requests] == [1, 1, MINIMUM]


async def test_publish_refresh_and_remove() -> None:
    """RFC 3903 §4."""
    async with server(authenticate=False) as one, alice(one) as agent:
        first = await agent.publish("presence", BODY)
        second = await agent.publish("presence", if_match=first)
        await agent.publish("presence", expires=0, if_match=second)
    matches = [request.get("sip-if-match") for request in one.requests]
    assert matches == [None, first, second]
    assert [request.body for request in one.requests] == [BODY, b"", b""]
    assert one.requests[1].content_type is None


async def test_a_publication_that_is_gone_is_published_anew() -> None:
    """RFC 3903 §4.1: after 412, without SIP-If-Match."""
    async with server(authenticate=False) as one, alice(one) as agent:
        etag = await agent.publish("presence", BODY, if_match="stale")
    assert etag == one.etag
    assert [request.get("sip-if-match") for request in one.requests] == ["stale", None]


async def test_a_refresh_of_what_is_gone_cannot_be_made_anew() -> None:
    async with server(authenticate=False) as one, alice(one) as agent:
        with pytest.raises(RequestRefused) as caught:
            await agent.publish("presence", if_match="stale")
    assert caught.value.code == 412


async def test_an_instant_message_is_sent_as_it_is() -> None:
    """RFC 3428 §4."""
    async with server(authenticate=False) as one, alice(one) as agent:
        answer = await agent.message("sip:alice@example.com", "grüß".encode())
    (sent,) = one.requests
    assert answer.status == 200
    assert (sent.method, sent.body) == ("MESSAGE", "grüß".encode())
    assert sent.get("content-type") == "text/plain;charset=UTF-8"


async def test_a_refusal_says_what_was_refused() -> None:
    async with server(authenticate=False) as one, alice(one) as agent:
        with pytest.raises(RequestRefused, match=r"MESSAGE sip:bob@example\.com.*404 Not Found"):
            await agent.message("sip:bob@example.com", b"hello")


async def test_options() -> None:
    async with server(authenticate=False) as one, alice(one) as agent:
        assert (await agent.options()).status == 200
    assert one.requests[0].uri_text == "sip:example.com"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_subscribe_refresh_and_unsubscribe(transport: str) -> None:
    """RFC 6665 §4.1.2."""
    async with server(transport) as one, alice(one, transport=transport) as agent:
        subscription = await agent.subscribe(
            "sip:bob@example.com", accept=["application/pidf+xml"], expires=600
        )
        first = await coming(subscription)
        assert (first.state.state, first.state.expires) == ("active", 600)
        assert (first.content_type, first.body) == ("application/pidf+xml", BODY)
        assert subscription.expires == 600
        await subscription.refresh()
        await coming(subscription)
        await subscription.unsubscribe()
        last = await coming(subscription)
        assert last.state.reason == "timeout"
        assert [notify async for notify in subscription] == []
        assert not subscription.active
        with pytest.raises(SubscriptionEnded):
            await subscription.refresh()
    cseqs = [request.cseq.number for request in one.requests]
    assert cseqs == sorted(set(cseqs))
    assert one.requests[-1].to.tag == one.requests[-2].to.tag != None  # noqa: E711 - a chain
    assert one.requests[-1].get("accept") == "application/pidf+xml"


async def test_a_notify_may_come_before_the_answer() -> None:
    """RFC 6665 §4.4.1."""
    async with server(authenticate=False) as one, alice(one) as agent:
        one.early = True
        subscription = await agent.subscribe("sip:bob@example.com", expires=600)
        assert (await coming(subscription)).state.state == "active"
        one.early = False
        await subscription.refresh()
        assert (await coming(subscription)).state.state == "active"


async def test_notifies_that_do_not_belong_are_refused() -> None:
    """RFC 6665 §4.1.3: 481 for an unknown dialog, 489 for another package."""
    async with server(authenticate=False) as one, alice(one) as agent:
        subscription = await agent.subscribe("sip:bob@example.com", expires=600)
        await coming(subscription)
        one.notify("active", event="dialog")
        await asyncio.gather(*one.tasks)
        subscription.end()
        one.notify("active")
        await asyncio.gather(*one.tasks)
    assert one.answers == [200, 489, 481]


async def test_a_server_that_is_not_there_is_told_so() -> None:
    async with server("tcp") as one:
        address = one.address
    with pytest.raises(Unreachable, match=rf"tcp:127\.0\.0\.1:{address[1]}"):
        async with UserAgent("sip:a@example.com", server=address, transport="tcp"):
            pass


async def test_a_name_that_is_nowhere_is_told_so() -> None:
    with pytest.raises(Unreachable, match=r"no-such-host\.invalid"):
        async with UserAgent("sip:a@example.com", server=("no-such-host.invalid", 5060)):
            pass
