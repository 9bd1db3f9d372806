"""Users and watchers of a `tests.rawsip` client: who register, publish and subscribe.

They keep what a SIP client keeps: tags, Call-IDs, CSeq numbers, digest nonces, the route back into
a dialog. Times are seconds.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.rawdigest import Login
from tests.rawsip import ANSWER_TIMEOUT, Header, Heard, SipClient


@dataclass
class User:
    """One AoR at a client: requests of its own, with Call-IDs, CSeq numbers and digest kept.

    Without `login` nothing is ever answered to a challenge (the server trusts loopback).
    """

    client: SipClient
    aor: str
    login: Login | None = None
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    cseq: int = 0
    by_proxy: bool = False
    """Whether it was a proxy that asked for the login's credentials (RFC 3261 §22.3)."""

    @property
    def address(self) -> str:
        return f"<{self.aor}>;tag={self.tag}"

    @property
    def domain_uri(self) -> str:
        return "sip:" + self.aor.partition("@")[2]

    async def ask(
        self,
        method: str,
        uri: str,
        headers: Sequence[Header] = (),
        body: bytes = b"",
        *,
        to: str | None = None,
        call_id: str | None = None,
        within: float = ANSWER_TIMEOUT,
    ) -> Heard:
        """Send a request; answer one challenge when there is a login. The final answer."""
        to, call_id = to or f"<{self.aor}>", call_id or self.call_id
        data = self.compose(method, uri, headers, body, to=to, call_id=call_id)
        answer = await self.client.exchange(data, within)
        if answer.status in {401, 407} and self.login is not None:
            self.by_proxy = answer.status == 407
            self.login.learn(answer.all("WWW-Authenticate") or answer.all("Proxy-Authenticate"))
            data = self.compose(method, uri, headers, body, to=to, call_id=call_id)
            answer = await self.client.exchange(data, within)
        return answer

    def compose(
        self,
        method: str,
        uri: str,
        headers: Sequence[Header],
        body: bytes = b"",
        *,
        to: str,
        call_id: str,
    ) -> bytes:
        """The bytes of our next request, with credentials once a challenge was learned."""
        self.cseq += 1
        proof: list[Header] = []
        if self.login is not None and self.login.challenge is not None:
            name = "Proxy-Authorization" if self.by_proxy else "Authorization"
            proof = [(name, self.login.authorization(method, uri))]
        return self.client.request(
            method,
            uri,
            from_=self.address,
            to=to,
            call_id=call_id,
            cseq=self.cseq,
            headers=[*headers, *proof],
            body=body,
        )

    async def register(self, *contacts: str, expires: int = 600) -> Heard:
        """REGISTER these Contact values (none: a fetch, RFC 3261 §10.2.3)."""
        headers: list[Header] = [("Contact", contact) for contact in contacts]
        headers += [("Expires", str(expires))] if contacts else []
        return await self.ask("REGISTER", self.domain_uri, headers)

    async def publish(
        self,
        body: bytes = b"",
        *,
        if_match: str | None = None,
        expires: int = 600,
        event: str = "presence",
    ) -> Heard:
        """PUBLISH to our own AoR (RFC 3903 §4)."""
        headers: list[Header] = [("Event", event), ("Expires", str(expires))]
        headers += [("SIP-If-Match", if_match)] if if_match else []
        headers += [("Content-Type", "application/pidf+xml")] if body else []
        return await self.ask("PUBLISH", self.aor, headers, body, call_id=secrets.token_hex(8))

    async def subscribe(
        self,
        presentity: str,
        *,
        expires: int = 600,
        event: str = "presence",
        body: bytes = b"",
        body_type: str = "",
    ) -> "Subscription":
        """An initial SUBSCRIBE; it must be answered 200 (RFC 6665 §4.1.2)."""
        subscription = Subscription(self, presentity, event, body=body, body_type=body_type)
        answer = await subscription.send(expires)
        assert answer.status == 200, answer
        return subscription


@dataclass
class Subscription:
    """One dialog made by SUBSCRIBE, as its watcher sees it."""

    watcher: User
    presentity: str
    event: str = "presence"
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    target: str = ""
    """The notifier's Contact, once known."""
    to: str = ""
    """The To value of the dialog, once known."""
    body: bytes = b""
    """Of every SUBSCRIBE."""
    body_type: str = ""
    """Its media type."""
    headers: tuple[Header, ...] = ()
    """Of every SUBSCRIBE, beyond those it has anyway."""

    async def send(
        self, expires: int, within: float = ANSWER_TIMEOUT, *, suppress_if_match: str = ""
    ) -> Heard:
        """SUBSCRIBE, or refresh, or unsubscribe with 0; the final answer."""
        headers: list[Header] = [
            ("Contact", f"<{self.watcher.client.contact}>"),
            ("Event", self.event),
            ("Expires", str(expires)),
            *([("Content-Type", self.body_type)] if self.body else []),
            *([("Suppress-If-Match", suppress_if_match)] if suppress_if_match else []),
            *self.headers,
        ]
        answer = await self.watcher.ask(
            "SUBSCRIBE",
            self.target or self.presentity,
            headers,
            self.body,
            to=self.to or f"<{self.presentity}>",
            call_id=self.call_id,
            within=within,
        )
        if answer.status == 200:
            self.to = answer["To"]
            self.target = answer["Contact"].partition("<")[2].partition(">")[0]
        return answer

    @property
    def notifies(self) -> list[Heard]:
        """The NOTIFYs of this dialog so far, each once, in the order they came."""
        return list(self.watcher.client.dialogs.get(self.call_id, {}).values())

    async def notified(self, number: int, within: float = ANSWER_TIMEOUT) -> Heard:
        """The NOTIFY of this 1-based number."""
        came = await self.watcher.client.until(lambda: len(self.notifies) >= number, within)
        assert came, f"{len(self.notifies)} of {number} NOTIFYs came"
        return self.notifies[number - 1]

    async def shows(self, text: str, within: float = ANSWER_TIMEOUT) -> Heard:
        """The newest NOTIFY, once it has `text` in its body."""

        def shown() -> bool:
            return bool(self.notifies) and text.encode() in self.notifies[-1].body

        came = await self.watcher.client.until(shown, within)
        assert came, f"{text} not in the last of {len(self.notifies)} NOTIFYs"
        return self.notifies[-1]


NewUser = Callable[..., Awaitable[User]]
"""Makes a user on a socket of its own: `await new_user("TCP", login)`, both optional."""


def pidf(aor: str, note: str, *, basic: str = "open", tuple_id: str = "t1") -> bytes:
    """A small presence document (RFC 3863) whose note tells versions apart."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{aor}">'
        f'<tuple id="{tuple_id}"><status><basic>{basic}</basic></status>'
        f"<note>{note}</note></tuple></presence>"
    ).encode()
