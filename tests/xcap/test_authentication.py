"""RFC 4825 §8: who asks. Digest (RFC 7616), Basic (RFC 7617), front ends (XCP-13, XCP-14)."""

import base64
from dataclasses import replace
from ipaddress import ip_network

import pytest
from multidict import CIMultiDict

from sip.authenticator import Authenticator, Hashes, Identity
from sip.digest import NonceCounts, NonceMint
from sip.uri import AoR
from tests.rawdigest import first, last
from tests.rawxcap import resource_list
from tests.xcap.kit import ALICE, CONFIG, LISTS, LOOPBACK, DocumentsInMemory, Served, serving
from xcap.authentication import Asking, Authentication, asserted_user, same_target
from xcap.config import XcapConfig
from xcap.errors import Unauthorized

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
    return Asking("GET", "/x", headers, "192.0.2.1", encrypted, "example.com")


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
