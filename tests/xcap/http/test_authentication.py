"""RFC 4825 §8: who asks. Digest (RFC 7616), Basic (RFC 7617), front ends (XCP-13, XCP-14)."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest
from multidict import CIMultiDict

from sip.authenticator import Authenticator, Hashes, Identity
from sip.digest import NonceCounts, NonceMint
from sip.lockout import Lockout
from sip.uri import AoR
from tests.rawdigest import Login, first, last
from tests.rawxcap import Answer, resource_list
from tests.xcap.kit import ALICE, BOB, CONFIG, LISTS, LOOPBACK, DocumentsInMemory, Served, serving
from xcap.config import XcapConfig
from xcap.errors import TooManyFailures, Unauthorized
from xcap.http.authentication import Asking, Authentication, asserted_user, same_target
from xcap.http.front_end import client_address

CAPS = "xcap-caps/global/index"


async def test_nobody_is_challenged_with_every_algorithm_in_order(served: Served) -> None:
    """RFC 8760 §2.4; MD5 first, as interop asks; no Basic on a connection in the clear."""
    client = served.client(None)
    answer = await client.get(CAPS)
    assert answer.status == 401
    assert answer.body == b"credentials are needed\n"
    assert [challenge.split(" ")[0] for challenge in answer.challenges] == ["Digest", "Digest"]
    assert "algorithm=MD5" in answer.challenges[0]
    assert "algorithm=SHA-256" in answer.challenges[1]
    assert 'realm="example.com"' in answer.challenges[0]


@pytest.mark.parametrize("choose", [first, last], ids=["MD5", "SHA-256"])
@pytest.mark.parametrize("name", ["alice", "alice@example.com"])
async def test_credentials_are_good_for_many_requests(
    served: Served, choose: object, name: str
) -> None:
    client = served.client(ALICE, first if choose is first else last)
    assert client.login is not None
    client.login.user = name
    assert [(await client.get(CAPS)).status for _ in range(3)] == [200, 200, 200]
    assert client.login.count == 3


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", "wonderland")])
async def test_wrong_credentials_are_401(served: Served, user: str, password: str) -> None:
    client = served.client()
    assert client.login is not None
    client.login.user, client.login.password = user, password
    answer = await client.get(LISTS)
    assert (answer.status, answer.body) == (401, b"wrong user name or password\n")


async def test_an_old_nonce_is_stale(served: Served) -> None:
    """RFC 7616 §3.3: the client need not ask its user again."""
    client = served.client()
    await client.get(CAPS)
    served.now[0] += 86_400.0
    assert client.login is not None
    answer = await served.client(None).ask(
        "GET",
        CAPS,
        headers={"Authorization": client.login.authorization("GET", f"/xcap-root/{CAPS}")},
    )
    assert answer.status == 401
    assert "stale=true" in answer.challenges[0]
    assert (await client.get(CAPS)).status == 200


@pytest.mark.parametrize(
    ("signed", "status"),
    [
        (f"/xcap-root/{CAPS}", 200),
        (f"http://proxy.example/xcap-root/{CAPS}", 200),
        ("/xcap-root/other", 401),
        (f"/xcap-root/{CAPS}?x", 401),
        ("*", 401),
    ],
)
async def test_the_digest_must_be_about_this_target(
    served: Served, signed: str, status: int
) -> None:
    """RFC 7616 §3.4.6."""
    client = served.client()
    await client.get(CAPS)
    assert client.login is not None
    header = {"Authorization": client.login.authorization("GET", signed)}
    assert (await served.client(None).ask("GET", CAPS, headers=header)).status == status


@pytest.mark.parametrize("authorization", ["", "Digest", "Digest x", "Basic", "Bearer y", "\t"])
async def test_what_is_no_digest_is_401(served: Served, authorization: str) -> None:
    answer = await served.client(None).ask("GET", CAPS, headers={"Authorization": authorization})
    assert answer.status == 401


@pytest.mark.parametrize(
    ("value", "user"),
    [
        ('"sip:alice@example.com"', "sip:alice@example.com"),
        ("sip:alice@example.com", "sip:alice@example.com"),
        ("<sip:alice@example.com>", "sip:alice@example.com"),
        ('"tel:+15550100"', "tel:+15550100"),
        ("alice", "sip:alice@example.com"),
        ('"Eve" <sip:eve@example.net>', "sip:eve@example.net"),
        ('"E, \\"v\\" <e>" <sip:eve@example.net>;x=y', "sip:eve@example.net"),
        ('"sip:alice@example.com", "tel:+15550100"', "sip:alice@example.com"),
        ("<sip:alice@example.com>,<sip:bob@example.com>", "sip:alice@example.com"),
        ("sip:alice@example.com, sip:bob@example.com", "sip:alice@example.com"),
        ('"sip:alice@example.com', None),
        ('Eve "sip:eve@example.net"', None),
        ("<sip:eve@example.net", None),
        ("alice bob", None),
        ('"http://x"', None),
        ("", None),
    ],
)
@pytest.mark.parametrize("name", ["X-3GPP-Asserted-Identity", "x-xcap-asserted-identity"])
def test_an_asserted_identity_is_quoted_or_not(name: str, value: str, user: str | None) -> None:
    assert asserted_user(CIMultiDict({name: value}), "example.com") == user


async def test_a_front_end_vouches_for_its_users() -> None:
    """XCP-14: also for one whom the subscriber table does not know."""
    async with serving(replace(CONFIG, trusted_peers=LOOPBACK)) as served:
        carol = served.asserting("sip:carol@example.com")
        path = "resource-lists/users/sip:carol@example.com/index"
        assert (await carol.put(path, resource_list("a"))).status == 201
        assert (await carol.get(LISTS)).status == 403
        foreign = served.asserting("sip:carol@example.org")
        assert (await foreign.get(path.replace(".com", ".org"))).status == 404
        number = served.asserting("tel:+15550100")
        assert (await number.get("resource-lists/users/tel:+1-555-0100/index")).status == 404


async def test_a_trusted_peer_without_an_assertion_needs_credentials() -> None:
    async with serving(replace(CONFIG, trusted_peers=LOOPBACK)) as served:
        assert (await served.client(None).get(LISTS)).status == 401
        assert (await served.client().put(LISTS, resource_list("a"))).status == 201


@pytest.mark.parametrize("peers", [(), (ip_network("192.0.2.0/24"),)])
async def test_assertions_of_others_mean_nothing(peers: tuple[object, ...]) -> None:
    """XCP-14: never honoured from whom the settings do not name."""
    config = CONFIG if not peers else replace(CONFIG, trusted_peers=(ip_network("192.0.2.0/24"),))
    async with serving(config) as served:
        assert (await served.asserting("sip:alice@example.com").get(LISTS)).status == 401


async def test_an_intended_identity_says_nothing(served: Served) -> None:
    """The wish of the user agent: tolerated, not believed."""
    client = served.client()
    headers = {"X-3GPP-Intended-Identity": '"sip:bob@example.com"'}
    assert (await client.ask("GET", LISTS, headers=headers)).status == 404
    assert (await client.ask("GET", LISTS.replace("alice", "bob"), headers=headers)).status == 403


@pytest.mark.parametrize("field", ["X-3GPP-Intended-Identity", "X-3GPP-Asserted-Identity"])
@pytest.mark.parametrize("value", [b"\xff", b"tel:\xff"], ids=["any", "number"])
async def test_an_identity_that_is_not_utf_8_is_nobodys(field: str, value: bytes) -> None:
    """RFC 4825 §6: whoever sends it, and whatever it would decide."""
    config = XcapConfig(domains=("example.com", "example.org"), trusted_peers=LOOPBACK)
    async with serving(config) as served:
        head = f"GET /xcap-root/{LISTS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{field}: "
        got = await served.raw(head.encode() + value + b"\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 401 ")


async def test_without_authentication_everybody_is_the_owner() -> None:
    async with serving(replace(CONFIG, authenticate=False)) as served:
        client = served.client(None)
        assert (await client.put(LISTS, resource_list("a"))).status == 201
        assert (await client.get(CAPS)).status == 200
        assert (await client.put(LISTS.replace("alice", "carol"), b"")).status == 404
        assert (await client.get("rls-services/global/index")).status == 403


async def test_each_domain_has_its_own_realm() -> None:
    """RFC 7616 §3.3: users of a domain are asked for what they have there."""
    config = XcapConfig(domains=("example.org", "example.com"))
    async with serving(config) as served:
        client = served.client()
        assert (await client.put(LISTS, resource_list("a"))).status == 201
        assert 'realm="example.org"' in (await served.client(None).get(CAPS)).challenges[0]


@pytest.mark.parametrize(
    ("signed", "same"),
    [("/a?b", True), ("http://h/a?b", True), ("/a", False), ("/A?b", False), ("nonsense", False)],
)
def test_targets(signed: str, same: bool) -> None:
    assert same_target("/a?b", signed) is same


def basic(credentials: bytes) -> str:
    return "Basic " + base64.b64encode(credentials).decode()


@pytest.fixture
def authentication() -> Authentication:
    store = DocumentsInMemory()

    async def lookup(aor: AoR) -> Hashes | None:
        return store.hashes.get(aor)

    authenticator = Authenticator(
        mint=NonceMint(b"secret"),
        counts=NonceCounts(),
        lookup=lookup,
        algorithms=("SHA-256",),
        domains=CONFIG.domains,
    )
    return Authentication(authenticator=authenticator, credential=store.credential, config=CONFIG)


def asking(authorization: str, *, encrypted: bool) -> Asking:
    headers = CIMultiDict({"Authorization": authorization})
    return Asking("GET", "/x", headers, "192.0.2.1", encrypted, "alice")


@pytest.mark.parametrize("credentials", [b"alice:wonderland", b"alice@example.com:wonderland"])
async def test_basic_is_good_where_the_connection_is_encrypted(
    authentication: Authentication, credentials: bytes
) -> None:
    """RFC 7617 §2."""
    identity = await authentication.identify(asking(basic(credentials), encrypted=True), 0.0)
    assert identity == Identity(ALICE, "digest")


@pytest.mark.parametrize(
    ("authorization", "encrypted"),
    [
        pytest.param(basic(b"alice:wonderland"), False, id="in the clear"),
        pytest.param(basic(b"alice:wrong"), True, id="wrong password"),
        pytest.param(basic(b"carol:wonderland"), True, id="unknown user"),
        pytest.param(basic(b"bob:wonderland"), True, id="another's password"),
        pytest.param(basic(b"\xff\xfe"), True, id="not UTF-8"),
        pytest.param(basic(b""), True, id="empty"),
        pytest.param("Basic ?!", True, id="not base64"),
    ],
)
async def test_basic_is_refused(
    authentication: Authentication, authorization: str, encrypted: bool
) -> None:
    with pytest.raises(Unauthorized) as refused:
        await authentication.identify(asking(authorization, encrypted=encrypted), 0.0)
    offered = [challenge.split(" ")[0] for challenge in refused.value.challenges]
    assert offered == (["Digest", "Basic"] if encrypted else ["Digest"])


TRUSTING = replace(CONFIG, trusted_peers=LOOPBACK)


@asynccontextmanager
async def guarded() -> AsyncIterator[Served]:
    """A server that locks out after three wrong passwords, for 60 seconds."""
    async with serving(TRUSTING, lockout=Lockout(3, 60.0)) as served:
        yield served


async def guess(served: Served, source: str, password: str = "guess") -> Answer:
    """An attempt at alice's password from behind a trusted proxy."""
    login = Login("alice", password)
    headers = {"X-Forwarded-For": source}
    login.learn((await served.client(None).ask("GET", LISTS, headers=headers)).challenges)
    headers["Authorization"] = login.authorization("GET", f"/xcap-root/{LISTS}")
    return await served.client(None).ask("GET", LISTS, headers=headers)


async def test_who_guesses_too_often_is_not_listened_to() -> None:
    """429 (RFC 6585 §4), for that account from there, for that long; as for SIP."""
    async with guarded() as served:
        assert [(await guess(served, "192.0.2.1")).status for _ in range(4)] == [401, 401, 401, 429]
        refused = await guess(served, "192.0.2.1", "wonderland")
        assert refused.status == 429
        assert refused.body == b"too many wrong passwords, try again later\n"
        assert (await guess(served, "192.0.2.2", "wonderland")).status == 404
        served.now[0] += 61.0
        assert (await guess(served, "192.0.2.1", "wonderland")).status == 404
        auth = served.server.stats.auth
        assert (auth.failures, auth.lockouts, auth.refused_locked) == (3, 1, 2)


async def test_basic_guesses_count_as_well() -> None:
    store = DocumentsInMemory()

    async def lookup(aor: AoR) -> Hashes | None:
        return store.hashes.get(aor)

    told: list[tuple[AoR | None, str]] = []
    authentication = Authentication(
        authenticator=Authenticator(
            mint=NonceMint(b"secret"),
            counts=NonceCounts(),
            lookup=lookup,
            algorithms=("MD5",),
            domains=CONFIG.domains,
            lockout=Lockout(2, 60.0),
        ),
        credential=store.credential,
        config=CONFIG,
        locked_out=lambda account, source: told.append((account, source)),
    )
    for _ in range(2):
        with pytest.raises(Unauthorized):
            await authentication.identify(asking(basic(b"alice:guess"), encrypted=True), 0.0)
    with pytest.raises(TooManyFailures):
        await authentication.identify(asking(basic(b"alice:wonderland"), encrypted=True), 0.0)
    assert told == [(ALICE, "192.0.2.1")]
    right = asking(basic(b"alice:wonderland"), encrypted=True)
    assert (await authentication.identify(right, 61.0)).aor == ALICE


async def certified(authentication: Authentication, *users: str, xui: str) -> Identity:
    headers = CIMultiDict[str]()
    named = [AoR(user) for user in users]
    return await authentication.identify(
        Asking("GET", "/x", headers, "192.0.2.1", True, xui, named), 0.0
    )


async def test_a_certificate_names_its_user(authentication: Authentication) -> None:
    """XCP-13: the one whose documents they are, else the first; nobody who is gone."""
    assert await certified(authentication, ALICE, xui="x") == Identity(ALICE, "certificate")
    assert (await certified(authentication, BOB, ALICE, xui="alice")).aor == ALICE
    assert (await certified(authentication, BOB, ALICE, xui="carol")).aor == BOB
    gone = "sip:carol@example.com"
    assert (await certified(authentication, gone, BOB, xui="carol")).aor == BOB
    with pytest.raises(Unauthorized):
        await certified(authentication, gone, xui="carol")


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.7, 127.0.0.2"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("127.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("127.0.0.1", ["2001:DB8::1"], "2001:db8::1"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9, _hidden"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["127.0.0.3"], "127.0.0.3"),
    ],
)
def test_the_client_behind_a_trusted_front_end(
    peer: str, forwarded: list[str], source: str
) -> None:
    """XCP-14: what the last trusted one wrote; never what a client says of itself."""
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    assert client_address(headers, peer, lambda address: address.startswith("127.")) == source


async def test_credentials_are_those_of_the_realm_that_fits() -> None:
    """X-3GPP-Intended-Identity says whose password the client has, and no more than that."""
    config = XcapConfig(domains=("example.org", "example.com"))
    async with serving(config) as served:
        intended = {"X-3GPP-Intended-Identity": '"sip:alice@example.com"'}
        path = "resource-lists/users/sip:carol@example.org/index"
        client = served.client(None)
        assert 'realm="example.org"' in (await client.get(path)).challenges[0]
        answer = await client.ask("GET", path, headers=intended)
        assert 'realm="example.com"' in answer.challenges[0]
        login = Login("alice", "wonderland")
        login.learn(answer.challenges)
        signed = {"Authorization": login.authorization("GET", f"/xcap-root/{path}")}
        assert (await client.ask("GET", path, headers=signed)).status == 404
        foreign = {"X-3GPP-Intended-Identity": "sip:alice@example.net"}
        answer = await client.ask("GET", path, headers=foreign)
        assert 'realm="example.org"' in answer.challenges[0]


async def test_anybody_may_read_what_is_public() -> None:
    """Icons where the setting says so; who shows credentials is still checked."""
    icon = "org.openmobilealliance.pres-content/users/alice/oma_status-icon/face"
    async with serving(replace(TRUSTING, public_icons=True)) as served:
        assert (await served.client(None).get(icon)).status == 404
        wrong = {"Authorization": 'Digest username="alice"'}
        assert (await served.client(None).ask("GET", icon, headers=wrong)).status == 401
        assert (await served.client(None).put(icon, b"<x/>")).status == 401
        assert (await served.client(None).delete(icon)).status == 401
    async with serving(TRUSTING) as served:
        assert (await served.client(None).get(icon)).status == 401
