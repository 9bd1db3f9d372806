"""Patch operations applied to documents (RFC 5261 §4). Pure.

An operation is an element add, replace or remove of any namespace, together with the
namespaces in scope where it stands. Operations are applied one after the other, each to
what the one before has left; the first that fails ends it all with a `PatchError`, which
names the operation.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from xmldoc.errors import NotUtf8, UnknownEntity, XmlError
from xmldoc.parse import DEFAULT_LIMITS, Limits
from xmldoc.patch_edit import add, remove, replace
from xmldoc.patch_errors import (
    InvalidCharacterSet,
    InvalidDiffFormat,
    InvalidEntityDeclaration,
    InvalidPatchDirective,
    PatchError,
)
from xmldoc.tree import Document, Element, Scope, parse_tree, split_name, write_node, write_tree

MAX_OPERATIONS: Final = 1000
"""Of one difference; each costs a look at the document."""

DIRECTIVES: Final = {"add": add, "replace": replace, "remove": remove}


class Operation(NamedTuple):
    """One patch operation."""

    element: Element
    scope: Scope
    """The namespaces in scope at `element`, its own among them."""

    def __str__(self) -> str:
        name, _, attributes, children = self.element
        return write_node(Element(name, dict(self.scope), attributes, children))


def apply(document: bytes, operations: Sequence[bytes]) -> bytes:
    """`document` after `operations`, each an element that declares what it uses.

    Raises a `PatchError`, and another `XmlError` when `document` cannot be read.
    """
    roots = (_parse_diff(operation).root for operation in operations)
    return apply_all(document, (Operation(root, root.declarations) for root in roots))


def apply_diff(document: bytes, diff: bytes) -> bytes:
    """`document` after the operations that are the children of the root of `diff`.

    Children that are in another namespace than the root are extensions, and skipped.
    Raises as `apply` does.
    """
    return apply_all(document, operations_of(_parse_diff(diff).root, {}))


def operations_of(parent: Element, scope: Scope) -> tuple[Operation, ...]:
    """The operations that are children of `parent`, which has `scope` around it."""
    namespace = split_name(parent.name).namespace
    around = {**scope, **parent.declarations}
    return tuple(
        Operation(child, {**around, **child.declarations})
        for child in parent.children
        if isinstance(child, Element) and split_name(child.name).namespace == namespace
    )


def apply_all(document: bytes, operations: Iterable[Operation]) -> bytes:
    """`document` after `operations`. Raises as `apply` does."""
    tree = parse_tree(document)
    for number, operation in enumerate(operations):
        if number == MAX_OPERATIONS:
            raise InvalidDiffFormat(f"more than {MAX_OPERATIONS} operations")
        apply_to(tree, operation)
    return write_tree(tree)


def apply_to(tree: Document, operation: Operation) -> None:
    """Change `tree` as `operation` says."""
    directive = split_name(operation.element.name).local
    try:
        if directive not in DIRECTIVES:
            raise InvalidPatchDirective(f"there is no operation {directive}")
        DIRECTIVES[directive](tree, operation.element, operation.scope)
    except PatchError as error:
        raise type(error)(str(error), str(operation)) from None


def _parse_diff(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Document:
    try:
        return parse_tree(data, limits=limits)
    except NotUtf8 as error:
        raise InvalidCharacterSet(str(error)) from None
    except UnknownEntity as error:
        raise InvalidEntityDeclaration(str(error)) from None
    except XmlError as error:
        raise InvalidDiffFormat(str(error)) from None
