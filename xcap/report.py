"""The body of a 409: what was in conflict (RFC 4825 §11). Pure."""

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from xcap.errors import Conflict, Exists, Extension, NoParent, UniquenessFailure

MEDIA_TYPE: Final = "application/xcap-error+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:xcap-error"

NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold (XML 1.0 §2.2)."""


def render(conflict: Conflict) -> bytes:
    """The xcap-error document that says `conflict`."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<xcap-error xmlns="{NAMESPACE}">{_condition(conflict)}</xcap-error>\n'
    ).encode()


def _condition(conflict: Conflict) -> str:
    if isinstance(conflict, Extension):  # the one condition without a phrase, §11.2
        return f"<extension>{conflict.content.decode()}</extension>"
    name = conflict.element
    return f"<{name} phrase={quoteattr(_clean(conflict.phrase))}>{_details(conflict)}</{name}>"


def _details(conflict: Conflict) -> str:
    match conflict:
        case NoParent(ancestor=str(ancestor)):
            return f"<ancestor>{escape(_clean(ancestor))}</ancestor>"
        case UniquenessFailure(exists=exists):
            return "".join(map(_exists, exists))
        case _:
            return ""


def _exists(value: Exists) -> str:
    alternatives = "".join(
        f"<alt-value>{escape(_clean(text))}</alt-value>" for text in value.alternatives
    )
    return f"<exists field={quoteattr(_clean(value.field))}>{alternatives}</exists>"


def _clean(text: str) -> str:
    return NOT_XML.sub("\ufffd", text)
