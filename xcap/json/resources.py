"""What the JSON view serves, and which part of which document each resource is. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from xcap.errors import BadRequest, NotFound
from xcap.json import contacts, rules
from xcap.json.values import JsonObject
from xcap.methods import READ_ONLY, READ_WRITE
from xcap.nodes.selector import NodeSelector
from xcap.uri import CONTROL, Tree, XcapUri, decode
from xcap.usage import Usage
from xcap.usages import pres_rules, resource_lists

PREFIX: Final = "/api/v1/users/"
DOCUMENT: Final = "index"
"""The document of a user that is shown, of each usage."""


@dataclass(frozen=True, slots=True)
class Node:
    """How a resource is written."""

    selector: Callable[..., NodeSelector]
    """Takes the names in the path."""
    element: Callable[..., bytes]
    """Makes the element from the document, its tree, the JSON body, and the names."""
    empty: bytes
    """The document that the first one is put into."""
    query: str = ""
    """Bindings of the prefixes in the selector."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of resource."""

    path: tuple[str | None, ...]
    """Segments below a user; None stands for a name."""
    usage: Usage
    show: Callable[..., JsonObject]
    """Takes the root element and the names in the path."""
    node: Node | None = None
    """None: it is read only."""

    @property
    def methods(self) -> tuple[str, ...]:
        return READ_ONLY if self.node is None else READ_WRITE


class Target(NamedTuple):
    """One resource of one user."""

    resource: Resource
    xui: str
    names: tuple[str, ...]

    def document(self) -> XcapUri:
        """The document that it is a part of."""
        return XcapUri(self.resource.usage.auid, Tree.USERS, self.xui, DOCUMENT)

    def node(self, node: Node) -> XcapUri:
        """The element that it is, written as `node` says."""
        usage, selector = self.resource.usage, str(node.selector(*self.names))
        return XcapUri(usage.auid, Tree.USERS, self.xui, DOCUMENT, selector, node.query)


LIST: Final = Node(contacts.list_selector, contacts.list_element, contacts.EMPTY)
CONTACT: Final = Node(contacts.contact_selector, contacts.contact_element, contacts.EMPTY)
RULE: Final = Node(rules.rule_selector, rules.rule_element, rules.EMPTY, rules.QUERY)

LISTS_USAGE: Final = resource_lists.USAGE
RULES_USAGE: Final = pres_rules.USAGE
RESOURCES: Final = (
    Resource(("contacts",), LISTS_USAGE, contacts.show_contacts),
    Resource(("lists",), LISTS_USAGE, contacts.show_lists),
    Resource(("lists", None), LISTS_USAGE, contacts.show_list, LIST),
    Resource(("lists", None, "contacts", None), LISTS_USAGE, contacts.show_contact, CONTACT),
    Resource(("rules",), RULES_USAGE, rules.show_rules),
    Resource(("rules", None), RULES_USAGE, rules.show_rule, RULE),
)


def parse_target(target: str) -> Target:
    """The resource at request target `target`. Raises NotFound and BadRequest."""
    path = target.partition("?")[0].removeprefix(PREFIX)
    xui, *segments = map(_segment, path.split("/"))
    for resource in RESOURCES:
        names = _names(resource.path, segments)
        if names is not None:
            return Target(resource, xui, names)
    raise NotFound("there are contacts, lists and rules of a user here")


def _names(path: tuple[str | None, ...], segments: list[str]) -> tuple[str, ...] | None:
    """The names in `segments`, or None when they are not of the form of `path`."""
    if len(path) != len(segments):
        return None
    pairs = list(zip(path, segments, strict=True))
    if any(wanted not in (None, segment) for wanted, segment in pairs):
        return None
    return tuple(segment for wanted, segment in pairs if wanted is None)


def _segment(text: str) -> str:
    text = decode(text)
    if not text:
        raise NotFound("a segment of the path is empty")
    if CONTROL.search(text):
        raise BadRequest("control characters are not allowed in the path")
    return text
