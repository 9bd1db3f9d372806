"""A PUBLISH that carries what has changed (RFC 5264 §4.3). Pure.

Entity-tags order the publications: the attribute `version` is checked for its form and means
nothing here (§3.2). Selectors may begin with "*" or with the name of either root element.
"""

from typing import Final

from lxml import etree

from presence.errors import BadBody, BadPatch, PartialPublication
from presence.partial.document import ANY_ROOT, NAMESPACE, presence_of
from sip.errors import ParseError
from sip.uri import aor_of
from xmldoc.errors import XmlError
from xmldoc.parse import parse
from xmldoc.patch import Operation, apply_all, operations_of
from xmldoc.patch_errors import InvalidAttributeValue, InvalidDiffFormat, PatchError
from xmldoc.tree import parse_tree

FULL: Final = f"{{{NAMESPACE}}}pidf-full"
DIFF: Final = f"{{{NAMESPACE}}}pidf-diff"
MAX_VERSION: Final = 2**32 - 1
"""xs:unsignedInt (RFC 5262 §7)."""
MAX_DIGITS: Final = 20
"""Of a version, zeros before it included."""
MAX_LOOKS: Final = 100_000
"""Operations and predicates, times the marks of the documents they look through: some 50 ms."""


def patch(stored: bytes, body: bytes, content_type: str) -> bytes:
    """The presence document after a PUBLISH with `body`, where `stored` was published before.

    `stored` is empty for an initial publication. Raises BadBody, BadPatch and
    PartialPublication.
    """
    try:
        root = parse(body)
        _check_version(root)
        if root.tag == FULL:
            return presence_of(body)
    except PatchError as error:
        raise BadPatch(error) from None
    except XmlError as error:
        raise BadBody(str(error)) from None
    if root.tag != DIFF:
        raise BadBody("the root element is neither pidf-full nor pidf-diff")
    if not stored:
        raise PartialPublication
    try:
        _check_entity(root, stored)
        return _patched(stored, body)
    except PatchError as error:
        raise BadPatch(error) from None


def _check_version(root: etree._Element) -> None:
    """RFC 5262 §11."""
    text = (root.get("version") or "0").strip()
    digits = text.removeprefix("+")
    known = digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS
    if not known or int(digits) > MAX_VERSION:
        raise InvalidAttributeValue("the version is no unsigned number of 32 bits")


def _check_entity(root: etree._Element, stored: bytes) -> None:
    """The entity, if there is one, is that of the document that is changed (RFC 5262 §3.2)."""
    entity = root.get("entity")
    if entity is None:
        return
    try:
        same = aor_of(entity) == aor_of(parse(stored).get("entity") or "")
    except ParseError:
        same = False
    if not same:
        raise InvalidAttributeValue("the entity is not that of the published document")


def _patched(stored: bytes, body: bytes) -> bytes:
    """`stored` after the operations of `body`, in order."""
    operations = operations_of(parse_tree(body).root, {})
    looks = (len(operations) + body.count(b"[")) * (stored.count(b"<") + body.count(b"<"))
    if looks > MAX_LOOKS:
        raise InvalidDiffFormat("too many operations for a document of this size")
    return apply_all(stored, map(_from_root, operations))


def _from_root(operation: Operation) -> Operation:
    """`operation` with a selector that does not name a `pidf-full`, which is not stored as such."""
    element, scope = operation
    first, slash, rest = element.attributes.get("sel", "").removeprefix("/").partition("/")
    prefix, _, local = first.rpartition(":")
    if local != "pidf-full" or scope.get(prefix) != NAMESPACE:
        return operation
    attributes = {**element.attributes, "sel": f"{ANY_ROOT}{slash}{rest}"}
    return Operation(element._replace(attributes=attributes), scope)
