"""Patch operations as they are written (RFC 5261 §4). Pure.

An operation that stands alone declares the namespaces of its selector and of its content,
under the prefixes that the new document has in scope there, and its own namespace under a
prefix that is none of those. So it can be put into any document, and whoever applies it
finds the same prefixes in the target (§4.2.3). A default namespace is declared where a
name without prefix is used, as xmlns="" where that name is in no namespace.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from xmldoc.patch_namespaces import fresh
from xmldoc.tree import (
    XML,
    Element,
    Node,
    Scope,
    qualified,
    split_name,
    write_declarations,
    write_node,
    write_value,
)

PREFIX: Final = "d"


class Place(NamedTuple):
    """An element of a document that is being patched."""

    parent: "Place | None"
    """None for the root element."""
    name: str
    position: int | None
    """Among its siblings of the same name; None when it cannot have any."""
    ordinal: int
    """Among all elements that are its siblings, from 1 on."""


class Target(NamedTuple):
    """What an operation selects."""

    place: Place | None
    """The element itself, or the parent of what `last` selects; None for the document."""
    last: str = ""
    """Step that selects another node than an element."""
    attribute: str = ""
    """Name of the attribute that is selected."""


class Change(NamedTuple):
    """One operation."""

    directive: str
    target: Target
    options: Mapping[str, str] = {}
    """Values of type, pos and ws."""
    content: Sequence[Node] = ()
    added: str = ""
    """Name of the attribute that is added, for the option type."""


class Words(NamedTuple):
    """One operation, but for the prefix of its own namespace."""

    directive: str
    options: Mapping[str, str]
    """Values of its attributes."""
    content: str
    bindings: Scope
    """The namespaces that its selector and its content need."""


class Together(NamedTuple):
    """Operations that are children of one element, which declares what they share."""

    prefix: str
    """Of the namespace of the operations."""
    declarations: str
    """As they are written in the start tag of that element."""
    operations: str


def print_change(change: Change, namespace: str) -> str:
    """`change` as an element of `namespace`."""
    words = _words(change)
    prefix = fresh(PREFIX, words.bindings)
    return _write(words, prefix, {prefix: namespace, **words.bindings})


def print_together(changes: Iterable[Change], namespace: str, root: str) -> Together:
    """`changes` as elements of `namespace`, with `root` as the step to the root element.

    A prefix that stands for two namespaces among them is declared by those that come later.
    """
    all_words = [_words(change, root) for change in changes]
    shared: dict[str, str] = {}
    for words in all_words:
        for bound, of in words.bindings.items():
            shared.setdefault(bound, of)
    prefix = fresh(PREFIX, shared)
    operations = [
        _write(words, prefix, {k: v for k, v in words.bindings.items() if shared[k] != v})
        for words in all_words
    ]
    declarations = write_declarations({prefix: namespace, **shared})
    return Together(prefix, declarations, "".join(operations))


def _words(change: Change, root: str = "") -> Words:
    """`change` with its selector written, whose first step is `root` unless that is empty."""
    bindings = _bindings(change)
    options = {"sel": _selector(change.target, bindings, root), **change.options}
    if change.added:
        options["type"] = f"@{qualified(change.added)}"
    content = "".join(map(write_node, change.content))
    return Words(change.directive, options, content, bindings)


def _write(words: Words, prefix: str, declarations: Scope) -> str:
    tag = f"{prefix}:{words.directive}"
    attributes = "".join(f" {name}={write_value(value)}" for name, value in words.options.items())
    start = f"<{tag}{write_declarations(declarations)}{attributes}"
    return f"{start}>{words.content}</{tag}>" if words.content else f"{start}/>"


def _bindings(change: Change) -> dict[str, str]:
    """The namespaces that must be in scope, but for those of the selector's steps."""
    bindings: dict[str, str] = {}
    for node in change.content:
        _bind_free(node, frozenset(), bindings)
    for name in (change.target.attribute, change.added):
        _bind_attribute(name, frozenset(), bindings)
    return bindings


def _bind_free(node: Node, declared: frozenset[str], bindings: dict[str, str]) -> None:
    """Put into `bindings` what the names of `node` use and do not declare themselves."""
    if not isinstance(node, Element):
        return
    if node.declarations:
        declared = declared.union(node.declarations)
    namespace, _, prefix = split_name(node.name)
    if prefix not in declared and namespace != XML:
        bindings[prefix] = namespace
    for name in node.attributes:
        _bind_attribute(name, declared, bindings)
    for child in node.children:
        _bind_free(child, declared, bindings)


def _bind_attribute(name: str, declared: frozenset[str], bindings: dict[str, str]) -> None:
    namespace, _, prefix = split_name(name)
    if prefix and prefix not in declared and namespace != XML:
        bindings[prefix] = namespace


def _selector(target: Target, bindings: dict[str, str], root: str) -> str:
    """The selector of `target`; what its steps need is added to `bindings`.

    A step whose prefix stands for something else in `bindings` goes by position alone.
    """
    steps: list[str] = []
    place = target.place
    while place is not None:
        own = root if place.parent is None else ""
        steps.append(own or _step(place, bindings))
        place = place.parent
    steps.reverse()
    if target.last:
        steps.append(target.last)
    if target.attribute:
        steps.append(f"@{qualified(target.attribute)}")
    return "/".join(steps)


def _step(place: Place, bindings: dict[str, str]) -> str:
    namespace, _, prefix = split_name(place.name)
    if namespace != XML and bindings.setdefault(prefix, namespace) != namespace:
        return f"*[{place.ordinal}]" if place.parent else "*"
    position = "" if place.position is None else f"[{place.position}]"
    return f"{qualified(place.name)}{position}"
