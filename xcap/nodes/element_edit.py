"""Elements put into documents and removed (RFC 4825 §8.2, §8.4). Pure."""

from typing import NamedTuple

from lxml import etree

from xcap.errors import (
    CannotInsert,
    ConstraintFailure,
    NotUtf8,
    NotXmlFragment,
    SchemaValidationError,
)
from xcap.nodes.evaluate import Resolved, ResolvedStep, child_at, element_at
from xcap.nodes.splice import Edited, check_encoding, no_parent, path_to, splice
from xmldoc import errors
from xmldoc.fragment import bare, parse_fragment
from xmldoc.spans import ElementSpan, element_span, tag_name


class Spot(NamedTuple):
    """Where among the children of an element a new one goes."""

    place: int
    """Number of elements before it."""
    neighbour: etree._Element | None
    """The child that it touches; None: right before the end tag of the parent."""
    before: bool = False
    """It goes before that child, else after it."""


def put_element(document: bytes, root: etree._Element, resolved: Resolved, body: bytes) -> Edited:
    """`document` with the element `body` as `resolved` says.

    Raises NoParent, NotXmlFragment, NotUtf8, ConstraintFailure for what is too large or
    too deep, and CannotInsert.
    """
    parents, last = resolved.steps[:-1], resolved.steps[-1]
    parent = element_at(root, parents) if parents else None
    if parents and parent is None:
        raise no_parent(root, resolved)
    fragment, body = _fragment(document, body, parent)
    if not _fits(fragment, last):
        raise CannotInsert("the element in the body is not one that the URI selects")
    target = element_at(root, resolved.steps) if parent is None else child_at(parent, last)
    if target is not None:
        span = element_span(document, target)
        return Edited(splice(document, span.start, span.end, body), False, path_to(target))
    if parent is None:
        raise CannotInsert("a document has one root element")
    spot = spot_for(parent, str(fragment.tag), last)
    path = (*path_to(parent), spot.place)
    return Edited(_insert(document, parent, spot, body), True, path)


def delete_element(document: bytes, element: etree._Element) -> bytes:
    """`document` without `element`; what is around it stays (§8.4).

    Raises SchemaValidationError for the root element.
    """
    if element.getparent() is None:
        raise SchemaValidationError("a document cannot be without its root element")
    span = element_span(document, element)
    return splice(document, span.start, span.end, b"")


def spot_for(parent: etree._Element, tag: str, step: ResolvedStep) -> Spot:
    """Where a new child called `tag` goes so that `step` selects it (§8.2.3).

    Without a position it is the last of its name, as early as can be, or else the last
    of all. With position n it has n - 1 others before it. Raises CannotInsert.
    """
    if step.position is None:
        last = next(parent.iterchildren(tag, reversed=True), None)
        return Spot(len(parent), None) if last is None else _after(parent, last)
    counted = list(parent.iterchildren(step.tag or "*"))
    if not 1 <= step.position <= len(counted) + 1:
        raise CannotInsert(f"there is no place number {step.position}")
    if step.position > 1:
        return _after(parent, counted[step.position - 2])
    if not counted:
        return Spot(len(parent), None)
    return Spot(parent.index(counted[0]), counted[0], before=True)


def _after(parent: etree._Element, child: etree._Element) -> Spot:
    return Spot(parent.index(child) + 1, child)


def _insert(document: bytes, parent: etree._Element, spot: Spot, body: bytes) -> bytes:
    if spot.neighbour is None:
        return _append(document, element_span(document, parent), body)
    span = element_span(document, spot.neighbour)
    offset = span.start if spot.before else span.end
    return splice(document, offset, offset, body)


def _append(document: bytes, parent: ElementSpan, body: bytes) -> bytes:
    """`document` with `body` right before the end tag of the element at `parent`."""
    if not parent.empty_tag:
        return splice(document, parent.content_end, parent.content_end, body)
    content = b">%s</%s>" % (body, tag_name(document, parent))
    return splice(document, parent.end - len(b"/>"), parent.end, content)


def _fragment(
    document: bytes, body: bytes, parent: etree._Element | None
) -> tuple[etree._Element, bytes]:
    """The element that `body` is as a child of `parent`, and its octets (§8.2.2)."""
    body = bare(body)
    check_encoding(document, body)
    try:
        return parse_fragment(body, {} if parent is None else parent.nsmap), body
    except errors.NotUtf8 as error:
        raise NotUtf8(str(error)) from None
    except (errors.NotWellFormed, errors.Forbidden) as error:
        raise NotXmlFragment(str(error)) from None
    except errors.XmlError as error:
        raise ConstraintFailure(str(error)) from None


def _fits(element: etree._Element, step: ResolvedStep) -> bool:
    """Whether `step` could select `element`, its position aside."""
    if step.tag is not None and element.tag != step.tag:
        return False
    return step.attribute is None or element.get(step.attribute) == step.value
