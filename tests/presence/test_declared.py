"""Event packages that are only declared (PKG-08)."""

import pytest

from presence.declared import Declaration, check_body, compose, declared_package
from presence.errors import BadBody
from presence.package import PackageState
from presence.view import View
from sip.uri import AoR
from store.values import Publication

ALICE = AoR("sip:alice@example.com")
JSON, XML = "application/json", "application/lamp+xml"


def publication(key: str, body: bytes, at: float, content_type: str = JSON) -> Publication:
    return Publication(key, f"{key}-tag", 1e9, content_type, body, at)


OLD = publication("b", b"1", 10.0)
NEW = publication("a", b"2", 20.0)
MARKUP = publication("c", b"<lamp/>", 15.0, XML)


@pytest.mark.parametrize(
    ("publications", "shown"),
    [
        pytest.param((), b"", id="nothing is an empty body"),
        pytest.param((OLD, NEW), b"2", id="the newest wins"),
        pytest.param((NEW, OLD), b"2", id="in any order"),
        pytest.param((OLD,), b"1", id="and the older when the newer is gone"),
        pytest.param((OLD, publication("c", b"3", 10.0)), b"3", id="at one instant by its id"),
    ],
)
def test_the_state_is_the_newest_publication(
    publications: tuple[Publication, ...], shown: bytes
) -> None:
    """RFC 6665 §5.4.7: the documented composition of a declared package."""
    assert compose(ALICE, PackageState(publications)) == shown


@pytest.mark.parametrize(("content_type", "shown"), [(JSON, b"2"), (XML, b"<lamp/>")])
def test_a_watcher_sees_the_newest_of_its_type(content_type: str, shown: bytes) -> None:
    package = declared_package(Declaration("lamp", (JSON, XML), (JSON, XML)))
    state = PackageState((OLD, NEW, MARKUP))
    assert package.render is not None
    document = package.compose(ALICE, state)
    assert package.render(ALICE, state, document, View(content_type, None)) == shown


def test_who_may_publish_is_declared() -> None:
    assert not declared_package(Declaration("lamp", (JSON,))).publishable
    assert declared_package(Declaration("lamp", (JSON,), (JSON,))).publish_types == (JSON,)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"{", JSON, id="json"),
        pytest.param(b"[" * 100_000, JSON, id="json that nests without end"),
        pytest.param(b"\xff", "application/lamp+json", id="json by suffix"),
        pytest.param(b"<lamp>", "application/xml", id="xml"),
        pytest.param(b"<!DOCTYPE lamp []><lamp/>", XML, id="xml with a DTD"),
    ],
)
def test_a_body_that_is_not_of_its_type_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(BadBody):
        check_body(body, content_type, ALICE)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b'{"on": true}', JSON), (b"<lamp/>", XML), (b"\xff\x00", "application/octet-stream")],
)
def test_other_bodies_are_taken_as_they_are(body: bytes, content_type: str) -> None:
    check_body(body, content_type, ALICE)
