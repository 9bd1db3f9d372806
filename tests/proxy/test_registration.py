"""RFC 3261 §10.2, §10.3: what a REGISTER asks for, before the bindings that are there count."""

import pytest

from proxy.errors import (
    BadExtension,
    BadRegistration,
    FirstHopLacksOutbound,
    IntervalTooBrief,
    LoopingContact,
    ProxyError,
    TooManyContacts,
)
from proxy.registration import Limits, Registration, read_registration
from sip.errors import ParseError
from tests.proxy.proxykit import ALICE, request

LIMITS = Limits(min_expires=60, max_expires=7200, max_contacts=3)
DIRECT = ("192.0.2.10", False)
CONNECTED = ("192.0.2.10", True)
TOP = "SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bK1"
PROXIED = f"SIP/2.0/UDP 192.0.2.77;branch=z9hG4bK2, {TOP}"
FLOW = 'Contact: <sip:a@h>;reg-id=1;+sip.instance="<urn:uuid:1>"'
EDGE = "Path: <sip:inner.example.com;lr>, <sip:edge.example.com;lr;ob>"


def read(
    *lines: str, source: tuple[str, bool] = DIRECT, via: str = TOP, outbound: bool = True
) -> Registration:
    message = request("REGISTER", "sip:example.com", *lines, via=via)
    return read_registration(message, ALICE, source, LIMITS, outbound=outbound)


@pytest.mark.parametrize(
    ("lines", "granted"),
    [
        pytest.param(["Contact: <sip:a@h>;expires=600", "Expires: 900"], 600, id="own-first"),
        pytest.param(["Contact: <sip:a@h>", "Expires: 900"], 900, id="then-the-header"),
        pytest.param(["Contact: <sip:a@h>"], 3600, id="then-our-default"),
        pytest.param(["Contact: <sip:a@h>;expires=99999"], 7200, id="no-more-than-max"),
        pytest.param(["Contact: <sip:a@h>;expires=60"], 60, id="minimum-is-enough"),
        pytest.param(["Contact: <sip:a@h>;expires=0"], 0, id="zero-removes"),
        pytest.param(["Contact: <sip:a@h>;expires=soon"], 3600, id="malformed-parameter"),
        pytest.param(["Contact: <sip:a@h>", "Expires: soon"], 3600, id="malformed-header"),
        pytest.param(["Contact: <sip:a@h>;expires=" + "9" * 5000], 7200, id="endless-number"),
    ],
)
def test_expiry_of_a_contact(lines: list[str], granted: int) -> None:
    """RFC 3261 §10.3 step 7, §10.2.1.1."""
    assert [wanted.expires for wanted in read(*lines).wanted] == [granted]


@pytest.mark.parametrize("expires", [1, 59])
def test_too_brief_is_423_with_the_minimum(expires: int) -> None:
    """RFC 3261 §10.3 step 7, §21.4.17."""
    with pytest.raises(IntervalTooBrief) as caught:
        read(f"Contact: <sip:a@h>;expires={expires}")
    assert (caught.value.status, list(caught.value.headers)) == (423, [("Min-Expires", "60")])


def test_an_hour_is_never_too_brief() -> None:
    """RFC 3261 §10.3 step 7: only below an hour."""
    limits = Limits(min_expires=7200, max_expires=86400, max_contacts=3)
    message = request("REGISTER", "sip:example.com", "Contact: <sip:a@h>;expires=3600")
    assert (
        read_registration(message, ALICE, DIRECT, limits, outbound=True).wanted[0].expires == 3600
    )


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param(["Contact: *", "Expires: 60"], BadRegistration, id="star-not-zero"),
        pytest.param(["Contact: *"], BadRegistration, id="star-without-expires"),
        pytest.param(
            ["Contact: *, <sip:a@h>", "Expires: 0"], BadRegistration, id="star-and-another"
        ),
        pytest.param(["Contact: <http://h/>"], BadRegistration, id="scheme"),
        pytest.param(["Contact: <sip:a@h>;q=1.5"], BadRegistration, id="q-over-one"),
        pytest.param(["Contact: <sip:a@h>;q=high"], BadRegistration, id="q-no-number"),
        pytest.param(["Contact: <sip:a@h>;q=nan"], BadRegistration, id="q-nan"),
        pytest.param(["Contact: <sip:a@h>;q=0_1"], BadRegistration, id="q-of-python"),
        pytest.param(["Contact: <sip:a@h>;q=1e-1"], BadRegistration, id="q-exponent"),
        pytest.param(["Contact: <sip:a@h>;q=-0"], BadRegistration, id="q-negative-zero"),
        pytest.param(["Contact: <sip:a@h>;q=+1"], BadRegistration, id="q-sign"),
        pytest.param(["Contact: <sip:a@h>;q=1.001"], BadRegistration, id="q-just-over-one"),
        pytest.param(["Contact: <sip:a@>"], ParseError, id="uri-without-host"),
        pytest.param(['Contact: <sip:a@h>;x="\\\0"'], BadRegistration, id="nul-in-parameter"),
        pytest.param(['Contact: <sip:a@h>;x="\udcff"'], ParseError, id="no-utf-8"),
        pytest.param(
            ["Contact: <sip:a@h>", "Supported: path", 'Path: "\\\0" <sip:p;lr>'],
            BadRegistration,
            id="nul-in-path",
        ),
        pytest.param(
            ["Contact: <sip:a@h>", "Supported: path", "Path: <sip:@>"],
            ParseError,
            id="path-leads-nowhere",
        ),
    ],
)
def test_contradiction_is_400(lines: list[str], error: type[ProxyError | ParseError]) -> None:
    """RFC 3261 §10.3 step 6, §20.10."""
    with pytest.raises(error):
        read(*lines)
    assert error.status == 400


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0.0), ("0.", 0.0), ("0.333", 0.333), ("0.3333", 0.3333), ("1.0", 1.0)]
)
def test_q_value(text: str, value: float) -> None:
    """RFC 3261 §25.1; more than its three digits do no harm."""
    assert read(f"Contact: <sip:a@h>;q={text}").wanted[0].q == value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("Contact: <sip:{}@h>", "Contact Too Long", id="contact"),
        pytest.param("Contact: <mailto:{}@h>", "Contact Too Long", id="of-another-scheme"),
        pytest.param('Contact: <sip:a@h>;+sip.instance="<{}>"', "Instance Too Long", id="instance"),
        pytest.param("Contact: <sip:a@h>;+x={}", "Contact Parameters Too Long", id="parameters"),
        pytest.param(
            "Supported: path\r\nPath: <sip:p;x={};lr>\r\nContact: <sip:a@h>", "Path Too Long",
            id="path",
        ),
    ],
)  # fmt: skip
def test_what_is_kept_has_a_length(line: str, reason: str) -> None:
    """RFC 3261 §26.1.5: 400 before a database or everybody's calls have to bear it."""
    with pytest.raises(BadRegistration) as caught:
        read(*line.format("a" * 5000).split("\r\n"))
    assert (caught.value.status, caught.value.reason) == (400, reason)


def test_length_is_of_octets() -> None:
    assert read(f'Contact: <sip:a@h>;+x="{"a" * 2000}"').wanted
    with pytest.raises(BadRegistration):
        read(f'Contact: <sip:a@h>;+x="{"ž" * 2000}"')


@pytest.mark.parametrize("expires", ["0", "600"])
def test_more_contacts_than_can_be_replaced_are_refused_unread(expires: str) -> None:
    """RFC 3261 §10.3, §26.1.5: 403 before thousands are compared with each other."""
    lines = [f"Contact: <sip:a@h{number}>;expires={expires}" for number in range(6)]
    assert len(read(*lines).wanted) == 6
    with pytest.raises(TooManyContacts):
        read(*lines, "Contact: <http://h/>")


def test_star_with_expires_zero_means_everything() -> None:
    """RFC 3261 §10.2.2."""
    registration = read("Contact: *", "Expires: 0")
    assert registration.everything
    assert not registration.adds


def test_no_contact_is_a_fetch() -> None:
    """RFC 3261 §10.2.3."""
    assert read().is_fetch


@pytest.mark.parametrize("scheme", ["sip:a@h", "sips:a@h", "tel:+15551234", "mailto:a@h"])
def test_contact_schemes(scheme: str) -> None:
    """RFC 3261 §20.10: any URI the user can be reached by."""
    assert read(f"Contact: <{scheme}>").wanted[0].contact == scheme


def test_what_later_extensions_need_is_kept() -> None:
    """RFC 5626 §4.2, RFC 3327 §5.3, RFC 3261 §20.10."""
    registration = read(
        'Contact: <sip:a@h>;q=0.5;reg-id=1;+sip.instance="<urn:uuid:1>";expires=60;audio',
        "Path: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>",
        "Supported: path",
        "User-Agent: phone",
    )
    wanted = registration.wanted[0]
    assert (wanted.q, wanted.reg_id, wanted.instance) == (0.5, 1, "<urn:uuid:1>")
    assert wanted.parameters == 'q=0.5;reg-id=1;+sip.instance="<urn:uuid:1>";audio'
    assert registration.path == ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>")
    assert registration.user_agent == "phone"


@pytest.mark.parametrize("text", ["0", "x", "2147483648", "-1"])
def test_reg_id_out_of_range_is_ignored(text: str) -> None:
    """RFC 5626 §4.2."""
    assert read(f"Contact: <sip:a@h>;reg-id={text}").wanted[0].reg_id is None


@pytest.mark.parametrize(
    ("source", "contact", "via", "on_flow"),
    [
        pytest.param(DIRECT, "sip:a@192.0.2.10:5070", TOP, False, id="no-nat"),
        pytest.param(("203.0.113.5", False), "sip:a@192.0.2.10", TOP, True, id="nat"),
        pytest.param(("2001:db8::5", False), "sip:a@192.0.2.10", TOP, True, id="nat-ipv6"),
        pytest.param(
            ("2001:db8::5", False), "sip:a@h", "SIP/2.0/UDP [2001:DB8::5];branch=z9hG4bK1", False,
            id="ipv6",
        ),
        pytest.param(CONNECTED, "sip:a@192.0.2.10:5070", TOP, True, id="connection"),
        pytest.param(DIRECT, "sip:a@x7f.invalid", TOP, True, id="invalid-host"),
        pytest.param(CONNECTED, "sip:a@192.0.2.10", PROXIED, False, id="behind-a-proxy"),
    ],
)  # fmt: skip
def test_client_that_only_its_flow_leads_to(
    source: tuple[str, bool], contact: str, via: str, on_flow: bool
) -> None:
    """RFC 5626 §6, RFC 3581 §4, RFC 7118 §5: connected, behind a NAT, or nameless."""
    assert read(f"Contact: <{contact}>", source=source, via=via).on_flow is on_flow


def test_registered_flow_over_plain_udp_is_kept() -> None:
    """RFC 5626 §6: the registrar stores enough to find the flow again."""
    registration = read(FLOW, "Supported: outbound")
    assert registration.on_flow
    assert registration.wanted[0].reg_id == 1


@pytest.mark.parametrize(
    ("lines", "via", "agreed"),
    [
        pytest.param(["Supported: path, Outbound"], TOP, True, id="direct"),
        pytest.param(["Supported: path"], TOP, False, id="client-does-not-ask"),
        pytest.param(["Supported: path, outbound", EDGE], PROXIED, True, id="edge-proxy"),
    ],
)
def test_outbound_is_agreed_when_client_and_first_hop_do_it(
    lines: list[str], via: str, agreed: bool
) -> None:
    """RFC 5626 §6."""
    registration = read(FLOW, *lines, via=via)
    assert (registration.outbound, registration.wanted[0].reg_id) == (agreed, 1)


@pytest.mark.parametrize(
    "path", [[], ["Path: <sip:edge.example.com;lr>"]], ids=["no-path", "no-ob"]
)
def test_first_hop_without_outbound_is_439(path: list[str]) -> None:
    """RFC 5626 §6, §11.6."""
    with pytest.raises(FirstHopLacksOutbound) as caught:
        read(FLOW, "Supported: outbound, path", *path, via=PROXIED)
    assert caught.value.status == 439


@pytest.mark.parametrize(
    ("contact", "via", "outbound"),
    [
        pytest.param(FLOW, PROXIED, True, id="client-does-not-ask-for-more"),
        pytest.param("Contact: <sip:a@h>;reg-id=1", TOP, True, id="no-instance"),
        pytest.param(FLOW, TOP, False, id="switched-off"),
    ],
)
def test_reg_id_that_does_not_count(contact: str, via: str, outbound: bool) -> None:
    """RFC 5626 §6."""
    registration = read(contact, "Supported: path", via=via, outbound=outbound)
    assert registration.wanted[0].reg_id is None
    assert not registration.outbound


def test_two_contacts_with_a_flow_among_them_are_400() -> None:
    """RFC 5626 §6."""
    with pytest.raises(BadRegistration):
        read(FLOW, "Contact: <sip:b@h>")


def test_flow_may_come_with_contacts_that_go() -> None:
    """RFC 5626 §6: it can de-register others."""
    assert len(read(FLOW, "Contact: <sip:b@h>;expires=0").wanted) == 2


def test_path_that_the_client_does_not_know_of_is_420() -> None:
    """RFC 3327 §5.3: the recommended policy."""
    with pytest.raises(BadExtension) as caught:
        read("Contact: <sip:a@h>", "Path: <sip:p;lr>")
    assert (caught.value.status, list(caught.value.headers)) == (420, [("Unsupported", "path")])


@pytest.mark.parametrize("contact", [ALICE, "tel:+15551234"])
def test_instance_needs_a_contact_of_its_own(contact: str) -> None:
    """RFC 5627 §5.1: anything else would loop."""
    with pytest.raises(LoopingContact) as caught:
        read(f'Contact: <{contact}>;+sip.instance="<urn:uuid:1>"')
    assert caught.value.status == 403


def test_contact_parameters_that_are_ours_to_say_are_not_kept() -> None:
    """RFC 5627 §5.1: a client cannot suggest a GRUU."""
    wanted = read('Contact: <sip:a@h>;pub-gruu="sip:x@h;gr=1";temp-gruu="sip:y@h;gr";q=0.3')
    assert wanted.wanted[0].parameters == "q=0.3"


@pytest.mark.parametrize(("tags", "known"), [("gruu, path", True), ("path", False)])
def test_client_that_knows_gruus(tags: str, known: bool) -> None:
    """RFC 5627 §5.2."""
    registration = read('Contact: <sip:a@h>;+sip.instance="<urn:uuid:1>"', f"Supported: {tags}")
    assert registration.gruu is known


@pytest.mark.parametrize(
    ("text", "kept"),
    [("phone/1.0", "phone/1.0"), ("x" * 300, "x" * 255), ("pho\udcffne", "")],
    ids=["plain", "long", "no-utf-8"],
)
def test_user_agent_is_kept_as_far_as_it_can_be(text: str, kept: str) -> None:
    """What cannot be stored of a header that only informs is left out."""
    assert read(f"User-Agent: {text}").user_agent == kept
