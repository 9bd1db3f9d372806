"""RFC 5875 §4.3, §4.4: what a SUBSCRIBE to xcap-diff may ask for, and what it may not."""

import pytest

from tests.xcap.diff.diffkit import LIST, RESOURCE_LISTS, Desk, uri_list
from xcap.diff.request import MAX_URIS, Mode, Wanted, read_uris, write_uris

RL = 'xmlns="urn:ietf:params:xml:ns:resource-lists"'


def listing(inner: str) -> bytes:
    return f"<resource-lists {RL}><list>{inner}</list></resource-lists>".encode()


def test_elements_and_attributes_that_are_not_understood_are_ignored() -> None:
    """RFC 5875 §4.4."""
    body = (
        f'<resource-lists {RL} xmlns:x="urn:x"><list name="a" x:y="z">'
        "<display-name>n</display-name>"
        '<entry uri=" a/users/b/c " x:z="1"><display-name>d</display-name><x:q/></entry>'
        '<x:entry uri="no"/></list>'
        '<list><entry uri="a/users/b/d"/><entry uri="a/users/b/c"/></list>'
        "</resource-lists>"
    )
    assert read_uris(body.encode()) == ("a/users/b/c", "a/users/b/d")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="no-list"),
        pytest.param(b"<resource-lists", 400, id="no-xml"),
        pytest.param(b"<resource-lists/>", 400, id="another-namespace"),
        pytest.param(listing(""), 400, id="empty"),
        pytest.param(listing(f'<list><entry uri="{LIST}"/></list>'), 400, id="hierarchical"),
        pytest.param(listing(f'<entry uri="{LIST}"/><entry-ref ref="a"/>'), 400, id="entry-ref"),
        pytest.param(listing(f'<external anchor="http://h/{LIST}"/>'), 400, id="external"),
        pytest.param(listing("<entry/>"), 400, id="no-uri"),
        pytest.param(b"<!DOCTYPE a>" + listing("<entry uri='a'/>"), 400, id="doctype"),
        pytest.param(listing(" " * 70_000), 413, id="too-large"),
        pytest.param(uri_list("a" * 3000), 400, id="too-long"),
        pytest.param(uri_list(*(f"a{n}" for n in range(MAX_URIS + 1))), 400, id="too-many"),
        pytest.param(uri_list("resource-lists/users/../index"), 400, id="dot-segments"),
        pytest.param(uri_list("resource-lists/users/a%2/"), 400, id="bad-escape"),
        pytest.param(uri_list("resource-lists//"), 400, id="empty-segment"),
        pytest.param(uri_list(f"{LIST}/~~/x:a"), 400, id="unbound-prefix"),
        pytest.param(uri_list(f"{LIST}/~~/a/namespace::*"), 400, id="namespaces"),
        pytest.param(uri_list("no-such-usage/users/a/b", f"{LIST}/~~/a"), 200, id="not-there"),
        pytest.param(uri_list(f"{LIST}/~~/x:a?xmlns(x=urn:x)"), 200, id="bound-prefix"),
    ],
)
async def test_what_is_refused(body: bytes, status: int) -> None:
    """RFC 5875 §4.1, §4.4, §4.7: a bad list is 400, a resource that is not there is none."""
    desk = Desk()
    tx = await desk.ask(body)
    assert tx.status == status, tx.headers
    assert (status == 200) == bool(await desk.sent())


@pytest.mark.parametrize(
    ("more", "media_type", "status", "header"),
    [
        pytest.param((), "application/pidf+xml", 415, "Accept", id="another-type"),
        pytest.param((), "", 415, "Accept", id="no-type"),
        pytest.param(
            ("Content-Encoding: br",), RESOURCE_LISTS, 415, "Accept-Encoding", id="encoded"
        ),
        pytest.param(
            ("Accept: application/pidf+xml",), RESOURCE_LISTS, 406, "Accept", id="not-acceptable"
        ),
        pytest.param(
            ("Accept: text/*, application/xcap-diff+xml",), RESOURCE_LISTS, 200, "", id="accepts"
        ),
    ],
)
async def test_media_types(
    more: tuple[str, ...], media_type: str, status: int, header: str
) -> None:
    """RFC 5875 §4.4: Accept must include application/xcap-diff+xml."""
    desk = Desk()
    tx = await desk.ask(uri_list(LIST), *more, media_type=media_type)
    assert tx.status == status
    assert not header or header in tx.headers


async def test_the_default_duration_is_an_hour() -> None:
    """RFC 5875 §4.5."""
    assert (await Desk().ask(uri_list(LIST))).headers["Expires"] == "3600"


@pytest.mark.parametrize("mode", Mode)
def test_what_is_wanted_is_kept_as_text(mode: Mode) -> None:
    wanted = Wanted(mode, ("a/users/ü/b", 'c/users/d/e/~~/f["\\'))
    assert Wanted.parse(str(wanted)) == wanted


def test_nothing_is_wanted_by_nothing() -> None:
    assert Wanted.parse("") == Wanted(Mode.NO_PATCHING, ())


@pytest.mark.parametrize("uris", [("./",), ("a/users/b/c", 'd/~~/e[@f="<&>"]', "ü")])
def test_a_list_that_was_written_is_read(uris: tuple[str, ...]) -> None:
    assert read_uris(write_uris(uris)) == uris
