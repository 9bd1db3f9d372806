"""A small user agent: registers, publishes, subscribes (RFC 3261 §8.1, §10.2, RFC 3903, RFC 6665).

Shell, for the command line and the tests. It knows its password and answers challenges, asks
again with the interval that a 423 names, and begins anew when a 412 says its publication is gone.
"""

from collections.abc import Iterable
from typing import Final, Self

from sip.auth_header import Challenge
from sip.dialog import MAX_FORWARDS, Dialog
from sip.digest import answer, best_challenge
from sip.errors import ParseError
from sip.message import Request, Response, build_request
from sip.transport.client_errors import (
    NoAnswer,
    RequestRefused,
    Unreachable,
    WrongPassword,
)
from sip.transport.client_servers import ClientServers
from sip.transport.client_subscription import ClientSubscription
from sip.transport.config import EndpointConfig
from sip.transport.dns_resolver import DnsResolver
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.transport.flow import bracketed
from sip.transport.target import Resolver
from sip.uri import SipUri, aor_of

Headers = list[tuple[str, str]]

FIRST_FAILURE: Final = 300
UNAUTHORIZED: Final = 401
NOT_ALLOWED: Final = 405
PROXY_UNAUTHORIZED: Final = 407
TIMEOUT: Final = 408
PRECONDITION_FAILED: Final = 412
INTERVAL_TOO_BRIEF: Final = 423
NO_DIALOG: Final = 481
UNAVAILABLE: Final = 503
MAX_ATTEMPTS: Final = 3
"""Of one request: without credentials, with them, and with those for a new nonce."""
DEFAULT_EXPIRES: Final = 3600
ALLOW: Final = ("Allow", "NOTIFY, OPTIONS")


class UserAgent:
    """One user at one server. Use it as `async with UserAgent(…) as agent`."""

    def __init__(
        self,
        aor: str,
        password: str = "",
        *,
        server: tuple[str, int],
        transport: str = "udp",
        username: str | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        """`server` is where everything is sent, its port 0 when DNS is to tell which;
        `username` for digest, by default the AoR's; `resolver` as `Endpoint` takes it.
        """
        self.aor = aor_of(aor)
        self._user = SipUri.parse(self.aor)
        self._password = password
        self._username = username or self._user.user or ""
        self._transport = transport
        self._subscriptions: dict[tuple[str, str], ClientSubscription] = {}
        self._challenges: dict[str, tuple[Challenge, int]] = {}
        self._cseq = 0
        self._registration = ""
        self._resolver: Resolver = resolver or DnsResolver()
        self._servers = ClientServers(*server, transport, self._resolver)

    async def __aenter__(self) -> Self:
        transports = ("udp", "tcp") if self._transport == "udp" else ("tcp",)
        try:
            await self._servers.locate()
            hosts = self._servers.own_addresses()
        except Unreachable:
            await self._resolver.close()
            raise
        listen = [f"{name}:{bracketed(host)}:0" for host in hosts for name in transports]
        self.endpoint = Endpoint(
            config=EndpointConfig(listen=listen),
            on_request=self._on_request,
            resolver=self._resolver,
        )
        await self.endpoint.start()
        self._registration = self.endpoint.new_tag()
        try:
            self._flow = await self._servers.connect(self.endpoint)
        except Unreachable:
            await self.endpoint.stop()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        for subscription in list(self._subscriptions.values()):
            subscription.end()
        await self.endpoint.stop()

    @property
    def contact(self) -> str:
        """Our Contact value."""
        address = self._flow.contact.removeprefix("<sip:")
        return f"<sip:{self._user.user}@{address}"

    async def register(
        self, expires: int = DEFAULT_EXPIRES, *, contact: str | None = None
    ) -> Response:
        """Register our Contact, or `contact`, for `expires` seconds; 0 withdraws it."""
        headers = [("Contact", contact or self.contact), ("Expires", str(expires))]
        uri = f"sip:{self._user.host}"
        return await self._send("REGISTER", uri, self.aor, headers, call_id=self._registration)

    async def publish(
        self,
        event: str,
        body: bytes = b"",
        content_type: str = "application/pidf+xml",
        *,
        expires: int = DEFAULT_EXPIRES,
        if_match: str | None = None,
    ) -> str:
        """Publish `body`, or refresh, or with 0 `expires` remove; the new entity-tag.

        A body whose entity-tag the server no longer knows is published anew (RFC 3903 §4.1).
        """
        headers = [("Event", event), ("Expires", str(expires))]
        if body:
            headers.append(("Content-Type", content_type))
        match = [("SIP-If-Match", if_match)] if if_match else []
        try:
            response = await self._send("PUBLISH", self.aor, self.aor, headers + match, body)
        except RequestRefused as refused:
            if refused.code != PRECONDITION_FAILED or not if_match or not body:
                raise
            response = await self._send("PUBLISH", self.aor, self.aor, headers, body)
        return response.get("sip-etag") or ""

    async def subscribe(
        self,
        target: str,
        event: str = "presence",
        *,
        accept: Iterable[str] = (),
        expires: int = DEFAULT_EXPIRES,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> ClientSubscription:
        """Subscribe to `event` of `target`; 0 `expires` fetches the state once."""
        constant = [("Event", event), ("Contact", self.contact), *headers]
        types = ", ".join(accept)
        if types:
            constant.append(("Accept", types))
        subscription = ClientSubscription(self, event, constant)
        call_id, tag = self.endpoint.new_tag(), self.endpoint.new_tag()
        self._subscriptions[call_id, tag] = subscription
        try:
            response = await self._send(
                "SUBSCRIBE",
                target,
                target,
                [*constant, ("Expires", str(expires))],
                body,
                call_id=call_id,
                tag=tag,
                subscription=subscription,
            )
        except BaseException:
            subscription.end()
            raise
        subscription.granted(response, expires)
        return subscription

    async def options(self, target: str | None = None) -> Response:
        """Ask `target`, by default the server, what it can do."""
        uri = target or f"sip:{self._user.host}"
        return await self._send("OPTIONS", uri, uri, [("Accept", "application/sdp")])

    async def message(
        self, target: str, body: bytes, content_type: str = "text/plain;charset=UTF-8"
    ) -> Response:
        """Send an instant message (RFC 3428 §4)."""
        return await self._send("MESSAGE", target, target, [("Content-Type", content_type)], body)

    async def _send(
        self,
        method: str,
        uri: str,
        to: str,
        headers: Headers,
        body: bytes = b"",
        *,
        call_id: str | None = None,
        tag: str | None = None,
        subscription: ClientSubscription | None = None,
    ) -> Response:
        """Send a request outside a dialog, as often as it takes; its 2xx."""
        call_id = call_id or self.endpoint.new_tag()
        tag = tag or self.endpoint.new_tag()

        def written(extra: Headers) -> Request:
            self._cseq += 1
            identity = [
                ("Max-Forwards", MAX_FORWARDS),
                ("From", f"<{self.aor}>;tag={tag}"),
                ("To", f"<{to}>"),
                ("Call-ID", call_id),
                ("CSeq", f"{self._cseq} {method}"),
            ]
            request = build_request(method, uri, [*identity, *headers, *extra], body)
            if subscription is not None:
                subscription.subscribe = request
            return request

        request = written(self._credentials(method, uri))
        for _ in range(MAX_ATTEMPTS):
            response = await self._exchange(request)
            if response.status == INTERVAL_TOO_BRIEF and _longer(headers, response):
                request = written(self._credentials(method, uri))
            elif response.status in (UNAUTHORIZED, PROXY_UNAUTHORIZED):
                self._take_challenge(request, response)
                request = written(self._credentials(method, uri))
            else:
                break
        return _success(request, response)

    async def in_dialog(
        self, dialog: Dialog, method: str, headers: Headers
    ) -> tuple[Dialog, Response]:
        """See `Requester`."""
        for _ in range(MAX_ATTEMPTS):
            dialog, uri, identity = dialog.request(method)
            credentials = self._credentials(method, uri)
            request = build_request(method, uri, [*identity, *headers, *credentials])
            response = await self._exchange(request)
            if response.status in (UNAUTHORIZED, PROXY_UNAUTHORIZED):
                self._take_challenge(request, response)
            elif response.status != INTERVAL_TOO_BRIEF or not _longer(headers, response):
                break
        return dialog.retargeted(_success(request, response)), response

    async def _exchange(self, request: Request) -> Response:
        """One transaction with the server; NoAnswer and Unreachable for what it made up.

        When a server fails, the next that its name stands for is asked (RFC 3263 §4.3).
        """
        if self._flow.closed:
            await self._servers.locate()
            self._flow = await self._servers.connect(self.endpoint)
        while True:
            response = await self.endpoint.request(request, flow=self._flow)
            made_up = response.get("via") is None
            failed = response.status == UNAVAILABLE or (made_up and response.status == TIMEOUT)
            if not failed or not await self._next_server():
                break
        if made_up and response.status == TIMEOUT:
            raise NoAnswer(f"no answer to {request.method} from {self._servers}")
        if made_up and response.status == UNAVAILABLE:
            raise Unreachable(f"cannot reach {self._servers}")
        return response

    async def _next_server(self) -> bool:
        """Whether there is another server to be asked, and can be reached."""
        flow = await self._servers.next(self.endpoint)
        if flow is not None:
            self._flow = flow
        return flow is not None

    def _take_challenge(self, request: Request, response: Response) -> None:
        """Remember what the server wants to hear; WrongPassword when that would not help."""
        proxy = response.status == PROXY_UNAUTHORIZED
        challenge = best_challenge(
            response.all("proxy-authenticate" if proxy else "www-authenticate")
        )
        answering = "proxy-authorization" if proxy else "authorization"
        tried = request.get(answering) is not None
        if challenge is None or not self._password or (tried and not challenge.stale):
            raise WrongPassword(request.method, request.uri_text, response)
        name = "Proxy-Authorization" if proxy else "Authorization"
        self._challenges[name] = (challenge, 0)

    def _credentials(self, method: str, uri: str) -> Headers:
        """The answers to the challenges so far, each nonce counted on (RFC 7616 §3.4)."""
        headers = []
        for name, (challenge, count) in list(self._challenges.items()):
            self._challenges[name] = (challenge, count + 1)
            credentials = answer(
                challenge,
                method=method,
                uri=uri,
                username=self._username,
                password=self._password,
                cnonce=self.endpoint.new_tag(),
                count=count + 1,
            )
            headers.append((name, str(credentials)))
        return headers

    def _on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if request.method == "OPTIONS":
            transaction.respond(200, headers=[ALLOW])
        elif request.method != "NOTIFY":
            transaction.respond(NOT_ALLOWED, headers=[ALLOW])
        else:
            self._on_notify(transaction)

    def _on_notify(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        try:
            key = (request.call_id, request.to.tag or "")
        except ParseError:
            transaction.respond(400)
            return
        subscription = self._subscriptions.get(key)
        if subscription is None:
            transaction.respond(NO_DIALOG)
        else:
            subscription.receive(transaction)

    def forget(self, subscription: ClientSubscription) -> None:
        """See `Requester`."""
        for key, known in list(self._subscriptions.items()):
            if known is subscription:
                del self._subscriptions[key]


def _success(request: Request, response: Response) -> Response:
    """`response` when it is a 2xx, else RequestRefused."""
    if response.status >= FIRST_FAILURE:
        raise RequestRefused(request.method, request.uri_text, response)
    return response


def _longer(headers: Headers, response: Response) -> bool:
    """Put the Min-Expires of a 423 into `headers`; False when it names none (RFC 3261 §21.4.17)."""
    minimum = (response.get("min-expires") or "").strip()
    if not minimum.isdecimal():
        return False
    headers[:] = [(name, minimum if name == "Expires" else value) for name, value in headers]
    return True
