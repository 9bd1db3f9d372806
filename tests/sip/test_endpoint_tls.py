"""The endpoint over TLS on loopback sockets (RFC 3261 §26.3.1, RFC 5922, RFC 5923)."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import pytest

from sip.errors import TransportError
from sip.message import parse_message
from sip.transport.config import BadListener, CertificateFiles, EndpointConfig, TlsConfig
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.transport.flow import Flow
from sip.transport.target import Target
from sip.uri import SipUri
from tests.sip.phones import LIMIT, Keeper, endpoint, options, phone, port_of
from tests.sip.pki import Authority
from tests.sip.wires import request, until

OURS = "example.com"
LISTEN = ("tls:127.0.0.1:0",)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("strange"), "Strange authority")


@pytest.fixture(scope="module")
def own(authority: Authority) -> CertificateFiles:
    return authority.issue(OURS, common_name=OURS)


@pytest.fixture
def config(authority: Authority, own: CertificateFiles) -> EndpointConfig:
    """A listener that asks for client certificates and believes in `authority` both ways."""
    tls = TlsConfig(own=own, client_ca=authority.root, server_ca=authority.root)
    return EndpointConfig(listen=LISTEN, tls=tls)


def tls_options(number: int = 1) -> bytes:
    return options(number, "TLS")


async def test_a_request_is_answered(authority: Authority, config: EndpointConfig) -> None:
    """RFC 3261 §26.3.1."""
    keeper = Keeper()
    async with endpoint(config, keeper) as one, phone(one, authority.client()) as caller:
        answer = parse_message(await caller.ask(tls_options()))
        [flow] = keeper.flows
        assert answer.via.transport == "TLS"
        assert answer.via.received == "127.0.0.1"
        assert (flow.transport, flow.secure, flow.certificate) == ("TLS", True, None)
        assert flow.name.partition("#")[0] == f"tls:127.0.0.1:{caller.port}"
        assert one.flow_named(flow.name) is flow
        assert flow.via_prefix == f"SIP/2.0/TLS 127.0.0.1:{port_of(one)}"
        assert flow.contact == f"<sip:127.0.0.1:{port_of(one)};transport=tls>"
        assert one.connections_by("tls") == one.connections == 1


async def test_requests_cut_into_single_octets_and_glued_together(
    authority: Authority, config: EndpointConfig
) -> None:
    """RFC 3261 §18.3: records are no boundaries of messages."""
    async with endpoint(config) as one, phone(one, authority.client()) as caller:
        for octet in tls_options(1):
            caller.writer.write(bytes((octet,)))
        caller.writer.write(b"".join(tls_options(number) for number in range(2, 200)))
        branches = [parse_message(await caller.message()).via.branch for _ in range(1, 200)]
    assert branches == [f"z9hG4bK{number}" for number in range(1, 200)]


async def test_a_ping_gets_a_pong(authority: Authority, config: EndpointConfig) -> None:
    """RFC 5626 §3.5.1."""
    async with endpoint(config) as one, phone(one, authority.client()) as caller:
        caller.writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(caller.reader.readexactly(2), LIMIT) == b"\r\n"


async def test_messages_longer_than_a_record(authority: Authority, config: EndpointConfig) -> None:
    body = b"x" * 60_000
    held: list[ServerTransaction] = []
    async with endpoint(config, held.append) as one, phone(one, authority.client()) as caller:
        head = request("MESSAGE", via="SIP/2.0/TLS 10.0.0.1:5060;branch=z9hG4bK1")
        caller.writer.write(head.replace(b"Length: 0", b"Length: %d" % len(body)) + body)
        await until(lambda: held)
        assert held[0].request.body == body
        held[0].respond(200, body=body)
        answer = await caller.message()
        assert parse_message(answer + await caller.reader.readexactly(len(body))).body == body


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_old_versions_of_tls_are_refused(
    authority: Authority, config: EndpointConfig
) -> None:
    context = authority.client()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with endpoint(config) as one:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with phone(one, context):
                pass
        await until(lambda: one.connection_stats.failed_handshakes["tls"])


async def test_what_is_no_tls_is_counted_and_closed(config: EndpointConfig) -> None:
    async with endpoint(config) as one, phone(one) as caller:
        caller.writer.write(options())
        assert await caller.closed()
        await until(lambda: one.connection_stats.failed_handshakes["tls"] == 1)
        assert one.connections == 0


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("", OURS), ("a.example.org", "org"), ("A.Example.ORG", "org"), ("b.example.org", OURS)],
)
async def test_the_certificate_is_that_of_the_name_asked_for(
    asked: str, shown: str, authority: Authority, config: EndpointConfig
) -> None:
    """RFC 6066 §3."""
    other = authority.issue("a.example.org", common_name="org")
    tls = replace(config.tls, hosts={"a.example.org": other})
    async with (
        endpoint(replace(config, tls=tls)) as one,
        phone(one, authority.client(), name=asked) as caller,
    ):
        certificate = caller.writer.get_extra_info("peercert")
    assert ((("commonName", shown),)) in certificate["subject"]


async def test_a_client_certificate_is_exposed_on_the_flow(
    authority: Authority, config: EndpointConfig
) -> None:
    """RFC 5922 §7.4."""
    keeper = Keeper()
    files = authority.issue("sip:peer.example.net", "sip:alice@example.com", "10.1.2.3")
    async with endpoint(config, keeper) as one, phone(one, authority.client(files)) as caller:
        await caller.ask(tls_options())
        certificate = keeper.flows[0].certificate
    assert certificate is not None
    assert certificate.domains == ("peer.example.net",)
    assert certificate.users == ("sip:alice@example.com",)
    assert certificate.addresses == ("10.1.2.3",)


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("shown", ["none", "theirs", "expired"])
async def test_who_is_let_in_with_which_certificate(
    required: bool,
    shown: str,
    authority: Authority,
    stranger: Authority,
    config: EndpointConfig,
) -> None:
    """RFC 5922 §7.4: none will do unless it is required, a bad one never does."""
    bad = {
        "none": None,
        "theirs": stranger.issue("peer.example.net"),
        "expired": authority.issue("peer.example.net", expired=True),
    }[shown]
    tls = replace(config.tls, require_client_certificate=required)
    answered = False
    async with endpoint(replace(config, tls=tls)) as one:
        try:
            async with phone(one, authority.client(bad)) as caller:
                answered = (await caller.ask(tls_options())).startswith(b"SIP/2.0 200")
        except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
            await until(lambda: one.connection_stats.failed_handshakes["tls"])
    assert answered is (shown == "none" and not required)


@pytest.mark.parametrize(
    ("names", "wanted", "complaint"),
    [
        pytest.param([OURS], OURS, "", id="dns"),
        pytest.param(["sip:example.com"], OURS, "", id="uri"),
        pytest.param(["127.0.0.1"], "127.0.0.1", "", id="address"),
        pytest.param(["sip.example.com"], OURS, "is for sip.example.com, not for", id="below"),
        pytest.param(["*.example.com"], "a.example.com", "not for a.example.com", id="wildcard"),
        pytest.param(["sip:other.com", OURS], OURS, "is for other.com", id="uri-before-dns"),
        pytest.param(["sip:alice@example.com"], OURS, "is for nobody", id="a-user"),
        pytest.param([OURS], "127.0.0.1", "not for 127.0.0.1", id="not-the-address"),
    ],
)
async def test_outward_the_certificate_must_name_the_domain(
    names: list[str],
    wanted: str,
    complaint: str,
    authority: Authority,
    config: EndpointConfig,
) -> None:
    """RFC 5922 §7.3: the domain of the URI, whatever DNS made of it; no wildcards."""
    theirs = replace(config, tls=TlsConfig(own=authority.issue(*names)))
    async with endpoint(theirs) as server, endpoint(config) as client:
        target = Target("tls", "127.0.0.1", port_of(server), wanted)
        if complaint:
            with pytest.raises(TransportError, match=complaint):
                await client.flow_for(target)
            assert client.connections == 0
            assert client.connection_stats.failed_connects["tls"] == 1
        else:
            flow = await client.flow_for(target)
            assert flow.certificate is not None
            assert flow.certificate.names(wanted)
            assert await client.flow_for(target) is flow


async def test_outward_the_chain_must_end_in_a_root_of_ours(
    stranger: Authority, config: EndpointConfig
) -> None:
    """RFC 5922 §7.1, RFC 5280 §6."""
    theirs = replace(config, tls=TlsConfig(own=stranger.issue(OURS)))
    async with endpoint(theirs) as server, endpoint(config) as client:
        with pytest.raises(TransportError, match=r"certificate: .*issuer"):
            await client.flow_for(Target("tls", "127.0.0.1", port_of(server), OURS))


async def test_outward_our_own_certificate_is_shown(config: EndpointConfig) -> None:
    """RFC 5922 §7.4: so that the other server knows who we are."""
    keeper = Keeper()
    tls = replace(config.tls, require_client_certificate=True)
    async with endpoint(replace(config, tls=tls), keeper) as server, endpoint(config) as client:
        flow = await client.flow_for(Target("tls", "127.0.0.1", port_of(server), OURS))
        flow.send(tls_options())
        await until(lambda: keeper.flows)
        assert keeper.flows[0].certificate is not None
        assert keeper.flows[0].certificate.domains == (OURS,)


async def test_a_connection_serves_only_the_domains_of_its_certificate(
    authority: Authority, config: EndpointConfig
) -> None:
    """RFC 5923 §8.1: another domain at the same address gets a connection of its own, or none."""
    theirs = replace(config, tls=TlsConfig(own=authority.issue("a.example", "b.example")))
    async with endpoint(theirs) as server, endpoint(config) as client:
        first = await client.flow_for(Target("tls", "127.0.0.1", port_of(server), "a.example"))
        second = await client.flow_for(Target("tls", "127.0.0.1", port_of(server), "b.example"))
        assert first is second
        with pytest.raises(TransportError, match=r"c\.example"):
            await client.flow_for(Target("tls", "127.0.0.1", port_of(server), "c.example"))


async def test_a_server_that_never_shakes_hands_is_given_up(config: EndpointConfig) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with endpoint(replace(config, connect_timeout=0.05)) as client:
        with pytest.raises(TransportError, match="in time"):
            await client.flow_for(Target("tls", "127.0.0.1", port, OURS))
    listener.close()


async def alias_flow(one: Endpoint, port: int, domain: str) -> Flow | None:
    """The flow to `domain` at `port` of the loopback address, if it needs no connecting."""
    try:
        return await one.flow_for(Target("tls", "127.0.0.1", port, domain))
    except TransportError:
        return None


@pytest.mark.parametrize(
    ("certified", "parameter", "domain", "reused"),
    [
        pytest.param(True, ";alias", "peer.example.net", True, id="asked-for"),
        pytest.param(True, "", "peer.example.net", False, id="not-asked-for"),
        pytest.param(True, ";alias", "other.example.net", False, id="another-domain"),
        pytest.param(False, ";alias", "peer.example.net", False, id="no-certificate"),
    ],
)
async def test_an_accepted_connection_is_an_alias_when_the_peer_asks_and_is_known(
    certified: bool,
    parameter: str,
    domain: str,
    reused: bool,
    authority: Authority,
    config: EndpointConfig,
) -> None:
    """RFC 5923 §8.2: for the port of its Via, and for the domains of its certificate."""
    keeper = Keeper()
    files = authority.issue("peer.example.net") if certified else None
    async with endpoint(config, keeper) as one, phone(one, authority.client(files)) as caller:
        via = f"SIP/2.0/TLS peer.example.net:1;branch=z9hG4bK1{parameter}"
        await caller.ask(request(via=via))
        found = await alias_flow(one, 1, domain)
        assert (found is keeper.flows[0]) is reused
    await until(lambda: not one.connections)


async def test_an_alias_ends_with_its_connection(
    authority: Authority, config: EndpointConfig
) -> None:
    files = authority.issue("peer.example.net")
    via = "SIP/2.0/TLS peer.example.net:1;branch=z9hG4bK1;alias"
    async with endpoint(config) as one:
        async with phone(one, authority.client(files)) as caller:
            await caller.ask(request(via=via))
            assert await alias_flow(one, 1, "peer.example.net")
        await until(lambda: not one.connections)
        assert await alias_flow(one, 1, "peer.example.net") is None


async def test_a_phone_is_reached_over_its_connection_and_never_by_tcp(
    authority: Authority, config: EndpointConfig
) -> None:
    """RFC 3261 §26.2.2: a SIPS URI leads nowhere but by TLS."""
    keeper = Keeper()
    client = authority.client(authority.issue("127.0.0.1"))
    async with endpoint(config, keeper) as one, phone(one, client) as caller:
        await caller.ask(tls_options())
        [flow] = keeper.flows
        address = f"alice@127.0.0.1:{caller.port}"
        for leads in (f"sips:{address}", f"sip:{address};transport=tls"):
            assert one.flow_now(SipUri.parse(leads)) is flow
        for leads_not in (f"sip:{address}", f"sip:{address};transport=tcp"):
            assert one.flow_now(SipUri.parse(leads_not)) is None


async def test_nobody_is_taken_for_who_has_their_address(
    authority: Authority, config: EndpointConfig
) -> None:
    """RFC 5922 §7.3, RFC 5923 §8.1: a phone without a certificate is reached by its flow alone."""
    keeper = Keeper()
    async with endpoint(config, keeper) as one, phone(one, authority.client()) as caller:
        await caller.ask(tls_options())
        [flow] = keeper.flows
        assert one.flow_now(SipUri.parse(f"sips:alice@127.0.0.1:{caller.port}")) is None
        assert one.flow_named(flow.name) is flow


async def test_certificates_are_replaced_without_dropping_connections(
    authority: Authority, config: EndpointConfig, tmp_path: Path
) -> None:
    files = CertificateFiles(str(tmp_path / "c.pem"), str(tmp_path / "k.pem"))

    def install(source: CertificateFiles) -> None:
        copyfile(source.certificate, files.certificate)
        copyfile(source.key, files.key)

    async def shown() -> object:
        async with phone(one, authority.client()) as caller:
            return caller.writer.get_extra_info("peercert")["subject"]

    install(authority.issue(OURS, common_name="old"))
    tls = replace(config.tls, own=files)
    async with (
        endpoint(replace(config, tls=tls)) as one,
        phone(one, authority.client()) as caller,
    ):
        await caller.ask(tls_options(1))
        install(authority.issue(OURS, common_name="new"))
        one.reload_tls()
        assert await shown() == ((("commonName", "new"),),)
        copyfile(__file__, files.certificate)
        with pytest.raises(TransportError, match=r"tls\.certificate"):
            one.reload_tls()
        assert await shown() == ((("commonName", "new"),),)
        assert (await caller.ask(tls_options(2))).startswith(b"SIP/2.0 200")


async def test_reloading_without_tls_is_nothing() -> None:
    async with endpoint(EndpointConfig(listen=("tcp:127.0.0.1:0",))) as one:
        one.reload_tls()


async def bad_listener(config: EndpointConfig) -> str:
    with pytest.raises(BadListener) as caught:
        async with endpoint(config):
            pass
    return str(caught.value)


async def test_what_is_wrong_with_the_files_is_said_in_a_line(
    authority: Authority, config: EndpointConfig, own: CertificateFiles, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing.pem")
    other = authority.issue(OURS)
    for tls, said in (
        (TlsConfig(), "tls.certificate is not set"),
        (TlsConfig(own=CertificateFiles(missing, own.key)), "missing.pem"),
        (TlsConfig(own=CertificateFiles(own.certificate, other.key)), "mismatch"),
        (TlsConfig(own=own, client_ca=missing), "tls.client_ca"),
        (TlsConfig(own=own, require_client_certificate=True), "needs tls.client_ca"),
        (TlsConfig(own=own, hosts={"a.example": CertificateFiles(missing)}), "tls.hosts.a.example"),
    ):
        complaint = await bad_listener(replace(config, tls=tls))
        assert said in complaint
        assert "\n" not in complaint


@pytest.mark.parametrize(
    ("advertise", "host"),
    [
        ("", "127.0.0.1"),
        ("sip.example.com", "sip.example.com"),
        ("sip.example.com:5070", "sip.example.com"),
    ],
)
async def test_the_port_told_is_the_listeners_own(
    advertise: str, host: str, authority: Authority, config: EndpointConfig
) -> None:
    """RFC 3261 §18.1.1: a port that is advertised is that of UDP and TCP."""
    keeper = Keeper()
    several = replace(config, listen=(*LISTEN, "tcp:127.0.0.1:0"), advertise=advertise)
    async with endpoint(several, keeper) as one, phone(one, authority.client()) as caller:
        await caller.ask(tls_options())
        assert keeper.flows[0].local == (host, port_of(one))


async def test_ipv6(authority: Authority, config: EndpointConfig) -> None:
    keeper = Keeper()
    listen = ("tls:[::1]:0",)
    async with (
        endpoint(replace(config, listen=listen), keeper) as one,
        phone(one, authority.client(authority.issue("[::1]")), host="::1") as caller,
    ):
        await caller.ask(request(via="SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bK1"))
        [flow] = keeper.flows
        assert flow.name.partition("#")[0] == f"tls:[::1]:{caller.port}"
        assert one.flow_named(flow.name) is flow
        assert flow.via_prefix == f"SIP/2.0/TLS [::1]:{port_of(one)}"
        assert one.flow_now(SipUri.parse(f"sips:a@[::1]:{caller.port}")) is flow


async def test_an_answer_goes_back_over_a_new_connection_to_who_is_certified(
    authority: Authority, config: EndpointConfig
) -> None:
    """RFC 3261 §18.2.2: the old connection is gone, its peer has a listener of its own."""
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    held: list[ServerTransaction] = []
    errors: list[tuple[Exception, str]] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    files = authority.issue("peer.example.net")
    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=authority.server(files))
    port = listener.sockets[0].getsockname()[1]

    def note(error: Exception, call_id: str) -> None:
        errors.append((error, call_id))

    async with endpoint(config, held.append, on_error=note) as one:
        for number, name in enumerate(("peer.example.net", "127.0.0.1")):
            async with phone(one, authority.client()) as caller:
                via = f"SIP/2.0/TLS {name}:{port};branch=z9hG4bK{number}"
                caller.writer.write(request(via=via))
                await until(lambda: len(held) == number + 1)  # noqa: B023
            await until(lambda: not one.connections)
            held[number].respond(200)
            if not number:
                assert (await asyncio.wait_for(arrived, LIMIT)).startswith(b"SIP/2.0 200")
                await until(lambda: not one.connections)
        await until(lambda: errors)
    listener.close()
    [(error, call_id)] = errors
    assert "not for 127.0.0.1" in str(error)
    assert call_id == "c1@192.0.2.1"
