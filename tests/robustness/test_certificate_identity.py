"""RFC 5922 over real TLS: a certificate in the place of a password, and of a network."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.processes import DOMAIN, LOOPBACK, Deployment, Section, free_port, sqlite_url
from tests.rawsip import Header, SipClient
from tests.rawusers import User
from tests.sip.pki import Authority

ALICE: Final = f"sip:alice@{DOMAIN}"
BOB: Final = f"sip:bob@{DOMAIN}"
CARRIER: Final = "sip.carrier.example"
NUMBER: Final = "<sip:+15551234@carrier.example>"


@dataclass
class House:
    """A running server, its TLS port, and the authority that its client certificates are of."""

    tls: tuple[str, int]
    authority: Authority
    another: Authority
    """One that the server knows nothing of."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("certificates")
    (directory / "another").mkdir()
    authority, another = Authority(directory), Authority(directory / "another")
    files, port = authority.issue(DOMAIN), free_port()
    settings: dict[str, Section] = {
        "sip": {
            "listen": [f"udp:{LOOPBACK}:{free_port()}", f"tls:{LOOPBACK}:{port}"],
            "trusted_tls_names": [CARRIER],
        },
        "tls": {
            "certificate": files.certificate, "key": files.key, "client_ca": authority.root,
        },
    }  # fmt: skip
    deployment = Deployment(directory, sqlite_url(directory), settings)
    deployment.prepare({"alice": "wonderland", "bob": "builder"})
    with deployment.serving():
        yield House((LOOPBACK, port), authority, another)


Open = Callable[..., Awaitable[User]]


@pytest.fixture
async def opened(house: House) -> AsyncIterator[Open]:
    """Makes a user without a password, over TLS, who shows a certificate for some names."""
    clients: list[SipClient] = []

    async def open_user(aor: str, *names: str) -> User:
        files = house.authority.issue(*names) if names else None
        context = house.authority.client(files)
        clients.append(await SipClient.open(house.tls, "TLS", tls=context))
        return User(clients[-1], aor)

    yield open_user
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("names", "status"),
    [
        pytest.param([ALICE], 200, id="her-own"),
        pytest.param([f"sip:{DOMAIN}", ALICE], 200, id="among-others"),
        pytest.param([], 401, id="none"),
        pytest.param([BOB], 401, id="of-another-user"),
        pytest.param([f"sip:{DOMAIN}"], 401, id="of-the-domain"),
        pytest.param(["sip:gone@example.com"], 401, id="of-nobody"),
    ],
)
async def test_a_certificate_registers_the_user_it_names(
    opened: Open, names: list[str], status: int
) -> None:
    """RFC 5922 §7.1: a URI with a user part names that user, and nobody else."""
    alice = await opened(ALICE, *names)
    assert (await alice.register(f"<{alice.client.contact}>")).status == status


async def test_a_certificate_calls_under_no_other_name(opened: Open) -> None:
    """RFC 3261 §22.1: what holds for passwords holds for certificates."""
    bob, alice = await opened(BOB, BOB), await opened("sip:boss@bank.example", ALICE)
    assert (await bob.register(f"<{bob.client.contact}>")).status == 200
    assert (await alice.ask("MESSAGE", BOB, to=f"<{BOB}>")).status == 403
    assert bob.client.requests == []


@pytest.mark.parametrize(
    ("sender", "names", "said", "told"),
    [
        pytest.param(ALICE, [ALICE], [], [f"<{ALICE}>"], id="user"),
        pytest.param("sip:x@carrier.example", [CARRIER], [NUMBER], [NUMBER], id="trusted-peer"),
    ],
)
async def test_asserted_identity_follows_the_certificate(
    opened: Open, sender: str, names: list[str], said: list[str], told: list[str]
) -> None:
    """RFC 3325 §5: the carrier's word is taken, a user's is replaced."""
    bob, caller = await opened(BOB, BOB), await opened(sender, *names)
    assert (await bob.register(f"<{bob.client.contact}>")).status == 200
    headers: list[Header] = [("P-Asserted-Identity", value) for value in said]
    assert (await caller.ask("MESSAGE", BOB, headers, to=f"<{BOB}>")).status == 200
    assert bob.client.requests[-1].all("P-Asserted-Identity") == told


async def test_a_certificate_of_another_authority_ends_the_connection(house: House) -> None:
    """RFC 5922 §7.4: what cannot be verified is no certificate (TLS 1.3 tells it afterwards)."""
    context = house.authority.client(house.another.issue(ALICE))
    async with await SipClient.open(house.tls, "TLS", tls=context) as client:
        assert await client.until(lambda: client.ended)
        assert client.responses == []
