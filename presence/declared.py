"""Event packages that are only declared: a name, media types, and what a PUBLISH left. Pure.

The state is the newest publication, as it was published; a watcher who accepts one type of
several is shown the newest of that type. Without any there is a NOTIFY without a body
(RFC 6665 §5.4.7). Nothing is merged: what an operator's documents mean is not known here.
"""

import json
from dataclasses import dataclass
from typing import Final

from presence.errors import BadBody
from presence.package import EventPackage, PackageState
from presence.view import View
from sip.uri import AoR
from xmldoc.errors import XmlError
from xmldoc.parse import parse

NOTHING: Final = b""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the operator says of a package."""

    name: str
    types: tuple[str, ...]
    """Media types of its NOTIFYs, the default first."""
    publish_types: tuple[str, ...] = ()
    """Media types of its PUBLISHes, some of `types`; none means that nobody publishes."""
    interval: float = 0.0
    """Seconds between two NOTIFYs of one subscription after a change."""


def declared_package(declaration: Declaration) -> EventPackage:
    """The record of a package that was declared."""
    return EventPackage(
        name=declaration.name,
        content_types=declaration.types,
        compose=compose,
        min_interval=declaration.interval,
        publish_types=declaration.publish_types,
        check_body=check_body,
        render=render if len(declaration.types) > 1 else None,
    )


def compose(aor: AoR, state: PackageState) -> bytes:
    """The newest publication."""
    return _newest(state, None)


def render(aor: AoR, state: PackageState, document: bytes, view: View) -> bytes:
    """The newest publication of the type that the watcher takes."""
    return _newest(state, view.content_type)


def _newest(state: PackageState, content_type: str | None) -> bytes:
    fitting = [one for one in state.publications if content_type in (None, one.content_type)]
    return max(fitting, key=lambda one: (one.published_at, one.id)).body if fitting else NOTHING


def check_body(body: bytes, content_type: str, aor: AoR) -> None:
    """Raise BadBody for XML that is not well-formed, or has a DTD, and JSON that is none."""
    kind = content_type.rpartition("/")[2]
    if kind == "xml" or kind.endswith("+xml"):
        _check_xml(body)
    elif kind == "json" or kind.endswith("+json"):
        _check_json(body)


def _check_xml(body: bytes) -> None:
    try:
        parse(body)
    except XmlError as error:
        raise BadBody(str(error)) from None


def _check_json(body: bytes) -> None:
    try:
        json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadBody(f"is not JSON: {error}") from None
