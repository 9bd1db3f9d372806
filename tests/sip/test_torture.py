"""RFC 4475: every torture message through parser and checks; the table is torture/expectations.tsv.

"fine": parsed and nothing to object. A number: parsed, and refused with that status. "broken":
cannot be parsed; with a number, that answer can still be built. "response": a stray one, parsed.
"""

from pathlib import Path

import pytest

from sip.address import NameAddr
from sip.check import check_request, too_many_hops, unsupported_options
from sip.errors import ParseError
from sip.message import Request, Response, build_response, parse_message, salvage
from sip.multipart import parse_multipart
from sip.uri import SipUri, aor_of

HERE = Path(__file__).parent / "torture"
TABLE = {
    name: expected
    for line in (HERE / "expectations.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
    for name, expected, _why in [line.split("\t")]
}


def wire(name: str) -> bytes:
    return (HERE / f"{name}.dat").read_bytes()


def request(name: str) -> Request:
    message = parse_message(wire(name))
    assert isinstance(message, Request)
    return message


def outcome(data: bytes) -> str:
    try:
        message = parse_message(data)
    except ParseError:
        saved = salvage(data)
        if saved is None:
            return "broken"
        return "broken " + build_response(saved, 400, to_tag="t").split(b" ")[1].decode()
    if isinstance(message, Response):
        return "response"
    refusal = check_request(message)
    return str(refusal.status) if refusal else "fine"


def test_the_table_names_every_file() -> None:
    assert {path.stem for path in HERE.glob("*.dat")} == TABLE.keys()


@pytest.mark.parametrize("name", TABLE)
def test_torture_message(name: str) -> None:
    """RFC 4475 §3."""
    assert outcome(wire(name)) == TABLE[name]


def test_wsinv_is_read_through_its_white_space() -> None:
    """RFC 4475 §3.1.1.1."""
    wsinv = request("wsinv")
    assert wsinv.to.tag == "1918181833n"
    assert wsinv.from_ == NameAddr.parse(
        '"J Rosenberg \\\\\\"" <sip:jdrosen@example.com>;tag=98asjd8'
    )
    assert wsinv.from_.display == 'J Rosenberg \\"'
    assert wsinv.cseq == (9, "INVITE")
    assert wsinv.get("max-forwards") == "0068"
    assert [via.transport for via in wsinv.vias] == ["UDP", "TCP", "UDP"]
    assert [via.sent_by for via in wsinv.vias] == [
        "192.0.2.2",
        "spindle.example.com",
        "192.168.255.111",
    ]
    assert [via.branch for via in wsinv.vias] == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]
    assert wsinv.get("subject") == ""
    assert wsinv.get("newfangledheader") == "newfangled value continued newfangled value"
    assert wsinv.contacts[0].display == 'Quoted string ""'
    assert wsinv.contacts[0].parameters == {
        "newparam": "newvalue",
        "secondparam": None,
        "q": "0.33",
    }
    assert len(wsinv.body) == 150


def test_intmeth_keeps_every_odd_character() -> None:
    """RFC 4475 §3.1.1.2."""
    intmeth = request("intmeth")
    assert intmeth.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert intmeth.from_.display == "token1~` token2'+_ token3*%!.-"
    assert intmeth.from_.parameters.value("fromparam''~+*_!.-%") == "работающий"
    assert isinstance(intmeth.uri, SipUri)
    assert intmeth.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert intmeth.get("extensionheader-!.%*+_`'~") == "\ufeff大停電"


def test_escnull_users_stay_different() -> None:
    """RFC 4475 §3.1.1.4: an escaped NUL ends nothing."""
    users = [contact.sip_uri.user for contact in request("escnull").contacts]
    assert users == ["%00", "%00%00"]
    assert request("escnull").to.aor == "sip:null-%00-null@example.com"


def test_esc02_header_names_are_not_unescaped() -> None:
    """RFC 4475 §3.1.1.5: C%6Fntact is no Contact."""
    assert [contact.sip_uri.user for contact in request("esc02").contacts] == ["alias1", "alias3"]


def test_dblreq_second_request_is_thrown_away() -> None:
    """RFC 4475 §3.1.1.8."""
    assert request("dblreq").body == b""


def test_semiuri_user_has_parameters_of_its_own() -> None:
    """RFC 4475 §3.1.1.9."""
    assert aor_of(request("semiuri").uri_text) == "sip:user;par=u%40example.net@example.com"


def test_mpart01_parts_keep_their_octets() -> None:
    """RFC 4475 §3.1.1.11."""
    mpart = request("mpart01")
    text, binary = parse_multipart(mpart.get("content-type") or "", mpart.body)
    assert text.body == b"Hello"
    assert binary.headers["content-type"] == "application/octet-stream"
    assert binary.body.startswith(b"0\x82")


def test_bext01_extensions_are_listed() -> None:
    """RFC 4475 §3.3.5."""
    bext = request("bext01")
    assert unsupported_options(bext, ()) == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert len(unsupported_options(bext, (), header="proxy-require")) == 2


def test_zeromf_may_go_no_further() -> None:
    """RFC 4475 §3.3.11."""
    refusal = too_many_hops(request("zeromf"))
    assert refusal is not None
    assert refusal.status == 483


def test_regbadct_contact_is_refused() -> None:
    """RFC 4475 §3.1.2.13: a question mark outside angle brackets."""
    with pytest.raises(ParseError):
        _ = request("regbadct").contacts


def test_scalar02_expires_counts_as_the_largest() -> None:
    """RFC 4475 §3.1.2.4."""
    assert request("scalar02").expires == 2**32 - 1
