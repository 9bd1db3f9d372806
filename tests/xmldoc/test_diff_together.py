"""RFC 5261: operations that stand in one element, and share its declarations."""

from hypothesis import event, given, settings

from tests.xmldoc.test_patch_of_a_difference import canonical, edited
from xmldoc.diff import make_diff
from xmldoc.effort import Effort
from xmldoc.patch import apply_diff

SETTINGS = settings(max_examples=60, deadline=None)
NAMESPACE = "urn:diff"
LONG = b"x" * 500


def together(old: bytes, new: bytes) -> bytes | None:
    """The difference as one document; None when the root element would be replaced."""
    made = make_diff(old, new, NAMESPACE, "*", effort=Effort())
    if made is None:
        return None
    name = f"{made.prefix}:diff"
    return f"<{name}{made.declarations}>{made.operations}</{name}>".encode()


@SETTINGS
@given(edited())
def test_operations_that_share_declarations_make_the_edited_document(
    pair: tuple[bytes, bytes],
) -> None:
    """RFC 5261 §4.2.3: prefixes that stand for two namespaces among them."""
    old, new = pair
    diff = together(old, new)
    if diff is not None:
        event("patched")
        assert canonical(apply_diff(old, diff)) == canonical(new)


def test_a_namespace_is_declared_once_and_the_root_has_no_name() -> None:
    """RFC 5262 §3: the root element of the copy that a watcher keeps may be `pidf-full`."""
    old = b'<a xmlns="urn:x"><b>1</b><c>2</c><long>%b</long></a>' % LONG
    new = b'<a xmlns="urn:x"><b>3</b><c>4</c><long>%b</long></a>' % LONG
    assert together(old, new) == (
        b'<d:diff xmlns:d="urn:diff" xmlns="urn:x">'
        b'<d:replace sel="*/c[1]/text()[1]">4</d:replace>'
        b'<d:replace sel="*/b[1]/text()[1]">3</d:replace></d:diff>'
    )


def test_too_much_effort_makes_no_difference() -> None:
    """The caller tells the whole document instead."""
    old = b"<a>" + b"<b/>" * 100 + b"</a>"
    new = b"<a>" + b"<c/>" * 100 + b"</a>"
    assert make_diff(old, new, NAMESPACE, "*", effort=Effort(100)) is None


def test_a_root_element_is_not_replaced() -> None:
    """RFC 5262 §3: that would make another document of what the watcher keeps."""
    assert make_diff(b"<a/>", b"<b/>", NAMESPACE, "*", effort=Effort()) is None
    assert make_diff(b"<a>1</a>", b"<a>2</a>", NAMESPACE, "*", effort=Effort()) is not None
