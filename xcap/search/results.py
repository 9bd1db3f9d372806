"""What a query shows of each element it found. Pure.

    result      = template / "(" template *( "," template ) ")"
    template    = path / constructor
    constructor = "<" NAME *( NAME "=" value ) ( "/>" / ">" *content "</" NAME ">" )
    value       = quoted text, with "{" path "}" in it
    content     = text / "{" path *( "," path ) "}" / constructor

Namespaces are declared before the query, not in its constructors. An attribute is shown
within a constructor only, as an attribute of it.
"""

import re
from typing import Final

from xcap.search.conditions import Reader
from xcap.search.query import Copy, Element, Template, Text
from xcap.search.scanner import NAME

OPEN: Final = re.compile(rf"<(?={NAME.pattern})")
CLOSE: Final = "</"
EMPTY: Final = "/>"
QUOTE: Final = re.compile(r"""["']""")
CHARACTERS: Final = re.compile(r"(?:[^<{}]|\{\{|\}\})+")
VALUES: Final = {
    '"': re.compile(r'(?:[^<{}"]|\{\{|\}\}|"")+'),
    "'": re.compile(r"(?:[^<{}']|\{\{|\}\}|'')+"),
}
NAMESPACE_DECLARATION: Final = "xmlns"


def read_result(reader: Reader) -> tuple[Template, ...]:
    """All after "return"."""
    if not reader.scanner.accept_mark("("):
        return (_template(reader),)
    templates = [_template(reader)]
    while reader.scanner.accept_mark(","):
        templates.append(_template(reader))
    reader.scanner.expect_mark(")")
    return tuple(templates)


def _template(reader: Reader) -> Template:
    """A path to elements, or an element of the answer's own."""
    if reader.scanner.accept(OPEN):
        return _element(reader)
    path = reader.path()
    if path.attribute is not None:
        reader.scanner.fail("an attribute is shown within an element of its own only")
    return Copy(path)


def _element(reader: Reader) -> Element:
    """What follows "<"."""
    scanner = reader.scanner
    scanner.count()
    scanner.deeper()
    name = scanner.accept_here(NAME) or scanner.fail("a name is wanted")
    attributes = _attributes(reader)
    content: list[Template] = []
    if not scanner.accept_mark(EMPTY):
        scanner.expect_mark(">")
        content = _content(reader)
        closed = scanner.accept(NAME)
        if closed is None or closed[0] != name[0]:
            scanner.fail(f"</{name[0]}> is wanted")
        scanner.expect_mark(">")
    scanner.shallower()
    return Element(reader.tag(name[1], name[2]), attributes, tuple(content))


def _attributes(reader: Reader) -> tuple[tuple[str, tuple[Text | Copy, ...]], ...]:
    attributes: dict[str, tuple[Text | Copy, ...]] = {}
    while name := reader.scanner.accept(NAME):
        reader.scanner.count()
        if NAMESPACE_DECLARATION in (name[1], name[2]):
            reader.scanner.fail("namespaces are declared before the query")
        key = reader.attribute(name[1], name[2])
        if key in attributes:
            reader.scanner.fail(f"{name[0]} is there twice")
        reader.scanner.expect_mark("=")
        attributes[key] = _value(reader)
    return tuple(attributes.items())


def _value(reader: Reader) -> tuple[Text | Copy, ...]:
    """The quoted value of an attribute."""
    scanner = reader.scanner
    quote = scanner.accept(QUOTE) or scanner.fail("a quoted value is wanted")
    mark = quote[0]
    end = re.compile(mark)
    parts: list[Text | Copy] = []
    while not scanner.accept_here(end):
        text = scanner.accept_here(VALUES[mark])
        if text is not None:
            parts.append(Text(scanner.unescape(_plain(text[0]).replace(mark * 2, mark))))
        else:
            parts.extend(_enclosed(reader))
    return tuple(parts)


def _content(reader: Reader) -> list[Template]:
    """What is between the tags, the "</" included; text of white space alone is dropped."""
    scanner, parts = reader.scanner, list[Template]()
    while not scanner.accept_mark(CLOSE):
        text = scanner.accept_here(CHARACTERS)
        if text is not None:
            if text[0].strip():
                parts.append(Text(scanner.unescape(_plain(text[0]))))
        elif scanner.accept_here(OPEN):
            parts.append(_element(reader))
        else:
            parts.extend(_enclosed(reader))
    return parts


def _enclosed(reader: Reader) -> list[Copy]:
    """Paths in braces."""
    reader.scanner.expect_mark("{")
    parts = [Copy(reader.path())]
    while reader.scanner.accept_mark(","):
        parts.append(Copy(reader.path()))
    reader.scanner.expect_mark("}")
    return parts


def _plain(text: str) -> str:
    """`text` with doubled braces as what they stand for."""
    return text.replace("{{", "{").replace("}}", "}")
