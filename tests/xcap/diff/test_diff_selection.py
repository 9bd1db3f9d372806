"""RFC 5875 §4.1, §4.4: URIs absolute or relative to the root, and what each selects."""

import pytest

from store.values import Change, DocumentKey, Kind, document_key
from tests.xcap.kit import CONFIG
from tests.xcap.memorystore import ALICE, BOB
from xcap.diff.naming import addresses, sel_of
from xcap.diff.selection import Collection, DocumentSelection, NodeSelection, select
from xcap.diff.topics import followed, touched
from xcap.errors import BadRequest
from xcap.registry import usages
from xcap.uri import Tree

USAGES_BY_AUID = {usage.auid: usage for usage in usages(CONFIG)}
ICONS = "org.openmobilealliance.pres-content"
HOME = "resource-lists/users/sip:alice@example.com/"
OMA = "org.openmobilealliance.pres-rules/users/sip:alice@example.com/"


def selected(uri: str) -> object:
    return select(uri, "/xcap-root", USAGES_BY_AUID)


@pytest.mark.parametrize(
    "uri",
    [
        f"{HOME}index",
        f"./{HOME}index",
        f"/xcap-root/{HOME}index",
        f"http://xcap.example.com/xcap-root/{HOME}index",
        f"HTTPS://xcap.example.com:8443/xcap-root/{HOME}index",
    ],
)
def test_one_document_in_many_spellings(uri: str) -> None:
    found = selected(uri)
    assert isinstance(found, DocumentSelection)
    assert (found.sel, found.uri.auid, found.uri.path) == (uri, "resource-lists", "index")


@pytest.mark.parametrize(
    ("selector", "attribute"),
    [("/~~/resource-lists/list", None), ("/~~/resource-lists/list/@name", "name")],
)
def test_a_component_is_one_of_its_document(selector: str, attribute: str | None) -> None:
    """RFC 5875 §4.6: unprefixed names are in the default namespace of the usage."""
    found = selected(f"{HOME}index{selector}")
    assert isinstance(found, NodeSelection)
    assert (found.uri.node_selector, found.node.attribute) == (None, attribute)
    assert found.node.steps[0].tag == "{urn:ietf:params:xml:ns:resource-lists}resource-lists"


@pytest.mark.parametrize(
    ("uri", "collection"),
    [
        ("", Collection("")),
        ("./", Collection("")),
        ("http://h/xcap-root/", Collection("")),
        ("resource-lists/", Collection("resource-lists/", "resource-lists")),
        (
            "resource-lists/users/",
            Collection("resource-lists/users/", "resource-lists", Tree.USERS),
        ),
        (
            f"{HOME}sub/",
            Collection(f"{HOME}sub/", "resource-lists", Tree.USERS, ALICE, "sub/"),
        ),
        (
            "resource-lists/global/",
            Collection("resource-lists/global/", "resource-lists", Tree.GLOBAL),
        ),
    ],
)
def test_collections_end_in_a_slash(uri: str, collection: Collection) -> None:
    assert selected(uri) == collection


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("http://h/other-root/resource-lists/global/index", id="another-root"),
        pytest.param("/resource-lists/global/index", id="above-the-root"),
        pytest.param("none/global/index", id="unknown-usage"),
        pytest.param("none/", id="unknown-usage-collection"),
        pytest.param("resource-lists/others/", id="unknown-tree"),
        pytest.param("resource-lists/users", id="no-document"),
        pytest.param("resource-lists", id="usage-without-slash"),
    ],
)
def test_what_can_never_be_there_selects_nothing(uri: str) -> None:
    """RFC 5875 §4.7: no error."""
    assert selected(uri) is None


@pytest.mark.parametrize(
    "uri",
    ["resource-lists/./", "resource-lists/users/../", "a/~~/", "resource-lists/users/%zz/"],
)
def test_what_is_no_uri_below_the_root_is_refused(uri: str) -> None:
    with pytest.raises(BadRequest):
        selected(uri)


@pytest.mark.parametrize(
    ("uri", "watcher", "trusted", "topics"),
    [
        (f"{HOME}index", ALICE, False, [f"resource-lists {ALICE} index"]),
        (
            f"{HOME}index",
            BOB,
            False,
            [f"grants of {ALICE}", f"resource-lists {ALICE} index"],
        ),
        (HOME, ALICE, False, [f"resource-lists {ALICE} "]),
        ("resource-lists/users/", BOB, False, [f"resource-lists {BOB} "]),
        ("resource-lists/users/", BOB, True, ["resource-lists"]),
        ("", BOB, True, [f" {BOB} ", "  ", "grants of "]),
        ("", BOB, False, [f" {BOB} ", "  ", "grants of "]),
        (f"{OMA}pres-rules", ALICE, False, [f"pres-rules {ALICE} index"]),
        (OMA, ALICE, False, [f"pres-rules {ALICE} "]),
        ("resource-lists/users/@/", ALICE, False, []),
    ],
)
def test_topics(uri: str, watcher: str, trusted: bool, topics: list[str]) -> None:
    """ADR 3: the narrowest that covers a selection."""
    selection = select(uri, "/xcap-root", USAGES_BY_AUID)
    assert selection is not None
    found = followed(
        [selection],
        watcher,
        usages=USAGES_BY_AUID,
        default_domain="example.com",
        trusted=trusted,
    )
    assert list(found) == topics


def test_a_change_touches_what_selections_may_follow() -> None:
    key = DocumentKey("resource-lists", ALICE, "index")
    change = Change(Kind.DOCUMENT, document_key(key), 7)
    assert set(touched(change)) == {
        f"resource-lists {ALICE} index",
        f"resource-lists {ALICE} ",
        f" {ALICE} ",
        "resource-lists",
    }
    assert touched(Change(Kind.GRANT, ALICE, 0)) == (f"grants of {ALICE}",)
    assert not touched(Change(Kind.RESOURCE, f"{ALICE} presence", 3))
    assert not touched(Change(Kind.RESYNC, "", 0))


@pytest.mark.parametrize(
    ("uri", "key", "sels"),
    [
        (HOME, DocumentKey("resource-lists", ALICE, "a/b c"), [f"{HOME}a/b%20c"]),
        (f"{HOME}a/", DocumentKey("resource-lists", ALICE, "a/b"), [f"{HOME}a/b"]),
        (f"{HOME}a/", DocumentKey("resource-lists", ALICE, "b"), []),
        (HOME, DocumentKey("rls-services", ALICE, "index"), []),
        ("", DocumentKey("resource-lists", ALICE, "index"), [f"{HOME}index"]),
        (OMA, DocumentKey("pres-rules", ALICE, "index"), [f"{OMA}pres-rules"]),
        ("", DocumentKey("pres-rules", ALICE, "index"), [f"pres-rules/users/{ALICE}/index"]),
        (
            f"{ICONS}/users/{ALICE}/oma_status-icon/",
            DocumentKey(ICONS, ALICE, "oma_status-icon/me"),
            [f"{ICONS}/users/{ALICE}/oma_status-icon/me"],
        ),
        ("", DocumentKey(ICONS, ALICE, "me"), []),
        (
            "resource-lists/",
            DocumentKey("resource-lists", "", "index"),
            ["resource-lists/global/index"],
        ),
    ],
)
def test_names_in_a_collection(uri: str, key: DocumentKey, sels: list[str]) -> None:
    """RFC 5874 §3: relative to the root; a document that has two names has one below the root."""
    collection = select(uri, "/xcap-root", USAGES_BY_AUID)
    assert isinstance(collection, Collection)
    found = addresses(collection, key, USAGES_BY_AUID)
    assert [sel_of(collection, address) for address in found] == sels
