"""RFC 3261 §22, RFC 3325: who sent a request, and how those are asked who do not say."""

from ipaddress import ip_network

import pytest

from proxy.addresses import OurAddresses
from server.account_limits import AccountBusy, AccountLimits
from server.identity_service import IdentityService, LockedOut
from sip.auth_header import Challenge
from sip.authenticator import Authenticator, Hashes, Identity, hashes_for
from sip.certificates import PeerCertificate
from sip.digest import NonceCounts, NonceMint
from sip.lockout import Lockout
from sip.message import Response
from sip.trust import TrustedPeers
from sip.uri import AoR
from store.values import Credential
from tests.proxy.proxykit import ALICE, CLIENT, FakeFlow, FakeTransaction, request
from tests.rawdigest import Login

PASSWORD = "wonderland"
FAILURES, LOCKED = 3, 60


class World:
    """Identities over one subscriber, alice, and a clock that is a number."""

    def __init__(
        self,
        *,
        trusted: str = "198.51.100.0/24",
        authenticate: bool = True,
        account_rate: float = 0,
    ) -> None:
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
                lockout=Lockout(FAILURES, LOCKED),
            ),
            trusted=TrustedPeers([ip_network(trusted)], ["sip.carrier.example"]),
            ours=ours,
            authenticate=authenticate,
            credential=self.credential,
            clock=lambda: self.now,
            accounts=AccountLimits(account_rate, account_rate, now=lambda: self.now),
        )

    async def hashes(self, aor: AoR) -> Hashes | None:
        self.asked.append(aor)
        return hashes_for(ALICE, PASSWORD) if aor == ALICE else None

    async def credential(self, aor: str) -> Credential | None:
        return Credential(aor, "", "", "", "") if aor == ALICE else None

    def challenged(
        self, *lines: str, relaying: bool = False, sender: str = ALICE, method: str = "SUBSCRIBE"
    ) -> Response:
        tx = FakeTransaction(request(method, "sip:example.com", *lines, sender=sender))
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
    ("sender", "line", "realm"),
    [
        pytest.param("sip:a@example.net", "Subject: x", "example.net", id="sender"),
        pytest.param("sip:a@example.org", "Subject: x", "example.com", id="our-first"),
        pytest.param("sip:anonymous@anonymous.invalid",
                     "P-Preferred-Identity: <sip:a@example.net>", "example.net", id="anonymous"),
        pytest.param("sip:a@example.com",
                     "P-Preferred-Identity: <sip:a@example.net>", "example.com", id="sender-first"),
        pytest.param("sip:anonymous@anonymous.invalid", "P-Preferred-Identity: <tel:+1>",
                     "example.com", id="number"),
    ],
)  # fmt: skip
def test_realm_is_the_senders_domain(sender: str, line: str, realm: str) -> None:
    """RFC 3261 §22.1."""
    value = World().challenged(line, sender=sender).all("www-authenticate")[0]
    assert Challenge.parse(value).realm == realm


def test_realm_of_a_registration_is_that_of_the_user_registered() -> None:
    """RFC 3261 §10.3 step 4: a third party may register for To."""
    value = World().challenged(method="REGISTER", sender="sip:a@example.net")
    assert Challenge.parse(value.all("www-authenticate")[0]).realm == "example.com"


async def test_right_password() -> None:
    world = World()
    tx = await world.verify(authorization(world))
    assert world.identity == Identity(ALICE, "digest")
    assert tx.sent == []


async def test_2xx_to_right_credentials_proves_that_we_know_the_password() -> None:
    """RFC 7616 §3.5, RFC 3261 §20.6; other answers do not."""
    world = World()
    tx = await world.verify(authorization(world))
    tx.respond(100)
    tx.respond(200)
    proofs = [response.get("authentication-info") for response in tx.sent]
    assert proofs[0] is None
    assert (proofs[1] or "").startswith('qop=auth, rspauth="')


async def test_relayed_answers_are_the_other_sides() -> None:
    world = World()
    tx = await world.verify(authorization(world), relaying=True)
    assert tx.success_headers == ()


async def test_credentials_for_another_realm_do_not_hide_ours() -> None:
    """RFC 3261 §22.3: a request may carry credentials for each proxy on its way."""
    world = World()
    other = 'Digest username="a", realm="example.org", nonce="n", uri="sip:b", response="0"'
    lines = [f"Proxy-Authorization: {each}" for each in (other, authorization(world))]
    tx = FakeTransaction(request("SUBSCRIBE", "sip:example.com", *lines))
    assert await world.service.verify(tx, relaying=True) == Identity(ALICE, "digest")


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


async def test_guesser_is_locked_out_without_a_look_up() -> None:
    """RFC 3261 §26.1; the lock ends by itself."""
    world = World()
    for _ in range(FAILURES):
        await world.verify(authorization(world, "guess"))
    world.asked.clear()
    with pytest.raises(LockedOut) as refusal:
        await world.verify(authorization(world))
    assert (refusal.value.status, world.asked) == (403, [])
    world.now += LOCKED
    await world.verify(authorization(world))
    assert world.identity == Identity(ALICE, "digest")
    stats = world.service.stats
    assert (stats.failures, stats.lockouts, stats.refused_locked) == (FAILURES, 1, 1)


async def test_each_failure_costs_one_look_up() -> None:
    world = World()
    await world.verify(authorization(world, "guess"))
    await world.verify(authorization(world, user="nobody"))
    assert world.asked == [ALICE, "sip:nobody@example.com"]


async def test_account_that_sends_too_much_is_told_to_wait() -> None:
    """RFC 3261 §21.5.4."""
    world = World(account_rate=2)
    for _ in range(2):
        await world.verify(authorization(world))
    with pytest.raises(AccountBusy) as refusal:
        await world.verify(authorization(world))
    assert [name for name, _ in refusal.value.headers] == ["Retry-After"]
    world.now += 1
    await world.verify(authorization(world))
    assert world.identity == Identity(ALICE, "digest")


ALICES = PeerCertificate(users=(AoR("sip:a@carrier.example"), ALICE))


async def certified(
    certificate: PeerCertificate | None, method: str = "SUBSCRIBE", sender: str = ALICE
) -> tuple[Identity | None, list[int]]:
    """Whom a request over TLS is from, and what was answered."""
    world = World()
    flow = FakeFlow(transport="TLS", secure=True, certificate=certificate)
    tx = FakeTransaction(request(method, sender=sender), flow)
    identity = world.service.at_once(tx)
    if identity is None and world.service.has_credentials(tx, relaying=False):
        identity = await world.service.verify(tx, relaying=False)
    return identity, tx.statuses


@pytest.mark.parametrize(
    ("method", "sender"),
    [
        ("SUBSCRIBE", ALICE),
        ("SUBSCRIBE", "sip:anonymous@anonymous.invalid"),
        ("REGISTER", "sip:bob@example.com"),
    ],
)
async def test_certificate_of_a_user_authenticates_that_user(method: str, sender: str) -> None:
    """RFC 5922 §7.1."""
    assert await certified(ALICES, method, sender) == (Identity(ALICE, "certificate"), [])


@pytest.mark.parametrize(
    ("certificate", "sender"),
    [
        pytest.param(None, ALICE, id="none"),
        pytest.param(PeerCertificate(domains=("example.com",)), ALICE, id="of-a-domain"),
        pytest.param(ALICES, "sip:bob@example.com", id="of-another-user"),
        pytest.param(
            PeerCertificate(users=(AoR("sip:a@carrier.example"),)), ALICE, id="of-somebody-abroad"
        ),
    ],
)
async def test_other_certificates_authenticate_nobody(
    certificate: PeerCertificate | None, sender: str
) -> None:
    assert await certified(certificate, sender=sender) == (None, [])


async def test_certificate_of_a_user_who_was_removed_is_worth_nothing() -> None:
    """Taking a subscriber away must not need a revocation list."""
    gone = AoR("sip:gone@example.com")
    identity, statuses = await certified(PeerCertificate(users=(gone,)), sender=gone)
    assert (identity, statuses) == (None, [401])


async def test_holder_of_a_trusted_name_is_a_trusted_peer() -> None:
    """RFC 5922 §7.4, RFC 3325 §4."""
    carrier = PeerCertificate(domains=("sip.carrier.example",))
    assert await certified(carrier) == (Identity(ALICE, "asserted"), [])


@pytest.mark.parametrize(
    ("trusted", "identity"),
    [
        pytest.param("192.0.2.0/24", Identity(AoR("sip:b@c"), "asserted"), id="peer"),
        pytest.param("198.51.100.0/24", Identity(None, "none"), id="stranger"),
    ],
)
def test_in_a_dialog_only_a_trusted_peer_says_who_it_is(trusted: str, identity: Identity) -> None:
    """RFC 3325 §5, RFC 5876: an UPDATE may tell a new connected identity."""
    tx = FakeTransaction(request("UPDATE", "sip:b@c", "P-Asserted-Identity: <sip:b@c>"))
    assert World(trusted=trusted).service.in_dialog(tx) == identity


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
        pytest.param("sip:nobody@example.com", "certificate", False, id="unknown-to-a-user"),
        pytest.param("sip:nobody@example.com", "asserted", True, id="vouched-for"),
        pytest.param("sip:nobody@example.com", "none", True, id="no-authentication"),
        pytest.param("sip:alice@example.org", "asserted", False, id="foreign"),
    ],
)
async def test_exists(aor: str, how: str, exists: bool) -> None:
    """A trusted peer vouches for its users; otherwise the subscriber table knows."""
    identity = Identity(ALICE, how)  # type: ignore[arg-type]  # a table of its three words
    assert await World().service.exists(AoR(aor), identity) is exists
