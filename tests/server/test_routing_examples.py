"""The files in examples/routing/ do what they say: each over the real routing service."""

import doctest
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from proxy.routing import Answer, Plan, Reject
from server.routing_loader import MODULE_NAME
from server.routing_service import RoutingService
from sip.authenticator import Identity
from sip.message import Request
from sip.uri import AoR
from tests.proxy.proxykit import ALICE, BOB, FakeFlow, request

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "routing"
DIGEST = Identity(ALICE, "digest")

Decision = Request | Plan | Answer | Reject | None


@pytest.fixture(autouse=True)
def _forget_the_module() -> Iterator[None]:
    yield
    sys.modules.pop(MODULE_NAME, None)


async def ask(
    name: str | Path,
    message: Request,
    identity: Identity = DIGEST,
    source: str = "192.0.2.10",
) -> Decision:
    """What the example `name` says of `message`; a failure of the example is one of the test."""
    service = RoutingService(EXAMPLES / name)
    flow = FakeFlow(remote=(source, 5070))
    if message.method == "REGISTER":
        decision: Decision = await service.on_register(message, identity, flow)
    else:
        decision = await service.on_request(message, identity, flow)
    assert not service.failures
    return decision


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_can_be_loaded_and_its_doctests_hold(example: Path) -> None:
    assert RoutingService(example).callbacks
    module = sys.modules[MODULE_NAME]
    assert doctest.testmod(module).failed == 0


TRUNK = "prefix_to_trunk.py"


@pytest.mark.parametrize(
    ("dialled", "number", "hosts"),
    [
        pytest.param("+4930123456", "+4930123456", "national carrier-a", id="international"),
        pytest.param("004930123456", "+4930123456", "national carrier-a", id="two-zeros"),
        pytest.param("030123456", "+4930123456", "national carrier-a", id="national"),
        pytest.param("030%20123-456", "+4930123456", "national carrier-a", id="as-people-write"),
        pytest.param("+49%2830%29123", "+4930123", "national carrier-a", id="brackets"),
        pytest.param("+498912345", "+498912345", "munich", id="longest-prefix"),
        pytest.param("+12125550100", "+12125550100", "carrier-a carrier-b", id="abroad"),
        pytest.param("112", "112", "carrier-a carrier-b", id="emergency"),
        pytest.param(
            "030123456;phone-context=x", "+4930123456", "national carrier-a", id="parameters"
        ),
    ],
)
async def test_a_number_goes_to_the_trunks_of_its_prefix(
    dialled: str, number: str, hosts: str
) -> None:
    plan = await ask(TRUNK, request("INVITE", f"sip:{dialled}@example.com"))
    assert isinstance(plan, Plan)
    assert plan.serial
    assert [uri.partition(".")[0] for uri in plan.uris] == [
        f"sip:{number}@{host}" for host in hosts.split()
    ]


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        pytest.param("INVITE", "sip:bob@example.com", id="name"),
        pytest.param("INVITE", "sip:201@example.com", id="extension"),
        pytest.param("INVITE", "sip:+4930123456@elsewhere.example", id="another-domain"),
        pytest.param("SUBSCRIBE", "sip:+4930123456@example.com", id="no-call"),
    ],
)
async def test_what_is_no_call_to_a_number_goes_on_as_ever(method: str, uri: str) -> None:
    assert await ask(TRUNK, request(method, uri)) is None


@pytest.mark.parametrize(
    ("uri", "identity"),
    [
        pytest.param("sip:+49900123456@example.com", DIGEST, id="barred"),
        pytest.param("sip:0900123456@example.com", DIGEST, id="barred-as-dialled"),
        pytest.param("sip:+49900123456@EXAMPLE.com.", DIGEST, id="barred-with-a-dot"),
        pytest.param("sip:+49900123456@carrier-a.example.net", DIGEST, id="barred-at-a-trunk"),
        pytest.param("sip:0900123456@Munich.example.net.:5061", DIGEST, id="barred-at-another"),
        pytest.param("sip:00882123456@198.51.100.7", DIGEST, id="barred-at-an-address"),
        pytest.param("sip:+49900123456@elsewhere.example", DIGEST, id="barred-anywhere"),
        pytest.param("sip:+49900!123456@carrier-a.example.net", DIGEST, id="no-number-at-a-trunk"),
        pytest.param("sip:carrier-b.example.net:5080", DIGEST, id="nobody-at-a-trunk"),
        pytest.param(
            "sip:+4930123456@carrier-a.example.net", Identity(None, "none"), id="nobody-at-trunk"
        ),
        pytest.param("sip:+4930123456@example.com", Identity(None, "none"), id="nobody-we-know"),
        pytest.param("sip:+490900123456@example.com", DIGEST, id="barred-with-a-0"),
        pytest.param("sip:00490900123456@example.com", DIGEST, id="barred-with-zeros"),
        pytest.param("sip:000900123456@example.com", DIGEST, id="barred-with-three-zeros"),
        pytest.param("sip:+4930123456@example.com", Identity(ALICE, "asserted"), id="transit"),
    ],
)
async def test_who_may_not_call_out_gets_403(uri: str, identity: Identity) -> None:
    decision = await ask(TRUNK, request("INVITE", uri), identity)
    assert isinstance(decision, Reject)
    assert decision.status == 403


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("sip:030123456@carrier-b.example.net:5080", id="name"),
        pytest.param("sip:+4930123456@198.51.100.7", id="address"),
        pytest.param("sip:+4930123456@example.com.", id="dot"),
    ],
)
async def test_the_host_of_a_trunk_chooses_nothing(uri: str) -> None:
    """As if the number had been dialled alone: the table decides, and our number is shown."""
    plan = await ask(TRUNK, request("INVITE", uri))
    assert isinstance(plan, Plan)
    assert plan.uris[0] == "sip:+4930123456@national.example.net"
    assert plan.asserted


@pytest.mark.parametrize("identity", [DIGEST, Identity(None, "none")], ids=["user", "stranger"])
@pytest.mark.parametrize(
    ("dialled", "aor"), [("+4930123452", BOB), ("030123450", ALICE)], ids=["own", "main"]
)
async def test_a_number_of_ours_is_its_user(dialled: str, aor: AoR, identity: Identity) -> None:
    """What a trunk brings is not sent back to it."""
    plan = await ask(TRUNK, request("INVITE", f"sip:{dialled}@example.com"), identity)
    assert isinstance(plan, Plan)
    assert plan.uris == (aor,)


@pytest.mark.parametrize(
    ("caller", "shown"),
    [
        pytest.param(ALICE, "+4930123451", id="a-number-of-her-own"),
        pytest.param(AoR("sip:carol@example.com"), "+4930123450", id="the-main-number"),
    ],
)
async def test_the_trunk_is_told_the_callers_own_number(caller: AoR, shown: str) -> None:
    """RFC 3325 §9.1: whatever the phone claims."""
    message = request(
        "INVITE", "sip:030123456@example.com", "P-Asserted-Identity: <sip:+1900@example.com>",
        "P-Preferred-Identity: <sip:+1900@example.com>",
    )  # fmt: skip
    plan = await ask(TRUNK, message, Identity(caller, "digest"))
    assert isinstance(plan, Plan)
    assert plan.asserted
    assert plan.request.all("p-asserted-identity") == (f"<sip:{shown}@example.com;user=phone>",)
    assert plan.request.get("p-preferred-identity") is None


@pytest.fixture
def forwarding(tmp_path: Path) -> Path:
    """The example with a table as its own docstring makes it."""
    file = shutil.copy(EXAMPLES / "call_forwarding.py", tmp_path)
    text = Path(file).read_text()
    statements = text[text.index("    CREATE TABLE") : text.index("`always`")]
    with closing(sqlite3.connect(tmp_path / "forwarding.db")) as database:
        database.executescript(statements)
        database.execute(
            "INSERT INTO forward VALUES (?, 'otherwise', 2, ?)", (BOB, "sip:desk@example.com")
        )
        database.commit()
    return Path(file)


@pytest.mark.parametrize(
    ("callee", "uris"),
    [
        pytest.param("sip:alice@EXAMPLE.com;user=phone", ["sip:bob@example.com"], id="always"),
        pytest.param(
            "sip:bob@example.com",
            ["sip:bob@example.com", "sip:bob@pbx.example.net", "sip:desk@example.com"],
            id="otherwise",
        ),
    ],
)
async def test_a_call_is_forwarded_as_the_table_says(
    forwarding: Path, callee: str, uris: Sequence[str]
) -> None:
    plan = await ask(forwarding, request("INVITE", callee))
    assert isinstance(plan, Plan)
    assert plan.uris == tuple(uris)
    assert plan.serial


async def test_a_forwarded_call_says_who_was_called(forwarding: Path) -> None:
    plan = await ask(forwarding, request("INVITE", "sip:alice@example.com"))
    assert isinstance(plan, Plan)
    assert plan.request.get("diversion") == f"<{ALICE}>;reason=unconditional"
    plan = await ask(forwarding, request("INVITE", "sip:bob@example.com"))
    assert isinstance(plan, Plan)
    assert plan.request.get("diversion") is None


@pytest.mark.parametrize("message", [
    pytest.param(request("INVITE", "sip:carol@example.com"), id="no-line-in-the-table"),
    pytest.param(request("MESSAGE", "sip:alice@example.com"), id="no-call"),
])  # fmt: skip
async def test_all_else_is_not_forwarded(forwarding: Path, message: Request) -> None:
    assert await ask(forwarding, message) is None


async def test_without_a_table_nothing_is_forwarded(forwarding: Path) -> None:
    forwarding.with_name("forwarding.db").unlink()
    assert await ask(forwarding, request("INVITE", "sip:alice@example.com")) is None
    assert not forwarding.with_name("forwarding.db").exists()


BLOCK = "block_list.py"


@pytest.mark.parametrize(
    ("sender", "source", "status"),
    [
        pytest.param("sip:mallory@example.com", "192.0.2.10", 603, id="caller"),
        pytest.param("sips:mallory@EXAMPLE.com:5061;x=y", "192.0.2.10", 603, id="caller-in-guise"),
        pytest.param("sip:+88212345@example.net", "192.0.2.10", 603, id="pattern"),
        pytest.param("sip:201@evil.example", "192.0.2.10", 603, id="extension-elsewhere"),
        pytest.param("sip:201@example.com", "192.0.2.10", None, id="extension-of-ours"),
        pytest.param("sip:anonymous@anonymous.invalid", "192.0.2.10", 433, id="anonymous"),
        pytest.param("sip:Anonymous@example.com", "192.0.2.10", 433, id="anonymous-of-ours"),
        pytest.param("sip:x@y.invalid", "192.0.2.10", 433, id="host-that-is-none"),
        pytest.param("sip:x@invalid.", "192.0.2.10", 433, id="host-that-is-none-at-all"),
        pytest.param("sip:invalid@example.net", "192.0.2.10", None, id="somebody-called-invalid"),
        pytest.param("sip:mallory@example.com.", "192.0.2.10", 603, id="caller-with-a-dot"),
        pytest.param("sip:carol@example.com", "203.0.113.9", 403, id="network"),
        pytest.param("sip:carol@example.com", "2001:db8:bad::9", 403, id="network-of-ipv6"),
        pytest.param("sip:carol@example.com", "2001:db8::9", None, id="another-network"),
        pytest.param("tel:+88212345", "192.0.2.10", None, id="telephone-uri"),
    ],
)
async def test_who_is_blocked_is_refused(sender: str, source: str, status: int | None) -> None:
    message = request("INVITE", "sip:bob@example.com", sender=sender)
    decision = await ask(BLOCK, message, source=source)
    assert (decision.status if isinstance(decision, Reject) else None) == status


@pytest.mark.parametrize("sender", ["sip:anonymous@anonymous.invalid", "sip:x@192.0.2.1"])
async def test_who_is_blocked_is_refused_under_no_name_too(sender: str) -> None:
    """RFC 3323 §4.1.1.3: a user may be anonymous in From; we know who it is."""
    message = request("INVITE", "sip:bob@example.com", sender=sender)
    mallory = Identity(AoR("sip:mallory@example.com"), "digest")
    assert await ask(BLOCK, message, mallory) == Reject(603)


@pytest.mark.parametrize(
    ("agent", "source", "refused"),
    [
        pytest.param("friendly-scanner", "192.0.2.10", True, id="scanner"),
        pytest.param("Desk Phone 7.1", "203.0.113.9", True, id="network"),
        pytest.param("Desk Phone 7.1", "192.0.2.10", False, id="phone"),
    ],
)
async def test_who_may_not_register(agent: str, source: str, refused: bool) -> None:
    message = request("REGISTER", "sip:example.com", f"User-Agent: {agent}")
    decision = await ask(BLOCK, message, source=source)
    assert decision == (Reject(403) if refused else None)
