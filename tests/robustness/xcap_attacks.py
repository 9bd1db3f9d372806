"""XCAP requests that are meant to harm, each with the statuses that may answer it (XCP-17).

A request is a list of pieces so that 50 MB need not be kept; its connection is closed by the
server or, where that is said, by the client.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

ALICE: Final = "sip:alice@example.com"
DOCUMENT: Final = f"/xcap-root/resource-lists/users/{ALICE}/index"
LIST: Final = f"{DOCUMENT}/~~/resource-lists/list%5B1%5D"
ENTRY: Final = f"{LIST}/entry%5B@uri=%22sip:evil@example.com%22%5D"
ATTRIBUTE: Final = f"{LIST}/@name"
LISTS: Final = "application/resource-lists+xml"
ELEMENT: Final = "application/xcap-el+xml"
VALUE: Final = "application/xcap-att+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:resource-lists"

MEGABYTE: Final = 1_000_000
HARMLESS: Final = {
    "many prefixes",
    "many elements",
    "quotation marks",
    "both kinds of quotation marks",
}
"""What is odd and within all bounds, so that it is written as it is."""
BOMB: Final = 50 * MEGABYTE
"""Octets of the largest body."""
DEEP: Final = 10_000
"""Elements within each other."""

ATTRIBUTES: Final = " ".join(f"a{number}=''" for number in range(20_000))
PREFIXES: Final = " ".join(f"xmlns:p{number}='u'" for number in range(9_000))
OTHERS: Final = "".join(f"<x:a{number}/>" for number in range(10_000))
"""Elements of another namespace, each of which a validator compares with it."""
LAUGHS: Final = "".join(
    ["<!DOCTYPE lol [<!ENTITY l0 'ha'>"]
    + [f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10)]
    + ["]>"]
)
EXTERNAL: Final = "<!DOCTYPE x [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
PARAMETER: Final = "<!DOCTYPE x [<!ENTITY % x SYSTEM 'http://127.0.0.1:9/'> %x;]>"
SUBSET: Final = "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>"


@dataclass(frozen=True, slots=True)
class Attack:
    """One request and what may come of it."""

    name: str
    pieces: Iterable[bytes]
    statuses: frozenset[int]


def head(method: str, target: str, *fields: str) -> bytes:
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: x",
        "Connection: close",
        f'X-3GPP-Asserted-Identity: "{ALICE}"',
        *fields,
    ]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def put(
    target: str, media_type: str, body: bytes, *fields: str, method: str = "PUT"
) -> list[bytes]:
    length = f"Content-Length: {len(body)}"
    return [head(method, target, f"Content-Type: {media_type}", length, *fields), body]


def document(inside: str, before: str = "", root: str = "resource-lists") -> bytes:
    return f'{before}<{root} xmlns="{NAMESPACE}">{inside}</{root}>'.encode()


def nested(name: str, depth: int) -> str:
    return f"<{name}>" * depth + f"</{name}>" * depth


def attack(name: str, pieces: Iterable[bytes], *statuses: int) -> Attack:
    return Attack(name, pieces, frozenset(statuses))


def _documents() -> list[Attack]:
    """Bodies of whole documents."""
    bodies = {
        "billion laughs": document("<list><entry uri='&l9;'/></list>", LAUGHS),
        "laughs as text": document("<list><display-name>&l9;</display-name></list>", LAUGHS),
        "an external entity": document("<list name='a'>&x;</list>", EXTERNAL),
        "an external parameter entity": document("<list/>", PARAMETER),
        "an external subset": document("<list/>", SUBSET),
        "an entity that nobody declared": document("<list name='&x;'/>"),
        "deep elements": document(nested("list", DEEP)),
        "deep elements that do not end": document("<list>" * DEEP),
        "many attributes": document(f"<list {ATTRIBUTES}/>"),
        "the same attribute twice": document("<list name='a' name='a'/>"),
        "a long name": document(f"<{'x' * 200_000}/>"),
        "many prefixes": document(f"<list {PREFIXES}/>"),
        "many elements": document("<list/>" * 30_000),
        "a long namespace": document(f"<list xmlns:x='{'n' * 140_000}'>{OTHERS}</list>"),
        "a NUL": document("<list name='a\x00b'/>"),
        "an escaped NUL": document("<list name='&#0;'/>"),
        "a surrogate": document("<list name='").replace(b"'", b"'\xed\xa0\x80'/>"),
        "overlong UTF-8": document("<list name='").replace(b"'", b"'\xc0\xaf'/>"),
        "UTF-16": "<?xml version='1.0' encoding='UTF-16'?><a/>".encode("utf-16"),
        "UTF-7": b"<?xml version='1.0' encoding='UTF-7'?><a/>",
        "an encoding of nobody's": b"<?xml version='1.0' encoding='x-none'?><a/>",
        "two roots": document("<list/>") * 2,
        "an instruction that never ends": b"<?x " + b"y" * 200_000,
        "a comment that never ends": b"<!-- " + b"-" * 200_000,
        "character data that never ends": document("<list><![CDATA[" + "]" * 200_000),
        "an include": document(
            "<x:include xmlns:x='http://www.w3.org/2001/XInclude' href='/etc/passwd'/>"
        ),
    }
    return [
        attack(f"document: {name}", put(DOCUMENT, LISTS, body), 200 if name in HARMLESS else 409)
        for name, body in bodies.items()
    ]


def _nodes() -> list[Attack]:
    """Bodies of elements and attributes, which become part of a document."""
    good = '<entry uri="sip:evil@example.com"/>'
    elements = {
        "billion laughs": LAUGHS + good.replace("sip", "&l9;"),
        "an external entity": EXTERNAL + good.replace("/>", ">&x;</entry>"),
        "an entity": good.replace("sip", "&x;"),
        "deep elements": nested("list", DEEP),
        "deep elements inside": good.replace("/>", f">{nested('x', DEEP)}</entry>"),
        "two elements": good * 2,
        "an end too many": good + "</list>",
        "out of the list and in again": f"{good}</list><list name='x'>{good}",
        "an instruction": f"<?xml version='1.0'?>{good}<?x y?>",
        "a prefix of nobody's": "<x:entry uri='sip:evil@example.com'/>",
        "nothing": "",
        "words": "hello",
        "a NUL": good.replace("evil", "ev\x00il"),
        "many attributes": f"<entry uri='u' {ATTRIBUTES}/>",
        "an open comment": f"{good}<!--",
        "open character data": "<![CDATA[" + good,
    }
    values = {
        "billion laughs": "&l9;",
        "an entity": "&x;",
        "quotation marks": 'x" onload="y',
        "both kinds of quotation marks": 'x" \'y"',
        "an element": '"/><list name="b',
        "a less-than sign": "<",
        "an ampersand": "&",
        "a NUL": "a\x00b",
        "an escaped NUL": "&#0;",
        "a large number": f"&#{'9' * 1000};",
        "overlong UTF-8": "\udcc0\udcaf",
    }
    return [
        attack(f"element: {name}", put(ENTRY, ELEMENT, body.encode()), 409)
        for name, body in elements.items()
    ] + [
        attack(
            f"attribute: {name}",
            put(ATTRIBUTE, VALUE, body.encode("utf-8", "surrogateescape")),
            200 if name in HARMLESS else 409,
        )
        for name, body in values.items()
    ]


def _targets() -> list[Attack]:
    """Request targets; nothing is below them."""
    below = f"/xcap-root/resource-lists/users/{ALICE}"
    targets: dict[str, tuple[str, tuple[int, ...]]] = {
        "dots": (f"{below}/../../../../etc/passwd", (400,)),
        "encoded dots": (f"{below}/%2e%2e/%2E%2E/etc/passwd", (400,)),
        "half encoded dots": (f"{below}/.%2e/%2E./x", (400,)),
        "dots for a user": ("/xcap-root/resource-lists/users/../index", (400,)),
        "dots for a usage": ("/xcap-root/../etc/passwd", (400, 404)),
        "encoded slashes": (f"{below}/..%2f..%2fetc%2fpasswd", (400,)),
        "an encoded slash": (f"{below}/a%2fb", (400,)),
        "an encoded backslash": (f"{below}/a%5cb", (400,)),
        "slashes encoded twice": (f"{below}/a%252fb", (404,)),
        "a raw backslash": (f"{below}/a\\b", (400,)),
        "an encoded NUL": (f"{below}/index%00.xml", (400,)),
        "a raw NUL": (f"{below}/index\x00", (400,)),
        "a NUL in a selector": (f"{DOCUMENT}/~~/resource-lists/list%5B@name=%22%00%22%5D", (400,)),
        "overlong slash": (f"{below}/%c0%af", (400,)),
        "overlong dot": (f"{below}/%c0%ae%c0%ae/x", (400,)),
        "overlong NUL": (f"{below}/%c0%80", (400,)),
        "overlong in three": (f"{below}/%e0%80%af", (400,)),
        "overlong in four": (f"{below}/%f0%80%80%af", (400,)),
        "a surrogate": (f"{below}/%ed%a0%80", (400,)),
        "beyond Unicode": (f"{below}/%f4%90%80%80", (400,)),
        "half a character": (f"{below}/%e2%82", (400,)),
        "raw UTF-8": (f"{below}/\u00e9", (400,)),
        "overlong in a selector": (f"{DOCUMENT}/~~/%c0%af", (400,)),
        "half an escape": (f"{below}/a%2", (400,)),
        "no escape": (f"{below}/a%zz", (400,)),
        "a line break": (f"{below}/a%0d%0aX-Injected:%20y", (400,)),
        "1,000 steps": (f"{DOCUMENT}/~~{'/*' * 1000}", (400,)),
        "1,000 positions": (f"{DOCUMENT}/~~/resource-lists{'%5B1%5D' * 500}", (400, 404, 414)),
        "a huge position": (f"{DOCUMENT}/~~/resource-lists/list%5B{'9' * 2000}%5D", (400, 404)),
        "a selector of 4,000": (f"{DOCUMENT}/~~/{'x' * 3900}", (400, 404)),
        "a selector of 8,000": (f"{DOCUMENT}/~~/{'x' * 7900}", (414,)),
        "a selector of a megabyte": (f"{DOCUMENT}/~~/{'x' * MEGABYTE}", (414,)),
        "an XPath function": (f"{DOCUMENT}/~~/document('file:///etc/passwd')", (400, 404)),
        "an axis": (f"{DOCUMENT}/~~/descendant-or-self::node()", (400, 404)),
        "a predicate of XPath": (f"{DOCUMENT}/~~/*%5Bcount(//*)%3E0%5D", (400, 404)),
        "quotes that do not end": (f"{DOCUMENT}/~~/*%5B@a=%22{'b' * 1000}", (400, 404)),
        "brackets": (f"{DOCUMENT}/~~/{quote('[' * 600)}", (400, 404)),
        "bindings without end": (f"{DOCUMENT}/~~/a?{'xmlns(' * 500}", (400,)),
        "bindings by the thousand": (f"{DOCUMENT}/~~/a:b?{'xmlns(a=b)' * 350}", (400, 404)),
        "another host": (f"http://127.0.0.1:9{DOCUMENT}x", (404,)),
        "another scheme": ("file:///etc/passwd", (400,)),
        "an authority": ("127.0.0.1:25", (400,)),
    }
    return [
        attack(f"target: {name}", [head("GET", target)], *statuses)
        for name, (target, statuses) in targets.items()
    ]


def _sizes() -> list[Attack]:
    """Requests that are too much."""
    typed = f"Content-Type: {LISTS}"
    chunk = b"%x\r\n" % MEGABYTE + b"x" * MEGABYTE + b"\r\n"
    said = f"Content-Length: {BOMB}"
    chunked = "Transfer-Encoding: chunked"
    many = [f"X-{number}: y" for number in range(2000)]
    return [
        attack("50 MB that say so", [head("PUT", DOCUMENT, typed, said)], 413),
        attack("50 MB that come",
               [head("PUT", DOCUMENT, typed, said), *[b"x" * MEGABYTE] * 50], 413),
        attack("50 MB in chunks", [head("PUT", DOCUMENT, typed, chunked), *[chunk] * 50], 413),
        attack("50 MB in chunks for an element",
               [head("PUT", ENTRY, f"Content-Type: {ELEMENT}", chunked), *[chunk] * 50], 413),
        attack("50 MB with a GET", [head("GET", DOCUMENT, said), *[b"x" * MEGABYTE] * 50], 200),
        attack("a small bomb", put(DOCUMENT, LISTS, b"\x1f\x8b" * 100, "Content-Encoding: gzip"),
               415),
        attack("many small chunks", [head("PUT", DOCUMENT, typed, chunked),
                                     *[b"1\r\nx\r\n" * 100_000] * 5], 413),
        attack("many fields", [head("GET", DOCUMENT, *many)], 431),
        attack("a large field", [head("GET", DOCUMENT, f"X: {'y' * MEGABYTE}")], 431),
        attack("many large fields",
               [head("GET", DOCUMENT, *[f"X{n}: {'y' * 8000}" for n in range(70)])], 431),
        attack("a field name without end", [head("GET", DOCUMENT) [:-2] + b"z" * MEGABYTE], 431),
        attack("many entity-tags",
               [head("GET", DOCUMENT, "If-Match: " + '"x",' * 2000)], 412),
        attack("a tag that does not end",
               [head("GET", DOCUMENT, f'If-None-Match: "{"x" * 8000}')], 400),
        attack("an Accept-Encoding of commas",
               [head("GET", DOCUMENT, f"Accept-Encoding: {',' * 8000}")], 200),
    ]  # fmt: skip


def _beside() -> list[Attack]:
    """What is served beside the documents: the JSON view, and searches."""
    contact = f"/api/v1/users/{ALICE}/lists/friends/contacts/sip:bob@example.com"
    bodies = {
        "deep arrays": "[" * 200_000,
        "deep objects": '{"a":' * 40_000,
        "a number without end": '{"display_name": ' + "9" * 200_000 + "}",
        "a number beyond all": '{"display_name": 1e999999}',
        "not a number": '{"display_name": NaN}',
        "half a surrogate": '{"display_name": "\\ud800"}',
        "a NUL": '{"display_name": "\\u0000"}',
        "bad UTF-8": '{"display_name": "\udcff"}',
        "no object": "null",
    }
    search = "/xcap-root/org.openmobilealliance.search"
    root = "search-set xmlns='urn:oma:xml:xdm:search'"
    searches = {
        "billion laughs": f"{LAUGHS}<{root}>&l9;</search-set>",
        "an external entity": f"{EXTERNAL}<{root}>&x;</search-set>",
        "deep elements": nested("search-set", DEEP),
        "a query without end": f"<{root}><search id='1'><request>"
        f"<query>{'(' * 50_000}</query></request></search></search-set>",
    }
    refusals = (400, 409, 413, 415)
    return [
        attack(
            f"JSON: {name}",
            put(contact, "application/json", body.encode("utf-8", "surrogateescape")),
            *refusals,
        )
        for name, body in bodies.items()
    ] + [
        attack(
            f"search: {name}",
            put(search, "application/vnd.oma.search+xml", body.encode(), method="POST"),
            *refusals,
        )
        for name, body in searches.items()
    ]


ATTACKS: Final = (*_documents(), *_nodes(), *_targets(), *_sizes(), *_beside())
