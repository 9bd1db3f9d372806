"""RFC 3261 §10.2, §10.3: what a REGISTER asks for, before the bindings that are there count."""

import pytest

from proxy.errors import BadRegistration, IntervalTooBrief, ProxyError
from proxy.registration import Limits, Registration, Source, read_registration
from sip.errors import ParseError
from tests.proxy.proxykit import ALICE, request

LIMITS = Limits(min_expires=60, max_expires=7200, max_contacts=3)
DIRECT = Source("192.0.2.10", 5070, "UDP")


def read(*lines: str, source: Source = DIRECT, via: str = "") -> Registration:
    top = via or "SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bK1"
    return read_registration(request("REGISTER", "sip:example.com", *lines, via=top), ALICE,
                             source, LIMITS)  # fmt: skip


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
    assert read_registration(message, ALICE, DIRECT, limits).wanted[0].expires == 3600


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
        pytest.param(["Contact: <sip:a@>"], ParseError, id="uri-without-host"),
        pytest.param(['Contact: <sip:a@h>;x="\\\0"'], ParseError, id="nul-in-parameter"),
        pytest.param(['Contact: <sip:a@h>;x="\udcff"'], ParseError, id="no-utf-8"),
        pytest.param(
            ["Contact: <sip:a@h>", 'Path: "\\\0" <sip:p;lr>'], BadRegistration, id="nul-in-path"
        ),
        pytest.param(["Contact: <sip:a@h>", "Path: <sip:@>"], ParseError, id="path-leads-nowhere"),
    ],
)
def test_contradiction_is_400(lines: list[str], error: type[ProxyError | ParseError]) -> None:
    """RFC 3261 §10.3 step 6, §20.10."""
    with pytest.raises(error):
        read(*lines)
    assert error.status == 400


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


NAT = Source("203.0.113.5", 40000, "UDP")


@pytest.mark.parametrize(
    ("source", "contact", "via", "received"),
    [
        pytest.param(DIRECT, "sip:a@192.0.2.10:5070", "", "", id="no-nat"),
        pytest.param(NAT, "sip:a@192.0.2.10:5070", "", "sip:203.0.113.5:40000", id="udp"),
        pytest.param(
            Source("203.0.113.5", 40000, "TCP"), "sip:a@192.0.2.10:5070", "",
            "sip:203.0.113.5:40000;transport=tcp", id="tcp",
        ),
        pytest.param(
            Source("2001:db8::5", 40000, "UDP"), "sip:a@192.0.2.10:5070", "",
            "sip:[2001:db8::5]:40000", id="ipv6",
        ),
        pytest.param(
            Source("192.0.2.10", 40000, "TCP", "tcp:192.0.2.10:40000"), "sip:a@192.0.2.10:5070", "",
            "sip:192.0.2.10:40000;transport=tcp", id="connection",
        ),
        pytest.param(
            Source("192.0.2.10", 5070, "TCP", "tcp:192.0.2.10:5070"), "sip:a@192.0.2.10:5070", "",
            "", id="connection-that-the-contact-names",
        ),
        pytest.param(
            DIRECT, "sip:a@x7f.invalid", "", "sip:192.0.2.10:5070", id="invalid-host"
        ),
        pytest.param(
            NAT, "sip:a@192.0.2.10",
            "SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK2, SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1",
            "", id="behind-a-proxy",
        ),
    ],
)  # fmt: skip
def test_received_is_where_a_client_behind_a_nat_is(
    source: Source, contact: str, via: str, received: str
) -> None:
    """RFC 3581 §4, RFC 7118 §5: the way back to a client whose contact leads nowhere."""
    assert read(f"Contact: <{contact}>", source=source, via=via).received == received


def test_connection_names_its_process() -> None:
    """A binding behind a connection names the process that holds it."""
    source = Source("192.0.2.10", 5070, "TCP", "tcp:192.0.2.10:5070", "w1")
    registration = read("Contact: <sip:a@h>", source=source)
    assert (registration.flow, registration.worker) == ("tcp:192.0.2.10:5070", "w1")


@pytest.mark.parametrize(
    ("text", "kept"),
    [("phone/1.0", "phone/1.0"), ("x" * 300, "x" * 255), ("pho\udcffne", "")],
    ids=["plain", "long", "no-utf-8"],
)
def test_user_agent_is_kept_as_far_as_it_can_be(text: str, kept: str) -> None:
    """What cannot be stored of a header that only informs is left out."""
    assert read(f"User-Agent: {text}").user_agent == kept
