"""Prefixes of what a patch adds, fitted to the document it is added to (RFC 5261 §4.2.3).

Namespaces that the content declares itself stay as they are. Those that it has from the
difference document around it are declared in the target too, mostly under another
prefix, and the names change to that; one that is not declared there is declared on the
element that needs it. Pure.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import count

from xmldoc.tree import XML, Element, Node, Scope, join_name, split_name


def adopt(nodes: Iterable[Node], target: Scope, preferred: str) -> list[Node]:
    """`nodes` as they are in a place where `target` is in scope.

    `preferred` is the prefix of the evaluation context node, the parent to be.
    """
    return [
        _adopt_element(node, target, preferred) if isinstance(node, Element) else node
        for node in nodes
    ]


def adopt_attribute(name: str, element: Element, target: Scope) -> str:
    """Attribute `name` as it is called on `element`, where `target` is in scope.

    Declares the namespace on `element` when nothing in scope does.
    """
    namespace, local, prefix = split_name(name)
    if not prefix or namespace == XML:
        return name
    chosen = choose(namespace, prefix, _for_attributes(target), split_name(element.name).prefix)
    if chosen is None:
        chosen = fresh(prefix, target)
        element.declarations[chosen] = namespace
    return join_name(namespace, local, chosen)


def choose(namespace: str, prefix: str, target: Scope, preferred: str) -> str | None:
    """Which prefix of `target` stands for `namespace`, written `prefix` in the difference.

    The same prefix; or that of the context node; or of all that there are, in order,
    the last that is not after `prefix`, else the first. None when there is none.
    """
    for candidate in (prefix, preferred):
        if target.get(candidate) == namespace:
            return candidate
    prefixes = sorted(known for known, bound in target.items() if bound == namespace)
    if not prefixes:
        return None
    return prefixes[max(bisect_right(prefixes, prefix) - 1, 0)]


def fresh(prefix: str, taken: Iterable[str]) -> str:
    """`prefix`, with a number if need be, so that it is not among those `taken`."""
    taken = frozenset(taken)
    if prefix not in taken:
        return prefix
    return next(name for number in count(1) if (name := f"{prefix}{number}") not in taken)


def _adopt_element(element: Element, target: Scope, preferred: str) -> Element:
    declarations = dict(element.declarations)
    scope = {**target, **declarations}
    name = _adopt_element_name(element.name, declarations, scope, preferred)
    attributes = {
        _adopt_attribute_name(attribute, declarations, scope, preferred): value
        for attribute, value in element.attributes.items()
    }
    return Element(name, declarations, attributes, adopt(element.children, scope, preferred))


def _adopt_element_name(
    name: str, declarations: dict[str, str], scope: dict[str, str], preferred: str
) -> str:
    """The new name; what must be declared for it goes into `declarations` and `scope`."""
    namespace, local, prefix = split_name(name)
    if not namespace:
        if scope.get(""):
            declarations[""] = scope[""] = ""
        return name
    if namespace == XML:
        return name
    chosen = choose(namespace, prefix, scope, preferred)
    if chosen is None:
        chosen = prefix if not prefix or prefix not in scope else fresh(prefix, scope)
        declarations[chosen] = scope[chosen] = namespace
    return join_name(namespace, local, chosen)


def _adopt_attribute_name(
    name: str, declarations: dict[str, str], scope: dict[str, str], preferred: str
) -> str:
    namespace, local, prefix = split_name(name)
    if not prefix or namespace == XML:
        return name
    chosen = choose(namespace, prefix, _for_attributes(scope), preferred)
    if chosen is None:
        chosen = fresh(prefix, scope)
        declarations[chosen] = scope[chosen] = namespace
    return join_name(namespace, local, chosen)


def _for_attributes(scope: Scope) -> Scope:
    """`scope` without the default namespace, which attributes do not have."""
    return {prefix: namespace for prefix, namespace in scope.items() if prefix}
