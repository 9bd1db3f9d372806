"""Documents that are as large as they may be cost time in proportion to their size, no more."""

from collections.abc import Callable
from time import process_time

import pytest
from lxml import etree

from presence.rules.evaluate import evaluate
from presence.rules.permissions import ALL_MEMBERS, Permissions
from presence.rules.ruleset import parse_ruleset
from presence.rules.transform import transform
from tests.presence.rules.rule_documents import OPEN, identity, request, rule
from tests.presence.rules.shown_documents import OPEN as PRESENCE
from xmldoc.parse import MAX_ELEMENTS, MAX_OCTETS, parse

SECONDS = 5.0
"""Of CPU that a document of MAX_OCTETS may take, ten times what the worst does; a square of what is
in one takes a minute."""
SPARE = 10
"""Elements that are there besides those repeated."""
ANCHORS = "".join(f'<ocp:entry anc="http://e/{number}"/>' for number in range(6000))
WINDOW = "<cp:from>2020-01-01T00:00:00Z</cp:from><cp:until>2020-01-02T00:00:00Z</cp:until>"


def rules_of(one: Callable[[int], str]) -> bytes:
    """As many rules as there may be."""
    text = OPEN
    number = 0
    while len(text) + len(next_one := one(number)) < MAX_OCTETS - 20:
        text += next_one
        number += 1
    return f"{text}</cp:ruleset>".encode()


IDENTITY = (
    '<cp:rule id="r"><cp:conditions><cp:identity>',
    (
        "</cp:identity></cp:conditions><cp:actions><pr:sub-handling>allow</pr:sub-handling>"
        "</cp:actions></cp:rule>"
    ),
)
CONDITIONS = '<cp:rule id="r"><cp:conditions>', "</cp:conditions></cp:rule>"
SHOWN = '<cp:rule id="r"><cp:transformations>', "</cp:transformations></cp:rule>"


def around(parts: tuple[str, str], repeated: Callable[[int], str]) -> bytes:
    """One rule that is as large as it may be."""
    before, after = f"{OPEN}{parts[0]}".encode(), f"{parts[1]}</cp:ruleset>".encode()
    room = MAX_OCTETS - len(before) - len(after)
    middle: list[bytes] = []
    while (piece := repeated(len(middle)).encode()) and len(piece) <= room:
        if len(middle) * piece.count(b"<") > MAX_ELEMENTS - SPARE:
            break
        middle.append(piece)
        room -= len(piece)
    return b"".join((before, *middle, after))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(rules_of(lambda n: rule(identity("<cp:many/>"), name=f"r{n}")), id="rules"),
        pytest.param(
            rules_of(
                lambda n: rule(
                    transformations=f"<pr:provide-services><pr:class>{n}</pr:class>"
                    "</pr:provide-services>",
                    name=f"r{n}",
                )
            ),
            id="matching-rules-with-sets",
        ),
        pytest.param(around(IDENTITY, lambda n: f'<cp:one id="sip:{n}@e"/>'), id="ones"),
        pytest.param(around(IDENTITY, lambda n: f'<cp:many domain="{n}.e"/>'), id="domains"),
        pytest.param(
            around(IDENTITY, lambda n: '<cp:many><cp:except domain="example.com"/></cp:many>'),
            id="manies",
        ),
        pytest.param(around(IDENTITY, lambda n: f'<cp:one id="{"%41" * 5000}"/>'), id="escapes"),
        pytest.param(
            around(IDENTITY, lambda n: f'<cp:many domain="{"ä." * 100}e"/>'), id="foreign-names"
        ),
        pytest.param(
            around(IDENTITY, lambda n: f'<cp:many domain="{"ä" * 60_000}"/>'), id="long-names"
        ),
        pytest.param(around(CONDITIONS, lambda n: f"<cp:validity>{WINDOW}</cp:validity>"), id="v"),
        pytest.param(
            around(
                (f"{CONDITIONS[0]}<cp:validity>", f"</cp:validity>{CONDITIONS[1]}"),
                lambda n: WINDOW,
            ),
            id="windows",
        ),
        pytest.param(around(CONDITIONS, lambda n: '<cp:sphere value="a"/>'), id="spheres"),
        pytest.param(around(CONDITIONS, lambda n: "<x:a/>"), id="unknown-conditions"),
        pytest.param(
            around(SHOWN, lambda n: f'<pr:provide-unknown-attribute ns="u" name="n{n}">true'
                   "</pr:provide-unknown-attribute>"),
            id="unknown-attributes",
        ),
        pytest.param(around(SHOWN, lambda n: "<pr:provide-services/>"), id="sets"),
    ],
)  # fmt: skip
def test_rules(document: bytes) -> None:
    assert len(document) > MAX_OCTETS * 0.4
    root = parse(document)
    context = request(sphere="a")
    started = process_time()
    ruleset = parse_ruleset(root)
    evaluate(ruleset, context)
    assert process_time() - started < SECONDS


def test_lists() -> None:
    """Each anchor is asked for once in an evaluation at most."""
    conditions = f"<ocp:external-list>{ANCHORS}</ocp:external-list>"
    asked: list[str] = []

    def look_up(anchor: str) -> frozenset[str]:
        asked.append(anchor)
        return frozenset()

    root = etree.fromstring(f"{OPEN}{rule(conditions)}</cp:ruleset>")
    evaluate(parse_ruleset(root), request()._replace(lists=look_up))
    assert len(asked) == 6000


TUPLE = (
    '<tuple id="t{0}"><status><basic>open</basic></status><x:a/><contact>sip:{0}@e</contact>'
    "</tuple>"
)
DECLARATIONS = "".join(f' xmlns:n{number}="urn:n:{number}"' for number in range(2000))


@pytest.mark.parametrize(
    "permissions",
    [
        pytest.param(Permissions(), id="all-goes"),
        pytest.param(Permissions(ALL_MEMBERS), id="attributes-go"),
        pytest.param(
            Permissions(frozenset((kind, str(n)) for kind in range(8) for n in range(3000))),  # type: ignore[misc]
            id="many-members",
        ),
    ],
)
@pytest.mark.parametrize("declarations", ["", DECLARATIONS])
def test_documents(permissions: Permissions, declarations: str) -> None:
    document = (
        PRESENCE.replace(" entity", f"{declarations} entity")
        + "".join(TUPLE.format(number) for number in range(2000))
        + "</presence>"
    ).encode()
    started = process_time()
    left = transform(document, permissions)
    assert process_time() - started < SECONDS
    assert b"<x:a" not in left
