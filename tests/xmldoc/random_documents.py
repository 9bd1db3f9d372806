"""Random documents whose octets are known to the last one, for property tests.

They are written piece by piece, with odd white space, comments, processing instructions,
CDATA sections, references and redeclared prefixes, and it is noted where each element
comes to stand. Nothing here looks at the code under test.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st

DEFAULT = "urn:default"
BINDINGS = {"": DEFAULT, "p": "urn:p", "q": "urn:q"}
"""Declared on every root element."""

BLANKS = (" ", "\n  ", "\t", " \r\n ")
TEXTS = ("x", " \n  ", "a > b", "&amp;&#x41;", "\u00e9\U0001f600", "]] ]>", "-->", "?>")
OTHERS = (
    "<!-- <a> \" ' -->",
    "<!---->",
    "<!-->-->",
    '<![CDATA[ </a> <b c="> ]] > ]]>',
    "<![CDATA[]]>",
    "<?pi <a> ? > ?>",
    "<?pi?>",
)
VALUES = ('"v"', "'v'", '""', '"a > b"', "'\"/>'", '"\'"', '"&lt;&#10;&quot;"', '"\u00e9 \n "')
NAMES = ("a", "b", "p:a", "q:b", "c-.1")
ATTRIBUTES = ("x", "y", "id", "p:x", "q:x", "xml:lang")
DECLARATIONS = ("xmlns", "xmlns:p", "xmlns:new")
"""What an element may declare; each to a namespace of its own."""


@dataclass(frozen=True)
class Element:
    """One element as it is going to be written."""

    name: str
    attributes: tuple[tuple[str, str, str], ...]
    """White space before it, name, quoted value."""
    content: tuple["Element | str", ...]
    blank: str = ""
    """At the end of its tags."""
    short: bool = False
    """Whether to write an empty-element tag if there is no content."""


@dataclass
class Written:
    """A document and where its elements are, in document order."""

    octets: bytes
    elements: list["Place"] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """Offsets of an element, and how to get to it."""

    start: int
    content: int
    content_end: int
    end: int
    path: tuple[int, ...]
    """Position among its siblings of each element from below the root down to it."""


def blanks() -> st.SearchStrategy[str]:
    return st.sampled_from(BLANKS)


@st.composite
def attributes(draw: st.DrawFn) -> tuple[tuple[str, str, str], ...]:
    names = draw(st.lists(st.sampled_from(ATTRIBUTES), unique=True, max_size=3))
    declared = draw(st.lists(st.sampled_from(DECLARATIONS), unique=True, max_size=1))
    plain = [(draw(blanks()), name, draw(st.sampled_from(VALUES))) for name in names]
    bound = [(draw(blanks()), name, f'"urn:own{name}"') for name in declared]
    return tuple(draw(st.permutations(plain + bound)))


def elements(content: st.SearchStrategy[tuple[Element | str, ...]]) -> st.SearchStrategy[Element]:
    return st.builds(
        Element,
        st.sampled_from(NAMES),
        attributes(),
        content,
        st.sampled_from(("", *BLANKS)),
        st.booleans(),
    )


def pieces(children: st.SearchStrategy[Element]) -> st.SearchStrategy[tuple[Element | str, ...]]:
    return st.lists(
        st.one_of(children, st.sampled_from(TEXTS), st.sampled_from(OTHERS)), max_size=5
    ).map(tuple)


LEAVES = elements(st.lists(st.sampled_from(TEXTS + OTHERS), max_size=2).map(tuple))
TREES = st.recursive(LEAVES, lambda children: elements(pieces(children)), max_leaves=8)
PROLOGUES = st.sampled_from(
    (
        "",
        "\ufeff",
        '<?xml version="1.0"?>\n',
        '\ufeff<?xml version="1.0" encoding="UTF-8"?>',
        "<?xml version='1.0'?><!-- <a> --><?pi?>\n",
    )
)
EPILOGUES = st.sampled_from(("", "\n", "<!-- </a> -->\n<?pi?>"))


@st.composite
def documents(draw: st.DrawFn) -> Written:
    """A document of a root element that declares BINDINGS, and elements below it."""
    content = draw(pieces(TREES))
    declared = tuple(
        (" ", f"xmlns:{prefix}" if prefix else "xmlns", f'"{namespace}"')
        for prefix, namespace in BINDINGS.items()
    )
    root = Element("root", declared, content, draw(st.sampled_from(("", " "))), draw(st.booleans()))
    written = Written(draw(PROLOGUES).encode())
    write(written, root, ())
    written.octets += draw(EPILOGUES).encode()
    written.elements.sort(key=lambda place: place.start)
    return written


def write(written: Written, element: Element, path: tuple[int, ...]) -> None:
    """Append `element` to `written`, and note where it is."""
    start = len(written.octets)
    tag = f"<{element.name}" + "".join(
        f"{blank}{name}={value}" for blank, name, value in element.attributes
    )
    if element.short and not element.content:
        written.octets += f"{tag}{element.blank}/>".encode()
        end = len(written.octets)
        written.elements.append(Place(start, end, end, end, path))
        return
    written.octets += f"{tag}{element.blank}>".encode()
    content = len(written.octets)
    position = 0
    for piece in element.content:
        if isinstance(piece, str):
            written.octets += piece.encode()
        else:
            write(written, piece, (*path, position))
            position += 1
    content_end = len(written.octets)
    written.octets += f"</{element.name}{element.blank}>".encode()
    written.elements.append(Place(start, content, content_end, len(written.octets), path))
