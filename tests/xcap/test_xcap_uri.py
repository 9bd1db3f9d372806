"""RFC 4825 §6: what an XCAP URI is made of, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.uri import AoR
from xcap.errors import BadRequest, NotFound, UriTooLong, XcapError
from xcap.nodes.evaluate import Resolved, resolve
from xcap.uri import MAX_PATH, MAX_SEGMENT, MAX_TARGET, Tree, XcapUri, decode, owner_of, parse

ROOT = "/xcap-root"
HOME = f"{ROOT}/resource-lists/users"


def users(xui: str, path: str = "index", node: str | None = None, query: str = "") -> XcapUri:
    return XcapUri("resource-lists", Tree.USERS, xui, path, node, query)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (f"{HOME}/sip:a@b.c/index", users("sip:a@b.c")),
        (f"{HOME}/sip%3Aa%40b.c/index", users("sip:a@b.c")),
        (f"{HOME}/sip:a%2Fb@b.c/index", users("sip:a/b@b.c")),
        (f"{HOME}/sip:a%252Fb@b.c/index", users("sip:a%2Fb@b.c")),
        (f"{HOME}/a/d/e/index.xml", users("a", "d/e/index.xml")),
        (f"{HOME}/a/%C3%A4", users("a", "ä")),
        (f"{HOME}/a/...", users("a", "...")),
        (f"http://x.example:8080{HOME}/a/index", users("a")),
        (f"HTTPS://x.example{HOME}/a/index", users("a")),
        (
            f"{ROOT}/xcap-caps/global/index",
            XcapUri("xcap-caps", Tree.GLOBAL, "", "index"),
        ),
        (
            f"{HOME}/a/index/~~/resource-lists/list%5B@name=%22l%2F1%22%5D/@name",
            users("a", node='resource-lists/list[@name="l/1"]/@name'),
        ),
        (f"{HOME}/a/index/%7E%7e/r", users("a", node="r")),
        (f"{HOME}/a/index/~%7e/r", users("a", node="r")),
        (f"{HOME}/a/index/~~/r/~~/s", users("a", node="r/~~/s")),
        (f"{HOME}/a/index/~~/", users("a", node="")),
        (f"{HOME}/a/index/~~", users("a", node="")),
        (f"{HOME}/a/index/~~//r//s/", users("a", node="/r//s/")),
        (f"{HOME}/a/index/~~/../r", users("a", node="../r")),
        (f"{HOME}/a/index/~~/r%5B%40n%3D%22%252F%22%5D", users("a", node='r[@n="%2F"]')),
        (f'{HOME}/a/index/~~/r[@n="/"]', users("a", node='r[@n="/"]')),
        (f"{HOME}/a/index/~~/%E3%82%A2/@%C3%80", users("a", node="ア/@À")),
        (f"{HOME}/a/~~x/index", users("a", "~~x/index")),
        (
            f"{HOME}/a/index/~~/r?xmlns(p=urn%3Ax%2523)",
            users("a", node="r", query="xmlns(p=urn:x%23)"),
        ),
        (
            f"{HOME}/a/index/~~/p:r?xmlns(p=urn:x)xmlns(q=a%20b)",
            users("a", node="p:r", query="xmlns(p=urn:x)xmlns(q=a b)"),
        ),
        (f"{HOME}/a/index?x=%41", users("a", query="x=A")),
    ],
)
def test_parts(target: str, expected: XcapUri) -> None:
    assert parse(target, ROOT) == expected


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(f"{HOME}/a/../b", id="dot-dot"),
        pytest.param(f"{HOME}/a/%2e%2E", id="encoded dot-dot"),
        pytest.param(f"{HOME}/../../x/users/a/index", id="dot-dot before"),
        pytest.param(f"{HOME}/a/./index", id="dot"),
        pytest.param(f"{HOME}/a/b%2Fc", id="encoded slash"),
        pytest.param(f"{HOME}/a/..%2F..%2Fetc", id="encoded slashes and dots"),
        pytest.param(f"{HOME}/a/b%5Cc", id="encoded backslash"),
        pytest.param(f"{HOME}/a/in%00dex", id="NUL"),
        pytest.param(f"{HOME}/a%0d%0aX:y/index", id="line end in an XUI"),
        pytest.param(f"{HOME}/a/in%C2%85dex", id="C1 control"),
        pytest.param(f"{HOME}/a/%C0%AE%C0%AE", id="overlong UTF-8"),
        pytest.param(f"{HOME}/a/%ED%A0%80", id="encoded surrogate"),
        pytest.param(f"{HOME}/a/%FF", id="not UTF-8"),
        pytest.param(f"{HOME}/a/\udcff", id="raw octet that is not UTF-8"),
        pytest.param(f"{HOME}/a/100%", id="lonely percent"),
        pytest.param(f"{HOME}/a/%zz", id="no hex"),
        pytest.param(f"{HOME}/a/index/~~/%FF", id="node selector that is not UTF-8"),
        pytest.param(f"{HOME}/a/index/~~/%C0%AFr", id="overlong slash in a node selector"),
        pytest.param(f"{HOME}/a/index/~~/r%5B%", id="lonely percent in a node selector"),
        pytest.param(f"{HOME}/a/index/%7E%7E/%ED%A0%80", id="surrogate in a node selector"),
        pytest.param(f"{HOME}/a/..%2F~~/r", id="encoded slash before the separator"),
        pytest.param(f"{HOME}/%2E%2E/index", id="XUI that is encoded dot-dot"),
        pytest.param(f"{HOME}/a/index?%FF", id="query that is not UTF-8"),
        pytest.param("ftp://x/xcap-root/resource-lists/users/a/index", id="another scheme"),
        pytest.param("*", id="asterisk form"),
    ],
)
def test_what_cannot_be_read_is_400(target: str) -> None:
    with pytest.raises(BadRequest):
        parse(target, ROOT)


@pytest.mark.parametrize(
    "target",
    ["/", "/xcap-rooted/a/users/b/c", ROOT, f"{ROOT}/", f"{HOME}//index", f"{HOME}/a//index",
     f"{HOME}/a/index/", f"{HOME}/~~/a/index", f"{ROOT}/a/Users/b/c", "/other/a/users/b/c"],
)  # fmt: skip
def test_what_is_no_document_is_404(target: str) -> None:
    with pytest.raises(NotFound):
        parse(target, ROOT)


@pytest.mark.parametrize(
    "target",
    [
        f"{HOME}/a/" + "x" * MAX_TARGET,
        f"{HOME}/a/" + "x" * (MAX_SEGMENT + 1),
        f"{HOME}/" + "x" * (MAX_SEGMENT + 1) + "/index",
        f"{HOME}/a/" + "/".join(["x" * MAX_SEGMENT] * (MAX_PATH // MAX_SEGMENT + 1)),
    ],
)
def test_what_is_too_long_is_414(target: str) -> None:
    with pytest.raises(UriTooLong):
        parse(target, ROOT)


@pytest.mark.parametrize(
    ("xui", "owner"),
    [
        ("sip:alice@example.com", "sip:alice@example.com"),
        ("SIP:alice@Example.COM", "sip:alice@example.com"),
        ("sips:alice@example.com:5061;transport=tls", "sip:alice@example.com"),
        ("pres:alice@example.com", "sip:alice@example.com"),
        ("alice@example.org", "sip:alice@example.org"),
        ("alice", "sip:alice@example.com"),
        ("+15550100", "sip:+15550100@example.com"),
        ("tel:+1-555-0100", "tel:+15550100"),
        ("TEL:+1(555)0100;phone-context=x", "tel:+15550100"),
        ("zoë@example.com", "sip:zo%C3%AB@example.com"),
        ("sip:zo%C3%AB@example.com", "sip:zo%C3%AB@example.com"),
        ("a b", "sip:a%20b@example.com"),
    ],
)
def test_an_xui_names_one_owner(xui: str, owner: str) -> None:
    """RFC 4825 §6.2 (XCP-12)."""
    assert owner_of(xui, "example.com") == owner


@pytest.mark.parametrize(
    "xui",
    [
        "sip:example.com",
        "sip:@example.com",
        "a@",
        "a@b@c",
        "sip:a@b c",
        pytest.param("a" * (MAX_SEGMENT + 1), id="longer than any path has it"),
        pytest.param("a\udcff", id="not UTF-8 in a header field"),
        pytest.param("tel:+1\udcff", id="not UTF-8 in a number"),
    ],
)
def test_what_names_nobody_is_404(xui: str) -> None:
    with pytest.raises(NotFound):
        owner_of(xui, "example.com")


def test_the_home_directory_is_written_percent_encoded() -> None:
    assert users("sip:a/b@c.d").directory(ROOT) == f"{HOME}/sip:a%2Fb@c.d/"


@given(st.text(max_size=60))
def test_any_text_below_the_root_is_a_document_or_an_xcap_error(text: str) -> None:
    try:
        uri = parse(f"{HOME}/a/{text}", ROOT)
    except XcapError:
        return
    assert uri.path
    assert not {"", ".", ".."} & set(uri.path.split("/"))
    assert "\x00" not in uri.path


@given(st.binary(max_size=40))
def test_every_percent_encoding_of_octets_is_decoded_once_or_refused(data: bytes) -> None:
    encoded = "".join(f"%{octet:02X}" for octet in data)
    try:
        assert decode(encoded).encode() == data
    except BadRequest:
        with pytest.raises(UnicodeDecodeError):
            data.decode()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param("~~", 400, id="nothing after the separator"),
        pytest.param("~~/", 400, id="an empty selector"),
        pytest.param("~~//r", 400, id="an empty first step"),
        pytest.param("~~/r//s", 400, id="a doubled slash"),
        pytest.param("~~/r%2F%2Fs", 400, id="an encoded doubled slash"),
        pytest.param("~~/r%00", 400, id="NUL"),
        pytest.param("~~/x:r", 400, id="an undefined prefix"),
        pytest.param("~~/x:r?xmlns(x=%00)", 400, id="NUL in the query"),
        pytest.param("~~/" + "a/" * 999 + "a", 400, id="a thousand steps"),
        pytest.param("~~/..", 404, id="an extension"),
        pytest.param("~~/r/~~/s", 404, id="a second separator"),
        pytest.param("~~/" + "a" * MAX_TARGET, 414, id="too long"),
    ],
)
def test_node_selectors_in_uris_that_are_refused(target: str, status: int) -> None:
    """RFC 4825 §6.3, §8: the error is the same whatever the document."""

    def resolved() -> Resolved:
        uri = parse(f"{HOME}/a/index/{target}", ROOT)
        return resolve(uri.node_selector or "", uri.query, "urn:x")

    with pytest.raises(XcapError) as raised:
        resolved()
    assert raised.value.status == status


def test_an_owner_is_an_aor() -> None:
    assert owner_of("alice", "example.com") == AoR("sip:alice@example.com")
