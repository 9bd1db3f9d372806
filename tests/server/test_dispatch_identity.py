"""RFC 3261 §22, RFC 3325: who sent a request, and how those are asked who do not say."""

from ipaddress import ip_network

import pytest

from proxy.addresses import OurAddresses
from server.identity_service import IdentityService
from sip.auth_header import Challenge
from sip.authenticator import Authenticator, Hashes, Identity, hashes_for
from sip.digest import NonceCounts, NonceMint
from sip.message import Response
from sip.trust import TrustedPeers
from sip.uri import AoR
from store.values import Credential
from tests.proxy.proxykit import ALICE, CLIENT, FakeFlow, FakeTransaction, request
from tests.rawdigest import Login

PASSWORD = "wonderland"


class World:
    """Identities over one subscriber, alice, and a clock that is a number."""

    def __init__(self, *, trusted: str = "198.51.100.0/24", authenticate: bool = True) -> None:
        self.now = 1000.0
        self.asked: list[AoR] = []
        ours = OurAddresses(["example.com", "example.net"])
        self.service = IdentityService(
            authenticator=Authenticator(
                mint=NonceMint(b"secret", lifetime=60),
                counts=NonceCounts(),
                lookup=self.hashes,
                algorithms=["MD5", "SHA-256"],
                domains=ours.domains,
            ),
            trusted=TrustedPeers([ip_network(trusted)]),
            ours=ours,
            authenticate=authenticate,
            credential=self.credential,
            clock=lambda: self.now,
        )

    async def hashes(self, aor: AoR) -> Hashes | None:
        self.asked.append(aor)
        return hashes_for(ALICE, PASSWORD) if aor == ALICE else None

    async def credential(self, aor: str) -> Credential | None:
        return Credential(aor, "", "", "", "") if aor == ALICE else None

    def challenged(self, *, relaying: bool = False, sender: str = ALICE) -> Response:
        tx = FakeTransaction(request("SUBSCRIBE", sender=sender))
        self.service.challenge(tx, relaying=relaying)
        return tx.sent[0]

    async def verify(self, authorization: str, *, relaying: bool = False) -> FakeTransaction:
        name = "Proxy-Authorization" if relaying else "Authorization"
        tx = FakeTransaction(request("SUBSCRIBE", "sip:example.com", f"{name}: {authorization}"))
        self.identity = await self.service.verify(tx, relaying=relaying)
        return tx


def authorization(world: World, password: str = PASSWORD, user: str = "alice") -> str:
    login = Login(user, password)
    login.learn(world.challenged().all("www-authenticate"))
    return login.authorization("SUBSCRIBE", "sip:example.com")


@pytest.mark.parametrize(
    ("lines", "sender", "aor"),
    [
        pytest.param(["P-Asserted-Identity: <sip:bob@example.com>"], ALICE, "sip:bob@example.com",
                     id="asserted-first"),
        pytest.param([], ALICE, ALICE, id="then-from"),
        pytest.param([], "sip:anonymous@anonymous.invalid", None, id="anonymous"),
        pytest.param([], "tel:+15551234", None, id="from-the-telephone-network"),
    ],
)  # fmt: skip
def test_trusted_peer_is_taken_at_its_word(lines: list[str], sender: str, aor: str | None) -> None:
    """RFC 3325 §4: by the address that the packet came from."""
    world = World(trusted="192.0.2.0/24")
    tx = FakeTransaction(request("SUBSCRIBE", "sip:example.com", *lines, sender=sender))
    assert world.service.at_once(tx) == Identity(AoR(aor) if aor else None, "asserted")


def test_assertion_of_a_stranger_is_worth_nothing() -> None:
    """RFC 3325 §5."""
    tx = FakeTransaction(
        request("SUBSCRIBE", "sip:example.com", "P-Asserted-Identity: <sip:bob@example.com>"),
        FakeFlow(remote=CLIENT),
    )
    assert World().service.at_once(tx) is None


def test_without_authentication_from_counts() -> None:
    """RFC 3261 §10.3 step 3."""
    tx = FakeTransaction(request("REGISTER"))
    assert World(authenticate=False).service.at_once(tx) == Identity(ALICE, "none")


@pytest.mark.parametrize(
    ("relaying", "status", "name"),
    [(False, 401, "www-authenticate"), (True, 407, "proxy-authenticate")],
)
def test_challenge(relaying: bool, status: int, name: str) -> None:
    """RFC 3261 §22.2, §22.3; the algorithms in the order of the settings (RFC 8760 §2.4)."""
    response = World().challenged(relaying=relaying)
    challenges = [Challenge.parse(value) for value in response.all(name)]
    assert response.status == status
    assert [challenge.algorithm for challenge in challenges] == ["MD5", "SHA-256"]


@pytest.mark.parametrize(
    ("sender", "realm"),
    [
        ("sip:a@example.net", "example.net"),
        ("sip:a@example.org", "example.com"),
    ],
)
def test_realm_is_the_senders_domain(sender: str, realm: str) -> None:
    """RFC 3261 §22.1."""
    value = World().challenged(sender=sender).all("www-authenticate")[0]
    assert Challenge.parse(value).realm == realm


async def test_right_password() -> None:
    world = World()
    tx = await world.verify(authorization(world))
    assert world.identity == Identity(ALICE, "digest")
    assert tx.sent == []


@pytest.mark.parametrize(
    ("user", "password"),
    [
        pytest.param("alice", "wrong", id="wrong-password"),
        pytest.param("nobody", PASSWORD, id="unknown-user"),
    ],
)
async def test_wrong_credentials_are_challenged_again(user: str, password: str) -> None:
    """RFC 3261 §22.1: and nothing tells which of the two was wrong."""
    world = World()
    tx = await world.verify(authorization(world, password, user))
    assert world.identity is None
    assert tx.statuses == [401]
    assert "stale" not in tx.sent[0].all("www-authenticate")[0]


async def test_old_nonce_is_stale() -> None:
    """RFC 7616 §3.3."""
    world = World()
    old = authorization(world)
    world.now += 61
    tx = await world.verify(old)
    assert world.identity is None
    assert "stale=true" in tx.sent[0].all("www-authenticate")[0]


async def test_replay_is_refused() -> None:
    """RFC 7616 §3.4.5."""
    world = World()
    value = authorization(world)
    await world.verify(value)
    tx = await world.verify(value)
    assert world.identity is None
    assert tx.statuses == [401]


async def test_forged_nonce_costs_no_look_up() -> None:
    world = World()
    tx = await world.verify(
        'Digest username="alice", realm="example.com", nonce="made-up", uri="sip:example.com",'
        ' response="0", qop=auth, nc=00000001, cnonce="1", algorithm=MD5'
    )
    assert tx.statuses == [401]
    assert world.asked == []


@pytest.mark.parametrize(
    ("aor", "how", "exists"),
    [
        pytest.param(ALICE, "digest", True, id="subscriber"),
        pytest.param("sip:nobody@example.com", "digest", False, id="unknown"),
        pytest.param("sip:nobody@example.com", "asserted", True, id="vouched-for"),
        pytest.param("sip:nobody@example.com", "none", True, id="no-authentication"),
        pytest.param("sip:alice@example.org", "asserted", False, id="foreign"),
    ],
)
async def test_exists(aor: str, how: str, exists: bool) -> None:
    """A trusted peer vouches for its users; otherwise the subscriber table knows."""
    identity = Identity(ALICE, how)  # type: ignore[arg-type]  # a table of its three words
    assert await World().service.exists(AoR(aor), identity) is exists
