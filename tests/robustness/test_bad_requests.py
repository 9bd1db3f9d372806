"""Bad input on the wire of the real server, SIP and XCAP: each has one clear error.

What the command line refuses (settings, database, ports) is in tests/server/test_serve.py.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Final

import aiohttp
import pytest

from tests.processes import DOMAIN, Deployment, Running, sqlite_url
from tests.rawdigest import Login
from tests.rawsip import SipClient
from tests.rawusers import User, pidf
from tests.rawxcap import XcapClient, resource_list
from tests.robustness.health import Health

ALICE: Final = f"sip:alice@{DOMAIN}"
PASSWORD: Final = "wonderland"
TOO_LARGE: Final = 300_000
"""Octets: more than a SIP message or an XCAP body may have by the default settings."""
DOCUMENT: Final = f"resource-lists/users/{ALICE}/index"
MALFORMED: Final = [
    pytest.param(b"<presence", "not-well-formed", id="unclosed"),
    pytest.param(b"\xff\xfe<\x00", "not-utf-8", id="not-utf-8"),
    pytest.param(b'<!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>', "constraint-failure", id="entities"),
    pytest.param(b"<a>" * 5000 + b"</a>" * 5000, "constraint-failure", id="too-deep"),
]
"""Each body, and the condition of RFC 4825 §11.2 that a conflict report names for it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("bad")
    deployment = Deployment(directory, sqlite_url(directory))
    deployment.prepare({"alice": PASSWORD})
    with deployment.serving() as running:
        yield running


@pytest.fixture(params=["UDP", "TCP"])
async def client(server: Running, request: pytest.FixtureRequest) -> AsyncIterator[SipClient]:
    async with await SipClient.open(server.sip, request.param) as made:
        yield made


@pytest.fixture
def alice(client: SipClient) -> User:
    return User(client, ALICE, Login("alice", PASSWORD))


@pytest.fixture
async def xcap(server: Running) -> AsyncIterator[XcapClient]:
    async with aiohttp.ClientSession() as http:
        yield XcapClient(http, server.http, Login("alice", PASSWORD))


@pytest.fixture(autouse=True)
async def well_afterwards(server: Running) -> AsyncIterator[None]:
    """Whatever was sent: the server answers, and logged no error of its own."""
    yield
    assert await Health(server).answers()
    assert Health(server).trouble() == []


@pytest.mark.parametrize("method", ["REGISTER", "PUBLISH", "SUBSCRIBE"])
async def test_a_wrong_password_is_challenged_anew(client: SipClient, method: str) -> None:
    """RFC 3261 §22.1: 401 again, whoever asks; nothing says which half was wrong."""
    headers = [("Event", "presence"), ("Contact", f"<{client.contact}>")]
    answers = []
    for name in ("alice", "nobody"):
        user = User(client, f"sip:{name}@{DOMAIN}", Login(name, "not-it"))
        answers.append(await user.ask(method, user.aor, headers))
    assert [answer.status for answer in answers] == [401, 401]
    assert all(answer.all("WWW-Authenticate") for answer in answers)


async def test_a_wrong_password_opens_no_document(xcap: XcapClient) -> None:
    """RFC 4825 §8: 401 with a challenge."""
    xcap.login = Login("alice", "not-it")
    answer = await xcap.get(DOCUMENT)
    assert answer.status == 401
    assert answer.challenges


@pytest.mark.parametrize("body", [each.values[0] for each in MALFORMED])
async def test_a_publish_of_malformed_xml_is_400(alice: User, body: bytes) -> None:
    """RFC 3903 §6 step 6: the body does not fit its media type."""
    answer = await alice.publish(body)
    assert answer.status == 400
    assert "SIP-ETag" not in dict(answer.headers)


async def test_a_publish_of_another_document_is_400(alice: User) -> None:
    """RFC 3863 §4.1.1: well-formed, but the root is not `presence`."""
    assert (await alice.publish(resource_list("x"))).status == 400


async def test_a_publish_of_another_media_type_is_415(alice: User) -> None:
    """RFC 3903 §6 step 6: with an Accept of what is taken."""
    headers = [("Event", "presence"), ("Content-Type", "text/plain")]
    answer = await alice.ask("PUBLISH", ALICE, headers, b"I am here")
    assert answer.status == 415
    assert "application/pidf+xml" in answer["Accept"]


@pytest.mark.parametrize(("body", "condition"), MALFORMED)
async def test_a_put_of_malformed_xml_is_409(xcap: XcapClient, body: bytes, condition: str) -> None:
    """RFC 4825 §8.2.1 and §11: a conflict report that names the condition."""
    answer = await xcap.put(DOCUMENT, body)
    assert answer.status == 409
    assert answer.headers["Content-Type"].startswith("application/xcap-error+xml")
    assert f"<{condition}".encode() in answer.body


async def test_a_put_outside_the_schema_is_409(xcap: XcapClient) -> None:
    """RFC 4825 §11.2.3: schema-validation-error."""
    answer = await xcap.put(DOCUMENT, pidf(ALICE, "not a list"))
    assert answer.status == 409
    assert b"schema-validation-error" in answer.body


async def test_an_oversized_publish_is_too_large(server: Running) -> None:
    """RFC 3261 §21.4.11 and §21.5.7: 413 or 513, not an unexplained close."""
    async with await SipClient.open(server.sip, "TCP") as client:
        alice = User(client, ALICE, Login("alice", PASSWORD))
        answer = await alice.publish(pidf(ALICE, "x" * TOO_LARGE))
        assert answer.status in {413, 513}


async def test_an_oversized_document_is_413(xcap: XcapClient) -> None:
    """RFC 7231 §6.5.11."""
    answer = await xcap.put(DOCUMENT, resource_list("x" * TOO_LARGE))
    assert answer.status == 413
    assert (await xcap.get(DOCUMENT)).status == 404


@pytest.mark.parametrize("event", ["no-such-package", "presence.unknown", "x;id=1"])
@pytest.mark.parametrize("method", ["SUBSCRIBE", "PUBLISH"])
async def test_an_unknown_event_is_489_with_what_is_known(
    alice: User, method: str, event: str
) -> None:
    """RFC 6665 §4.2.1.1, §8.2.2 and RFC 3903 §6 step 2: Allow-Events names packages."""
    headers = [("Event", event), ("Contact", f"<{alice.client.contact}>")]
    answer = await alice.ask(method, ALICE, headers)
    assert answer.status == 489
    assert "presence" in [name.strip() for name in answer["Allow-Events"].split(",")]


async def test_a_subscription_too_brief_is_423(alice: User) -> None:
    """RFC 6665 §4.2.1.1 and RFC 3903 §6 step 4: with the least there is."""
    headers = [("Event", "presence"), ("Contact", f"<{alice.client.contact}>"), ("Expires", "5")]
    for method in ("SUBSCRIBE", "PUBLISH"):
        body = pidf(ALICE, "brief") if method == "PUBLISH" else b""
        kind = [("Content-Type", "application/pidf+xml")] if body else []
        answer = await alice.ask(method, ALICE, [*headers, *kind], body)
        assert answer.status == 423
        assert answer["Min-Expires"] == "60"
