"""The presence document that `presentity publish` sends (RFC 3863 §4). Pure."""

from typing import Final
from xml.sax.saxutils import escape, quoteattr

PIDF: Final = "urn:ietf:params:xml:ns:pidf"
TUPLE_ID: Final = "presentity"


def presence_body(entity: str, basic: str, note: str | None) -> bytes:
    """A document of one tuple: `entity` is a SIP URI, `basic` open or closed."""
    said = "" if note is None else f"\n    <note>{escape(note)}</note>"
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="{PIDF}" entity={quoteattr(entity)}>
  <tuple id="{TUPLE_ID}">
    <status><basic>{escape(basic)}</basic></status>{said}
  </tuple>
</presence>
""".encode()
