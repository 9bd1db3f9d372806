"""What add, replace and remove do to a tree (RFC 5261 §4.3 to §4.5). Pure.

Each takes the tree, the element of the operation and the namespaces in scope at it,
and changes the tree in place or raises a `PatchError`.
"""

from collections.abc import Sequence
from typing import Final

from xmldoc.patch_errors import (
    InvalidAttributeValue,
    InvalidDiffFormat,
    InvalidNamespacePrefix,
    InvalidNamespaceUri,
    InvalidNodeTypes,
    InvalidPatchDirective,
    InvalidRootElementOperation,
    InvalidWhitespaceDirective,
    InvalidXmlPrologOperation,
)
from xmldoc.patch_namespaces import adopt, adopt_attribute
from xmldoc.patch_selector import (
    Attribute,
    Located,
    Namespace,
    attribute_of,
    locate,
    parse_sel,
    parse_type,
)
from xmldoc.tree import XML, Document, Element, Node, Scope, join_name, split_name

POSITIONS: Final = frozenset({"before", "after", "prepend"})
WHITE_SPACE: Final = " \t\n\r"
XMLNS: Final = "http://www.w3.org/2000/xmlns/"
RESERVED: Final = frozenset({"xml", "xmlns"})
BEFORE: Final = frozenset({"before", "both"})
AFTER: Final = frozenset({"after", "both"})


def add(tree: Document, operation: Element, scope: Scope) -> None:
    """Add nodes, an attribute or the declaration of a prefix (§4.3)."""
    sel = parse_sel(_sel(operation), scope)
    if isinstance(sel.last, Attribute | Namespace):
        raise InvalidAttributeValue("nothing can be added to an attribute or a declaration")
    located = locate(tree, sel)
    match operation.attributes:
        case {"type": _, "pos": _}:
            raise InvalidAttributeValue("type and pos do not go together")
        case {"type": kind}:
            _add_property(located, kind, operation, scope)
        case {"pos": position} if position not in POSITIONS:
            raise InvalidAttributeValue(f"pos cannot be {position}")
        case {"pos": ("before" | "after") as position}:
            _insert(
                located.parent, located.siblings, located.index + (position == "after"), operation
            )
        case {"pos": _}:
            _insert(located, _target_element(located).children, 0, operation)
        case _:
            children = _target_element(located).children
            _insert(located, children, len(children), operation)


def replace(tree: Document, operation: Element, scope: Scope) -> None:
    """Replace a node, or the value of an attribute or declaration (§4.4)."""
    sel = parse_sel(_sel(operation), scope)
    located = locate(tree, sel)
    match sel.last:
        case Attribute(name):
            element = located.element
            element.attributes[attribute_of(element, name)] = _text(operation)
        case Namespace(prefix):
            _redeclare(located, prefix, _namespace(operation))
        case _ if isinstance(located.node, str):
            text = _text(operation)
            _splice(located.siblings, located.index, located.index + 1, [text] if text else [])
        case _:
            _replace_node(located, operation)


def remove(tree: Document, operation: Element, scope: Scope) -> None:
    """Remove a node, an attribute or a declaration (§4.5)."""
    sel = parse_sel(_sel(operation), scope)
    located = locate(tree, sel)
    space = operation.attributes.get("ws")
    if space is not None and (
        space not in BEFORE | AFTER
        or isinstance(sel.last, Attribute | Namespace)
        or isinstance(located.node, str)
    ):
        raise InvalidAttributeValue(f"ws cannot be {space} here")
    match sel.last:
        case Attribute(name):
            del located.element.attributes[attribute_of(located.element, name)]
        case Namespace(prefix):
            _undeclare(located, prefix)
        case _:
            _remove_node(located, space)


def scope_at(located: Located | None) -> dict[str, str]:
    """The namespaces in scope at an element, by prefix; none at the document."""
    if located is None:
        return {}
    return {**scope_at(located.parent), **located.element.declarations}


def _add_property(located: Located, kind: str, operation: Element, scope: Scope) -> None:
    """Add the attribute or declaration that `kind` names (§4.3.2, §4.3.3)."""
    element = _target_element(located)
    selected = parse_type(kind, scope)
    if isinstance(selected, Namespace):
        _declare(located, selected.prefix, _namespace(operation))
        return
    (attribute,), prefix = selected
    if any(split_name(name)[:2] == attribute for name in element.attributes):
        raise InvalidPatchDirective(f"there is an attribute {attribute.local} already")
    name = join_name(*attribute, prefix)
    element.attributes[adopt_attribute(name, element, scope_at(located))] = _text(operation)


def _declare(located: Located, prefix: str, namespace: str) -> None:
    """Declare `prefix` on an element where it stands for nothing else that is used."""
    element = located.element
    if prefix in element.declarations:
        raise InvalidNamespacePrefix(f"the prefix {prefix} is declared already")
    if scope_at(located).get(prefix, namespace) != namespace and _uses(element, prefix):
        raise InvalidNamespacePrefix(f"the prefix {prefix} is used for another namespace")
    _check_declaration(prefix, namespace)
    element.declarations[prefix] = namespace


def _redeclare(located: Located, prefix: str, namespace: str) -> None:
    """Change the namespace of `prefix`, and with it that of the names that use it (§4.4.3)."""
    element = located.element
    _check_declared(element, prefix)
    _check_declaration(prefix, namespace)
    changed = _rebound(element, prefix, namespace)
    changed.declarations[prefix] = namespace
    located.siblings[located.index] = changed


def _undeclare(located: Located, prefix: str) -> None:
    element = located.element
    _check_declared(element, prefix)
    if _uses(element, prefix):
        raise InvalidNamespacePrefix(f"the prefix {prefix} is still used")
    del element.declarations[prefix]


def _check_declared(element: Element, prefix: str) -> None:
    if prefix not in element.declarations:
        raise InvalidNamespaceUri(f"the prefix {prefix} is not declared on this element")


def _check_declaration(prefix: str, namespace: str) -> None:
    if prefix in RESERVED or namespace in ("", XML, XMLNS):
        raise InvalidNamespaceUri(f"{prefix} cannot be declared as {namespace or 'nothing'}")


def _uses(element: Element, prefix: str) -> bool:
    """Whether a name in `element` has `prefix` from `element` or what is around it."""
    names = (element.name, *element.attributes)
    return any(split_name(name).prefix == prefix for name in names) or any(
        isinstance(child, Element) and prefix not in child.declarations and _uses(child, prefix)
        for child in element.children
    )


def _rebound(element: Element, prefix: str, namespace: str) -> Element:
    """`element` with `namespace` for the names with `prefix`, unless declared again."""

    def name_of(name: str) -> str:
        _, local, written = split_name(name)
        return join_name(namespace, local, prefix) if written == prefix else name

    return Element(
        name_of(element.name),
        element.declarations,
        {name_of(name): value for name, value in element.attributes.items()},
        [
            _rebound(child, prefix, namespace)
            if isinstance(child, Element) and prefix not in child.declarations
            else child
            for child in element.children
        ],
    )


def _insert(parent: Located | None, siblings: list[Node], index: int, operation: Element) -> None:
    """Put the content of `operation` before child `index` of `parent` (§4.3.4, §4.3.5)."""
    content = operation.children
    if parent is None:
        content = _beside_root(content)
    _splice(siblings, index, index, _adopted(content, parent))


def _beside_root(content: Sequence[Node]) -> list[Node]:
    """What of `content` can stand beside the root element (§3)."""
    if any(isinstance(node, Element) for node in content):
        raise InvalidRootElementOperation("the root element has no sibling elements")
    if any(isinstance(node, str) and node.strip(WHITE_SPACE) for node in content):
        raise InvalidXmlPrologOperation("there is no text beside the root element")
    return [node for node in content if not isinstance(node, str)]


def _replace_node(located: Located, operation: Element) -> None:
    """Replace an element, comment or instruction by one of the same type."""
    match operation.children:
        case [node] if type(node) is type(located.node):
            located.siblings[located.index] = _adopted([node], located.parent)[0]
        case _:
            raise InvalidNodeTypes("the replacement must be one node of the same type")


def _remove_node(located: Located, space: str | None) -> None:
    if located.parent is None and isinstance(located.node, Element):
        raise InvalidRootElementOperation("the root element cannot be removed")
    siblings, start, stop = located.siblings, located.index, located.index + 1
    if space in BEFORE:
        start -= 1
    if space in AFTER:
        stop += 1
    removed = [*siblings[max(start, 0) : located.index], *siblings[located.index + 1 : stop]]
    if len(removed) != stop - start - 1 or not all(map(_is_space, removed)):
        raise InvalidWhitespaceDirective("there is no white space there")
    _splice(siblings, start, stop, [])


def _is_space(node: Node) -> bool:
    return isinstance(node, str) and not node.strip(WHITE_SPACE)


def _adopted(content: Sequence[Node], parent: Located | None) -> list[Node]:
    """`content` with the prefixes that it has below `parent`, the evaluation context."""
    preferred = "" if parent is None else split_name(parent.element.name).prefix
    return adopt(content, scope_at(parent), preferred)


def _splice(siblings: list[Node], start: int, stop: int, nodes: Sequence[Node]) -> None:
    """Put `nodes` in place of siblings; texts that become neighbours become one."""
    before = siblings[start - 1 : start] if start else []
    around = [*before, *nodes, *siblings[stop : stop + 1]]
    merged: list[Node] = []
    for node in around:
        if isinstance(node, str) and merged and isinstance(merged[-1], str):
            merged[-1] += node
        else:
            merged.append(node)
    siblings[start - len(before) : stop + 1] = merged


def _target_element(located: Located) -> Element:
    if not isinstance(located.node, Element):
        raise InvalidPatchDirective("only an element can be added to, want pos before or after")
    return located.node


def _sel(operation: Element) -> str:
    try:
        return operation.attributes["sel"]
    except KeyError:
        raise InvalidDiffFormat("an operation has no sel") from None


def _text(operation: Element) -> str:
    """The content of an operation that must be text."""
    match operation.children:
        case []:
            return ""
        case [str(text)]:
            return text
        case _:
            raise InvalidNodeTypes("the content must be text")


def _namespace(operation: Element) -> str:
    return _text(operation).strip(WHITE_SPACE)
