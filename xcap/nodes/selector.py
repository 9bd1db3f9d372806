"""Node selectors: the grammar of RFC 4825 §6.3, as typed steps. Pure.

A selector is text that is percent-decoded already. What the grammar calls an extension
is not understood here, and is NotFound as §8 wants; since an extension is any text
without a slash, that is the answer to nearly everything that is not a step. What cannot
be an extension either, such as an empty step, is BadRequest. Nothing here knows of
namespaces beyond prefixes, nor of documents.
"""

import re
import sys
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple
from urllib.parse import quote

from xcap.errors import BadRequest, NotFound
from xcap.uri import PCHAR

MAX_STEPS: Final = 64
"""As deep as a document may be, see `xmldoc.parse.MAX_DEPTH`."""
MAX_SELECTOR: Final = 4096
"""Characters of a selector."""
MAX_DIGITS: Final = 9
"""Of a position; no document has that many children."""
MAX_SHOWN: Final = 80
"""Characters of a selector that an error repeats."""

NAME_START: Final = (
    "A-Za-z_\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
"""NameStartChar of XML 1.0 §2.3 without the colon."""
NCNAME: Final = rf"[{NAME_START}][{NAME_START}\-.0-9\xb7\u0300-\u036f\u203f-\u2040]*"
"""NCName of Namespaces in XML 1.0 §3."""
QNAME: Final = rf"(?:({NCNAME}):)?({NCNAME})"
REFERENCE: Final = r"&(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});"
ATT_VALUE: Final = rf"""("[^<&"]*(?:{REFERENCE}[^<&"]*)*"|'[^<&']*(?:{REFERENCE}[^<&']*)*')"""
"""AttValue of XML 1.0 §2.3, with the entities that a document without a DTD can have."""

STEP: Final = re.compile(
    rf"(?:\*|{QNAME})(?:\[([0-9]{{1,{MAX_DIGITS}}})\])?(?:\[@{QNAME}={ATT_VALUE}\])?(?=/|\Z)"
)
ATTRIBUTE: Final = re.compile(rf"@{QNAME}")
REFERENCES: Final = re.compile(r"&([^;]+);")
WHITE_SPACE: Final = re.compile(r"[\t\n\r]")
NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold (XML 1.0 §2.2)."""

ENTITIES: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
ESCAPED: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


class Name(NamedTuple):
    """A QName as it is written."""

    prefix: str
    """Empty when there is none."""
    local: str

    def __str__(self) -> str:
        return f"{self.prefix}:{self.local}" if self.prefix else self.local


class AttributeTest(NamedTuple):
    """The predicate `[@name="value"]`."""

    name: Name
    value: str


class Step(NamedTuple):
    """Selects one child of the context; the predicates apply in this order."""

    name: Name | None
    """None for the wildcard."""
    position: int | None = None
    """From 1 on; 0 can be written and selects nothing."""
    test: AttributeTest | None = None

    def __str__(self) -> str:
        position = "" if self.position is None else f"[{self.position}]"
        test = ""
        if self.test is not None:
            test = f'[@{self.test.name}="{self.test.value.translate(ESCAPED)}"]'
        return f"{self.name or '*'}{position}{test}"


class Terminal(Enum):
    """What a selector may end with that is no name."""

    NAMESPACES = "namespace::*"


@dataclass(frozen=True, slots=True)
class NodeSelector:
    """The steps to an element, and perhaps what of it is meant."""

    steps: tuple[Step, ...]
    """At least one; the first selects the root element."""
    terminal: Name | Terminal | None = None
    """An attribute, the namespaces in scope, or nothing for the element itself."""

    def __str__(self) -> str:
        """As text; reading that gives an equal selector."""
        return "/".join(self.parts())

    def parts(self) -> tuple[str, ...]:
        """The steps and the terminal selector as text."""
        steps = tuple(map(str, self.steps))
        match self.terminal:
            case None:
                return steps
            case Terminal():
                return (*steps, self.terminal.value)
            case Name():
                return (*steps, f"@{self.terminal}")


def parse_selector(text: str) -> NodeSelector:
    """The selector that `text` is.

    Raises NotFound for extensions (404) and BadRequest for what the grammar has no place
    for at all, and for what is too long (400).
    """
    if len(text) > MAX_SELECTOR or NOT_XML.search(text):
        raise BadRequest("the node selector is too long or has a character that no XML has")
    steps: list[Step] = []
    position = 0
    while position <= len(text):
        found = STEP.match(text, position)
        if found is None:
            return NodeSelector(tuple(steps), _terminal(text[position:], steps))
        steps.append(_step(found))
        if len(steps) > MAX_STEPS:
            raise BadRequest(f"the node selector has more than {MAX_STEPS} steps")
        position = found.end() + 1
    return NodeSelector(tuple(steps))


def encode_selector(selector: NodeSelector) -> str:
    """`selector` as it stands in a URI: slashes are between steps and nowhere else."""
    return "/".join(quote(part, safe=PCHAR) for part in selector.parts())


def _step(found: re.Match[str]) -> Step:
    prefix, local, position, test_prefix, test_local, value = found.groups()
    return Step(
        None if local is None else Name(prefix or "", local),
        None if position is None else int(position),
        None
        if value is None
        else AttributeTest(Name(test_prefix or "", test_local), _value(value)),
    )


def _value(quoted: str) -> str:
    """What an AttValue stands for (XML 1.0 §3.3.3)."""
    return REFERENCES.sub(_character, WHITE_SPACE.sub(" ", quoted[1:-1]))


def _character(reference: re.Match[str]) -> str:
    name = reference[1]
    if not name.startswith("#"):
        return ENTITIES[name]
    code = int(name[2:], 16) if name[1] == "x" else int(name[1:])
    if code > sys.maxunicode or NOT_XML.match(chr(code)):
        raise NotFound(f"&{name}; is no character")
    return chr(code)


def _terminal(text: str, steps: list[Step]) -> Name | Terminal:
    """The terminal selector that the rest `text` of a selector is."""
    if steps and text == Terminal.NAMESPACES.value:
        return Terminal.NAMESPACES
    if steps and (found := ATTRIBUTE.fullmatch(text)):
        return Name(found[1] or "", found[2])
    if not text or text.startswith("/"):
        raise BadRequest("a step of the node selector is empty")
    raise NotFound(f"this is no selector that is understood here: {text[:MAX_SHOWN]}")
