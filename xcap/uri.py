"""XCAP URIs, taken apart (RFC 4825 §6). Pure.

A URI is the root, an AUID, "global" or "users" and an XUI, the path of a document,
and perhaps "~~" and a node selector, with bindings of prefixes in the query. What
comes out is decoded, except that it is never decoded twice, and is safe to use as a
key: no empty, "." or ".." segments, no encoded slash, no control characters, and
UTF-8 throughout.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from sip.errors import ParseError
from sip.uri import AoR, aor_of
from xcap.errors import BadRequest, NotFound, UriTooLong

MAX_TARGET: Final = 4096
MAX_SEGMENT: Final = 255
"""Characters of an XUI or of one segment of a document's path."""
MAX_PATH: Final = 512
"""Characters of a document's path in all."""

SEPARATOR: Final = "~~"
PCHAR: Final = "!$&'()*+,;=:@-._~"
"""What stands in a path segment as it is, beside letters and digits (RFC 3986 §3.3)."""

QUERY_CHARS: Final = PCHAR + "/?"
"""What stands in a query component as it is (RFC 3986 §3.4)."""

SEGMENT_START: Final = r"A-Za-z0-9:@+_"
SEGMENT: Final = SEGMENT_START + r".=;,$&!*'()\-"
REMEMBERED_OWNERS: Final = 8192
SIP_URI_CHARS: Final = PCHAR + "%/?[]"
"""What stands in a SIP URI as it is; escapes that were in the XUI stay."""

PLAIN: Final = re.compile(
    rf"[{SEGMENT_START}][{SEGMENT}]{{0,254}}(?:/[{SEGMENT_START}][{SEGMENT}]{{0,254}}){{0,4}}"
)
"""Nearly every target: short, with nothing to decode, no empty, dot or "~~" segment."""

ORIGIN: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
SLASH: Final = re.compile(r"[/\\]")
TEL_SEPARATORS: Final = re.compile(r"[-.()]")
"""visual-separator of RFC 3966 §3."""
NOT_UTF_8: Final = re.compile(r"[\ud800-\udfff]")
"""What octets of a header field that are not UTF-8 are read as."""


class Tree(StrEnum):  # RFC 4825 §6.2
    GLOBAL = "global"
    USERS = "users"


@dataclass(frozen=True, slots=True)
class XcapUri:
    """One request target below the XCAP root."""

    auid: str
    tree: Tree
    xui: str
    """As the client wrote it, decoded; empty in the global tree. See `owner_of`."""
    path: str
    """Of the document below its directory; segments joined by slashes. Empty where the URI
    names an application usage and nothing in it."""
    node_selector: str | None = None
    """What follows "~~", decoded."""
    query: str = ""
    """The bindings of prefixes, decoded: `xmlns(p=uri)…` (§6.4)."""

    def directory(self, root: str) -> str:
        """The URI path of the user's home directory or of the global tree."""
        parts = [self.auid, self.tree] + ([self.xui] if self.tree is Tree.USERS else [])
        return root + "".join("/" + quote(part, safe=PCHAR) for part in parts) + "/"


def parse(target: str, root: str) -> XcapUri:
    """Request target `target` below `root` ("/xcap-root" or "").

    Raises UriTooLong (414), BadRequest (400: escapes, encoding, unsafe segments) and
    NotFound (404: not below the root, or a directory rather than a document).
    """
    if len(target) > MAX_TARGET:
        raise UriTooLong(f"the request target is longer than {MAX_TARGET} characters")
    path, _, query = origin_form(target).partition("?")
    if not path.startswith(root + "/"):
        raise NotFound(f"XCAP documents are below {root}/")
    below = path[len(root) + 1 :]
    segments = below.split("/")
    if PLAIN.fullmatch(below):
        return _document(segments, None, decode(query))
    segments, node_selector = _split_node_selector(segments)
    return _document(
        [_segment(text) for text in segments],
        None if node_selector is None else decode(node_selector),
        decode(query),
    )


@lru_cache(maxsize=REMEMBERED_OWNERS)
def owner_of(xui: str, default_domain: str) -> AoR:
    """The user that `xui` names: sip:u@d, u@d, u in the default domain, or tel:.

    Raises NotFound for what can name no user.
    """
    if len(xui) > MAX_SEGMENT or NOT_UTF_8.search(xui):  # of a header field, not a path
        raise NotFound("no such user")
    scheme = xui[:4].lower()
    if scheme == "tel:":
        return AoR("tel:" + TEL_SEPARATORS.sub("", xui[4:].partition(";")[0]))
    if scheme != "sip:" and not xui.lower().startswith(("sips:", "pres:")):
        xui = f"sip:{xui}" if "@" in xui else f"sip:{xui}@{default_domain}"
    try:
        owner = aor_of(quote(xui, safe=SIP_URI_CHARS))
    except ParseError:
        raise NotFound("no such user") from None
    if "@" not in owner:
        raise NotFound("no such user")
    return owner


def decode(text: str) -> str:
    """`text` with percent-escapes decoded once, as UTF-8. Raises BadRequest."""
    if "%" not in text and text.isascii():
        return text
    if BAD_ESCAPE.search(text):
        raise BadRequest("a percent sign in the URI is not followed by two hex digits")
    try:
        return unquote_to_bytes(text.encode(errors="surrogateescape")).decode()
    except UnicodeDecodeError:
        raise BadRequest("the URI is not UTF-8") from None


def origin_form(target: str) -> str:
    """The path and query of an absolute target (RFC 9112 §3.2.2), or `target` itself."""
    if target.startswith("/"):
        return target
    origin = ORIGIN.match(target)
    if origin is None:
        raise BadRequest("the request target is neither a path nor an HTTP URI")
    return target[origin.end() :]


def _split_node_selector(segments: list[str]) -> tuple[list[str], str | None]:
    """Split at the first "~~", which may be percent-encoded (§6)."""
    for position, segment in enumerate(segments):
        if segment == SEPARATOR or ("%7" in segment and decode(segment) == SEPARATOR):
            return segments[:position], "/".join(segments[position + 1 :])
    return segments, None


def _segment(text: str) -> str:
    """One decoded segment, safe as part of a key except that an XUI may hold a slash."""
    text = decode(text)
    if len(text) > MAX_SEGMENT:
        raise UriTooLong(f"a segment of the path is longer than {MAX_SEGMENT} characters")
    if text in (".", "..") or CONTROL.search(text):
        raise BadRequest("dot segments and control characters are not allowed in the path")
    return text


def _document(segments: list[str], node_selector: str | None, query: str) -> XcapUri:
    """The URI made of decoded `segments`: AUID, tree, XUI in the users tree, path.

    An AUID alone is where some usages are posted to; its path is empty.
    """
    match segments:
        case [auid] | [auid, ""] if auid and node_selector is None:
            return XcapUri(auid, Tree.GLOBAL, "", "", None, query)
        case [auid, Tree.GLOBAL, *path] if path:
            return XcapUri(auid, Tree.GLOBAL, "", _path(path), node_selector, query)
        case [auid, Tree.USERS, xui, *path] if path and xui:
            return XcapUri(auid, Tree.USERS, xui, _path(path), node_selector, query)
        case _:
            raise NotFound("this is no document: want AUID/users/XUI/name or AUID/global/name")


def _path(segments: list[str]) -> str:
    if not all(segments):
        raise NotFound("this is a directory, not a document")
    path = "/".join(segments)
    if any(map(SLASH.search, segments)):
        raise BadRequest("a slash inside a segment of a document's path is not allowed")
    if len(path) > MAX_PATH:
        raise UriTooLong(f"the document's path is longer than {MAX_PATH} characters")
    return path
