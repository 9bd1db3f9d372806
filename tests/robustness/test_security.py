"""What strangers and dishonest users get from the real server: nothing that is not theirs.

Rows SEC-01 to SEC-05. Clients have loopback addresses of their own: what one of them does must
not be felt by the others.
"""

import secrets
import urllib.request
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.processes import DOMAIN, Deployment, Running, Section, sqlite_url
from tests.rawdigest import Login
from tests.rawsip import Header, Heard, SipClient, compose
from tests.rawusers import User, pidf
from tests.robustness.health import Health

ALICE: Final = f"sip:alice@{DOMAIN}"
BOB: Final = f"sip:bob@{DOMAIN}"
MALLORY: Final = f"sip:mallory@{DOMAIN}"
PASSWORDS: Final = {"alice": "wonderland", "bob": "builder", "mallory": "malice"}
HOME, ELSEWHERE, PEER = "127.0.0.1", "127.0.0.2", "127.0.0.9"
FAILURES: Final = 5
"""Wrong passwords that one source may show for one user."""
FLOOD: Final = 200
UUID: Final = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
QUIET: Final = 0.3
"""Seconds in which what is to be heard on loopback has long been heard."""
FORBIDDEN: Final = 403

Open = Callable[..., Awaitable[SipClient]]
NewUser = Callable[..., Awaitable[User]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("security")
    settings: dict[str, Section] = {
        "sip": {"trusted_peers": [f"{PEER}/32"]},
        "limits": {"auth_failures": FAILURES, "lockout": 600},
    }
    deployment = Deployment(directory, sqlite_url(directory), settings)
    deployment.prepare(PASSWORDS)
    with deployment.serving() as running:
        yield running


@pytest.fixture
async def opened(server: Running) -> AsyncIterator[Open]:
    clients: list[SipClient] = []

    async def open_client(source: str = HOME, transport: str = "UDP") -> SipClient:
        clients.append(await SipClient.open(server.sip, transport, source=source))
        return clients[-1]

    yield open_client
    for client in clients:
        client.close()


@pytest.fixture
def user(opened: Open) -> NewUser:
    async def new_user(name: str, source: str = HOME, password: str = "") -> User:
        client = await opened(source)
        login = Login(name, password or PASSWORDS[name])
        return User(client, f"sip:{name}@{DOMAIN}", login)

    return new_user


@pytest.fixture
async def victim(opened: Open) -> SipClient:
    """Somebody on the network who never asked for anything."""
    return await opened()


@pytest.fixture(autouse=True)
async def well_afterwards(server: Running) -> AsyncIterator[None]:
    """Whatever was tried: the server answers, and logged no error of its own."""
    yield
    assert await Health(server).answers()
    assert Health(server).trouble() == []


def ask_of(
    client: SipClient,
    method: str,
    uri: str,
    *headers: Header,
    sender: str = "sip:stranger@example.org",
    to: str = "<sip:x@example.org>",
    body: bytes = b"",
) -> bytes:
    return client.request(
        method,
        uri,
        from_=f"<{sender}>;tag={secrets.token_hex(4)}",
        to=to,
        call_id=secrets.token_hex(8),
        cseq=1,
        headers=[("Contact", f"<{client.contact}>"), *headers],
        body=body,
    )


async def hears_nothing(client: SipClient) -> bool:
    return not await client.until(lambda: bool(client.requests), QUIET)


# {server} and {victim} stand for host:port, {us} for our domain.
RELAYING: Final = [
    pytest.param("sip:x@{victim}", [], id="plain"),
    pytest.param("sip:x@{victim}", [("From", ALICE)], id="forged-from"),
    pytest.param("sip:x@example.org", [("Route", "<sip:{victim};lr>")], id="forged-route"),
    pytest.param("sip:x@{victim}", [("Route", "<sip:{server};lr>")], id="route-by-our-own-address"),
    pytest.param(
        "sip:x@{victim}",
        [("Route", "<sip:0123456789abcdef01@{server};lr>"), ("To", "<sip:x@y>;tag=1")],
        id="forged-mark-of-a-dialog",
    ),
    pytest.param(
        "sip:0123456789abcdef01@{server};lr", [("Route", "<sip:x@{victim}>")], id="strict-route"
    ),
    pytest.param("sip:alice@{us}", [("Route", "<sip:{victim};lr>")], id="to-us-by-a-detour"),
    pytest.param("sip:alice@{us};maddr=127.0.0.1:{port}", [], id="maddr"),
    pytest.param(
        "sip:x@{victim}", [("P-Asserted-Identity", f"<{ALICE}>"), ("From", ALICE)], id="asserted"
    ),
    pytest.param(
        "sip:x@{victim}", [("Proxy-Authorization", "Digest username=alice")], id="no-credentials"
    ),
]


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "ACK"])
@pytest.mark.parametrize(("uri", "headers"), RELAYING)
async def test_a_stranger_has_nothing_relayed(
    opened: Open,
    victim: SipClient,
    server: Running,
    method: str,
    uri: str,
    headers: list[Header],
) -> None:
    """RFC 3261 §16.3, §26.3.2: whatever is forged, it is challenged or refused."""
    stranger = await opened(ELSEWHERE)
    names = {
        "victim": f"{HOME}:{victim.local[1]}",
        "port": victim.local[1],
        "server": f"{server.sip[0]}:{server.sip[1]}",
        "us": DOMAIN,
    }
    written = [(name, value.format(**names)) for name, value in headers]
    sender = dict(written).pop("From", "sip:stranger@example.org")
    to = dict(written).pop("To", "<sip:x@example.org>")
    others = [each for each in written if each[0] not in ("From", "To")]
    data = ask_of(stranger, method, uri.format(**names), *others, sender=sender, to=to)
    if method == "ACK":
        stranger.send(data)
    else:
        assert (await stranger.exchange(data)).status in {400, 401, 403, 404, 407, 481, 489}
    assert await hears_nothing(victim)


CALLED: Final = "127.0.0.5"
"""Where somebody lives who is no user of ours, and is called by one."""


@dataclass
class Called:
    """A call of one of our users that was answered, as each side has it."""

    invite: Heard
    """As the callee got it."""
    ok: Heard
    """As the caller got it."""

    def routes(self, of: str) -> list[str]:
        """Our own Route values, as one side has them."""
        if of == "callee":
            return self.invite.all("Record-Route")
        return self.ok.all("Record-Route")[::-1]


COPIED: Final = ("Via", "Record-Route", "From", "Call-ID", "CSeq")


def picks_up(client: SipClient) -> None:
    """From now on `client` answers as a phone does (RFC 3261 §12.1.1)."""

    def answer(request: Heard) -> None:
        to = request["To"] if ";tag=" in request["To"] else f"{request['To']};tag=callee"
        copied = [(name, value) for name in COPIED for value in request.all(name)]
        own = [("To", to), ("Contact", f"<{client.contact}>"), ("Content-Length", "0")]
        if request.method != "ACK":
            client.send(compose("SIP/2.0 200 OK", [*copied, *own]))

    client.answer, client.on_request = lambda _: None, answer


async def call(caller: User, callee: SipClient, uri: str = "") -> Called:
    """Call `callee`, by its own address unless `uri` leads there."""
    for client in (caller.client, callee):
        picks_up(client)
    uri = uri or f"sip:x@{callee.host_port}"
    contact = ("Contact", f"<{caller.client.contact}>")
    ok = await caller.ask("INVITE", uri, [contact], to=f"<{uri}>", call_id=secrets.token_hex(8))
    assert ok.status == 200
    return Called(callee.requests[-1], ok)


def within(
    client: SipClient, called: Called, method: str, uri: str, routes: list[str], *, of: str
) -> bytes:
    """A request within the call with all that one of its sides knows."""
    from_, to = called.ok["From"], called.ok["To"]
    if of == "callee":
        from_, to = to, from_
    return client.request(
        method, uri, from_=from_, to=to, call_id=called.ok["Call-ID"],
        cseq=secrets.randbelow(1_000) + 100,
        headers=[*(("Route", route) for route in routes), ("Contact", f"<{client.contact}>")],
    )  # fmt: skip


async def is_let_through(client: SipClient, data: bytes) -> bool:
    """Whether a request goes on to somebody, who answers 200."""
    if data.startswith(b"ACK"):
        client.send(data)
        return False
    answer = await client.exchange(data)
    assert answer.status in {200, 400, 401, 403, 404, 407, 481, 489}
    return answer.status == 200


@pytest.mark.parametrize("of", ["caller", "callee"])
@pytest.mark.parametrize(
    "method",
    ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "REGISTER", "PUBLISH", "REFER", "FOO", "ACK"],
)
async def test_who_was_called_has_nothing_else_relayed(
    opened: Open, user: NewUser, victim: SipClient, method: str, of: str
) -> None:
    """RFC 3261 §26.1: with all that either side was told, by route, by URI and to our users."""
    bob, mallory = await user("bob"), await user("mallory", "127.0.0.6")
    assert (await bob.register(f"<{bob.client.contact}>")).status == 200
    callee = await opened(CALLED)
    called = await call(mallory, callee)
    bob.client.requests.clear()
    stranger = await opened(ELSEWHERE)
    routes = called.routes(of)
    assert routes
    for uri, more in [
        (f"sip:x@{victim.host_port}", []),
        (f"sip:x@{CALLED}:9", [f"<sip:{victim.host_port};lr>"]),
        (BOB, []),
        (f"sip:bob@{HOME}:{bob.client.local[1]}", []),
    ]:
        data = within(stranger, called, method, uri, [*routes, *more], of=of)
        assert not await is_let_through(stranger, data)
    assert await hears_nothing(victim)
    assert bob.client.requests == []
    assert (await bob.register("*", expires=0)).status == 200


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_the_call_itself_goes_on_without_credentials(
    opened: Open, user: NewUser, transport: str
) -> None:
    """RFC 3261 §12.2: from either side, by its own Route."""
    mallory = await user("mallory")
    mallory.client = await opened("127.0.0.6", transport)
    callee = await opened(CALLED)
    called = await call(mallory, callee)
    caller = mallory.client
    for method in ("ACK", "INFO", "INVITE", "BYE"):
        for client, of, uri in [
            (caller, "caller", callee.contact), (callee, "callee", caller.contact),
        ]:  # fmt: skip
            data = within(client, called, method, uri, called.routes(of), of=of)
            let_through = await is_let_through(client, data)
            assert let_through or method == "ACK"
    assert [each.method for each in callee.requests] == ["INVITE", "ACK", "INFO", "INVITE", "BYE"]


async def test_a_callees_connection_is_open_to_its_callers_only(
    opened: Open, user: NewUser
) -> None:
    """RFC 5626 §5.3: the token of one call under the mark of another leads nowhere, and does not
    tell where the callee is (RFC 3323 §4.2)."""
    alice, mallory = await user("alice"), await user("mallory")
    alice.client = await opened(HOME, "TCP")
    assert (await alice.register(f"<{alice.client.contact}>")).status == 200
    first = await call(mallory, alice.client, ALICE)
    callee = await opened(CALLED)
    second = await call(mallory, callee)
    (recorded,) = [each for each in first.ok.all("Record-Route") if "." in each.partition("@")[0]]
    token = recorded.partition("@")[0].partition(".")[2]
    octets = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert str(alice.client.local[1]).encode() not in octets
    mark = second.ok["Record-Route"].partition("@")[0].removeprefix("<sip:")
    route = recorded.replace(recorded.partition("@")[0], f"<sip:{mark}.{token}")
    alice.client.requests.clear()
    stranger = await opened(ELSEWHERE)
    for called in (first, second):
        data = within(stranger, called, "MESSAGE", "sip:x@x.invalid", [route], of="caller")
        assert not await is_let_through(stranger, data)
    assert alice.client.requests == []
    assert (await alice.register("*", expires=0)).status == 200


@pytest.mark.parametrize("by", ["nobody", "another user", "assertion"])
async def test_nobody_registers_for_another(opened: Open, user: NewUser, by: str) -> None:
    """RFC 3261 §10.3 step 4."""
    thief = await user("mallory") if by == "another user" else User(await opened(ELSEWHERE), ALICE)
    headers = [("Contact", f"<{thief.client.contact}>")]
    if by == "assertion":
        headers.append(("P-Asserted-Identity", f"<{ALICE}>"))
    if by == "another user":
        # The phone computes its answer for alice's challenge; the realm is the same.
        thief.aor = ALICE
    answer = await thief.ask("REGISTER", f"sip:{DOMAIN}", headers)
    assert answer.status == (FORBIDDEN if by == "another user" else 401)
    fetched = await (await user("alice")).register()
    assert fetched.status == 200
    assert fetched.all("Contact") == []


@pytest.mark.parametrize("method", ["PUBLISH", "REGISTER"])
async def test_a_users_password_is_good_for_that_user_only(user: NewUser, method: str) -> None:
    """RFC 3903 §6 step 3, RFC 3261 §10.3."""
    mallory = await user("mallory")
    headers = [("Event", "presence"), ("Content-Type", "application/pidf+xml")]
    answer = await mallory.ask(
        method, ALICE if method == "PUBLISH" else f"sip:{DOMAIN}", headers,
        pidf(ALICE, "owned"), to=f"<{ALICE}>",
    )  # fmt: skip
    assert answer.status == FORBIDDEN


@pytest.mark.parametrize(
    "sender",
    [
        pytest.param(BOB, id="another-user"),
        pytest.param("sip:president@bank.example", id="somebody-abroad"),
    ],
)
async def test_a_user_does_not_call_under_another_name(user: NewUser, sender: str) -> None:
    """RFC 3261 §22.1: who authenticated is who From says."""
    alice, mallory = await user("alice"), await user("mallory")
    assert (await alice.register(f"<{alice.client.contact}>")).status == 200
    mallory.aor = sender
    answer = await mallory.ask("MESSAGE", ALICE, to=f"<{ALICE}>")
    assert answer.status == FORBIDDEN
    assert await hears_nothing(alice.client)


@pytest.mark.parametrize("source", [HOME, ELSEWHERE])
async def test_a_recorded_request_is_worth_nothing(
    opened: Open, user: NewUser, source: str
) -> None:
    """RFC 7616 §3.4, §5.4: each nonce count is taken once, from wherever."""
    alice = await user("alice")
    assert (await alice.register(f"<{alice.client.contact}>")).status == 200
    assert alice.login is not None
    proof = alice.login.authorization("REGISTER", f"sip:{DOMAIN}")
    thief = await opened(source)

    def registration(contact: str) -> bytes:
        headers = [("Authorization", proof), ("Expires", "600"), ("Contact", f"<{contact}>")]
        return compose(
            f"REGISTER sip:{DOMAIN} SIP/2.0",
            [("Via", thief.via()), ("Max-Forwards", "70"), ("From", f"<{ALICE}>;tag=1"),
             ("To", f"<{ALICE}>"), ("Call-ID", secrets.token_hex(8)), ("CSeq", "1 REGISTER"),
             *headers, ("Content-Length", "0")],
        )  # fmt: skip

    assert (await thief.exchange(registration(alice.client.contact))).status == 200
    answer = await thief.exchange(registration("sip:thief@192.0.2.66"))
    assert answer.status == 401
    assert "stale=true" in answer.all("WWW-Authenticate")[0]
    contacts = (await alice.register()).all("Contact")
    assert not any("192.0.2.66" in contact for contact in contacts)


async def test_the_token_of_a_flow_is_told_to_nobody(opened: Open, user: NewUser) -> None:
    """RFC 5626 §5.2: whoever shows the token of our Path is taken for a process of ours."""
    alice, mallory = await user("alice"), await user("mallory")
    alice.client = await opened(HOME, "TCP")
    contact = f'<{alice.client.contact};ob>;reg-id=1;+sip.instance="<urn:uuid:{UUID}>"'
    headers = [("Contact", contact), ("Supported", "path, outbound, gruu")]
    answer = await alice.ask("REGISTER", f"sip:{DOMAIN}", headers)
    assert answer.status == 200
    assert answer.all("Path") == []
    assert (await message(mallory, to=ALICE)).status == 200
    heard = alice.client.requests[-1]
    assert heard.all("Route") == []
    assert (await alice.register("*", expires=0)).status == 200


def look_ups(server: Running) -> int:
    """Credentials that were asked for, in the cache or in the database."""
    with urllib.request.urlopen(f"{server.admin}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    names = ("presentity_store_credential_hits", "presentity_store_credential_misses")
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(names))


FORGED: Final = (
    'Digest username="alice", realm="example.com", nonce="{}", uri="sip:example.com",'
    ' response="0123456789abcdef0123456789abcdef", qop=auth, nc=00000001, cnonce="1",'
    " algorithm=MD5"
)


@pytest.mark.parametrize(
    ("method", "header"), [("REGISTER", "Authorization"), ("MESSAGE", "Proxy-Authorization")]
)
@pytest.mark.parametrize("shown", ["nothing", "a forged nonce"])
async def test_a_flood_without_credentials_costs_no_look_up(
    opened: Open, server: Running, method: str, header: str, shown: str
) -> None:
    """SEC-05: it is challenged from what the process knows by heart."""
    stranger = await opened(ELSEWHERE)
    before = look_ups(server)
    for _ in range(FLOOD):
        headers = [] if shown == "nothing" else [(header, FORGED.format(secrets.token_hex(16)))]
        uri = f"sip:{DOMAIN}" if method == "REGISTER" else ALICE
        stranger.send(ask_of(stranger, method, uri, *headers, sender=ALICE, to=f"<{ALICE}>"))
    assert await stranger.until(lambda: len(stranger.responses) == FLOOD)
    assert {answer.status for answer in stranger.responses} <= {401, 407}
    assert look_ups(server) == before


async def test_a_flood_of_guesses_costs_one_look_up_each_and_then_none(
    user: NewUser, server: Running
) -> None:
    """SEC-05: with nonces of ours, for a name that is nobody's."""
    guesser = await user("nobody", "127.0.0.3", "guess")
    before = look_ups(server)
    statuses = []
    for _ in range(FAILURES * 3):
        answer = await guesser.ask("REGISTER", f"sip:{DOMAIN}")
        statuses.append(answer.status)
        if guesser.login is not None:
            guesser.login.challenge = None
    assert statuses == [401] * FAILURES + [FORBIDDEN] * FAILURES * 2
    assert look_ups(server) - before == FAILURES


async def test_a_guesser_is_locked_out_and_nobody_else(user: NewUser, server: Running) -> None:
    """SEC-05: neither the user at home nor another user beside the guesser."""
    source = "127.0.0.4"
    guesser = await user("alice", source, "guess")
    for _ in range(FAILURES):
        assert guesser.login is not None
        guesser.login.challenge = None
        assert (await guesser.register()).status == 401
    with_the_right_one = await user("alice", source)
    assert (await with_the_right_one.register()).status == FORBIDDEN
    assert (await (await user("alice", HOME)).register()).status == 200
    assert (await (await user("bob", source)).register()).status == 200
    lines = [line for line in server.log.splitlines() if "locked-out" in line and source in line]
    assert len(lines) == 1


async def message(sender: User, *headers: Header, to: str = BOB, login: bool = True) -> Heard:
    """A MESSAGE and its final answer."""
    if not login:
        sender.login = None
    return await sender.ask("MESSAGE", to, headers, to=f"<{to}>")


CARRIER: Final = "<sip:+15551234@carrier.example>"


@pytest.mark.parametrize(
    ("source", "headers", "told"),
    [
        pytest.param(HOME, [], [f"<{MALLORY}>"], id="made-for-a-user"),
        pytest.param(HOME, [("P-Asserted-Identity", f"<{ALICE}>")], [f"<{MALLORY}>"],
                     id="forged-by-a-user"),
        pytest.param(HOME, [("Privacy", "id")], [], id="withheld-for-a-user"),
        pytest.param(PEER, [("P-Asserted-Identity", CARRIER)], [CARRIER], id="of-a-trusted-peer"),
        pytest.param(PEER, [("P-Asserted-Identity", CARRIER), ("Privacy", "id")], [],
                     id="withheld-for-a-peer"),
    ],
)  # fmt: skip
async def test_asserted_identity_is_whom_we_know(
    user: NewUser, source: str, headers: list[Header], told: list[str]
) -> None:
    """RFC 3325 §5 to §7, at the phone of the one who is called."""
    bob, sender = await user("bob"), await user("mallory", source)
    assert (await bob.register(f"<{bob.client.contact}>")).status == 200
    assert (await message(sender, *headers)).status == 200
    heard = bob.client.requests[-1]
    assert heard.all("P-Asserted-Identity") == told
    assert heard.all("P-Preferred-Identity") == []
    assert heard.all("Proxy-Authorization") == []
    assert (await bob.register("*", expires=0)).status == 200


async def test_privacy_that_is_critical_and_not_to_be_had_fails_the_request(user: NewUser) -> None:
    """RFC 3323 §5: 500, and nothing goes out."""
    bob, mallory = await user("bob"), await user("mallory")
    assert (await bob.register(f"<{bob.client.contact}>")).status == 200
    assert (await message(mallory, ("Privacy", "header;critical"))).status == 500
    assert await hears_nothing(bob.client)
    assert (await bob.register("*", expires=0)).status == 200


@pytest.mark.parametrize("other", ["before", "after"])
async def test_credentials_for_another_realm_go_on_and_ours_do_not(
    user: NewUser, other: str
) -> None:
    """RFC 3261 §22.3."""
    bob, mallory = await user("bob"), await user("mallory")
    assert (await bob.register(f"<{bob.client.contact}>")).status == 200
    assert (await message(mallory)).status == 200
    assert mallory.login is not None
    theirs = 'Digest username="m", realm="example.org", nonce="n", uri="sip:b", response="0"'
    values = [theirs, mallory.login.authorization("MESSAGE", BOB)]
    if other == "after":
        values.reverse()
    mallory.login = None
    headers = [("Proxy-Authorization", value) for value in values]
    assert (await mallory.ask("MESSAGE", BOB, headers, to=f"<{BOB}>")).status == 200
    assert bob.client.requests[-1].all("Proxy-Authorization") == [theirs]
    assert (await bob.register("*", expires=0)).status == 200


async def test_a_strangers_assertion_lets_nobody_in(opened: Open, user: NewUser) -> None:
    """RFC 3325 §5."""
    bob = await user("bob")
    assert (await bob.register(f"<{bob.client.contact}>")).status == 200
    stranger = User(await opened(ELSEWHERE), ALICE)
    answer = await message(stranger, ("P-Asserted-Identity", f"<{ALICE}>"), login=False)
    assert answer.status == 407
    assert await hears_nothing(bob.client)


def oversized(client: SipClient, kind: str) -> bytes:
    """An OPTIONS that is too much in one way."""
    extra: dict[str, list[Header]] = {
        "headers": [("X-Filler", "1")] * 2_000,
        "one header": [("X-Filler", "x" * 60_000)],
        "via": [("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")] * 300,
        "parameters": [("Contact", "<sip:a@b>" + ";p=1" * 5_000)],
    }
    return ask_of(client, "OPTIONS", f"sip:{DOMAIN}", *extra[kind])


@pytest.mark.parametrize("kind", ["headers", "one header", "via", "parameters"])
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_too_many_headers_are_refused_or_ignored(
    opened: Open, transport: str, kind: str
) -> None:
    """SEC-06: each bound ends in an answer or a closed connection, never in silence."""
    client = await opened(HOME, transport)
    client.send(oversized(client, kind))
    assert await client.until(lambda: bool(client.responses) or client.ended)
    assert all(answer.status in {200, 400, 413, 513} for answer in client.responses)


@pytest.mark.parametrize("length", ["999999999", "4294967296", "-1", "1e9"])
async def test_a_body_that_is_announced_too_long_holds_no_connection(
    opened: Open, length: str
) -> None:
    """RFC 3261 §18.3, §20.14: 400 or 513 at once, and the connection ends."""
    client = await opened(HOME, "TCP")
    data = ask_of(client, "OPTIONS", f"sip:{DOMAIN}")
    client.send(data.replace(b"Content-Length: 0", f"Content-Length: {length}".encode()))
    assert await client.until(lambda: client.ended)
    assert all(answer.status in {400, 413, 513} for answer in client.responses)


async def test_a_head_without_end_holds_no_connection(opened: Open) -> None:
    client = await opened(HOME, "TCP")
    client.send(b"OPTIONS sip:x SIP/2.0\r\n" + b"X-Filler: x\r\n" * 20_000)
    assert await client.until(lambda: client.ended)


@pytest.mark.parametrize("name", ["stranger", "mallory"])
async def test_the_admin_listener_is_no_sip_peer(
    opened: Open, user: NewUser, server: Running, name: str
) -> None:
    """Who may have requests relayed gets no further with it than with any other host."""
    port = server.admin.rpartition(":")[2]
    uri = f"sip:admin@{HOME}:{port};transport=tcp"
    sender = User(await opened(), MALLORY) if name == "stranger" else await user("mallory")
    answer = await sender.ask("MESSAGE", uri, [], b"GET /api/users HTTP/1.1\r\n\r\n", to=f"<{uri}>")
    assert answer.status in ({407} if name == "stranger" else {403, 408, 500, 502, 503})
