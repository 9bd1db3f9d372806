"""Prefixes that a node selector uses, bound in the query of its URI (RFC 4825 §6.4). Pure.

The query is a pointer of the XPointer framework: parts of a scheme's name and its data
in parentheses, in which a circumflex escapes parentheses and itself. Only the scheme
xmlns() is read, other parts are skipped.
"""

import re
from collections.abc import Mapping
from typing import Final

from xcap.errors import BadRequest
from xcap.nodes.selector import NCNAME, NOT_XML

MAX_QUERY: Final = 4096
"""Characters of a query."""
MAX_NESTING: Final = 16
"""Levels of parentheses inside the data of a part."""

XML: Final = "http://www.w3.org/XML/1998/namespace"
XMLNS: Final = "http://www.w3.org/2000/xmlns/"
UNBOUND: Final[Mapping[str, str]] = {"xml": XML}
"""The one prefix that needs no binding."""

ANY: Final = "*"
"""What stands for every namespace in the names that lxml is asked for."""
UNFIT: Final = re.compile("[{}]|" + NOT_XML.pattern)
"""What no namespace has, and a name of lxml's cannot have."""

SCHEME: Final = re.compile(rf"[ \t\r\n]*((?:{NCNAME}:)?{NCNAME})\(")
DATA: Final = re.compile(r"(?:[^()^]|\^[()^])*")
BINDING: Final = re.compile(rf"({NCNAME})[ \t\r\n]*=[ \t\r\n]*(.*)", re.DOTALL)
ESCAPE: Final = re.compile(r"\^([()^])")
SPECIAL: Final = re.compile(r"[()^]")
ESCAPED: Final = r"^\g<0>"


def parse_bindings(query: str) -> Mapping[str, str]:
    """Namespaces by prefix, from a decoded `query`; of two bindings the later one holds.

    Raises BadRequest for what is no pointer, and for bindings that XML reserves.
    """
    if not query:
        return UNBOUND
    if len(query) > MAX_QUERY:
        raise BadRequest(f"the query is longer than {MAX_QUERY} characters")
    bindings = dict(UNBOUND)
    position = 0
    while query[position:].strip(" \t\r\n"):
        scheme = SCHEME.match(query, position)
        if scheme is None:
            raise BadRequest("the query is no sequence of xmlns(prefix=namespace)")
        end = _end_of_data(query, scheme.end())
        if scheme[1] == "xmlns":
            prefix, namespace = _binding(query[scheme.end() : end])
            bindings[prefix] = namespace
        position = end + 1
    return bindings


def print_bindings(bindings: Mapping[str, str]) -> str:
    """The query, not yet percent-encoded, that binds `bindings`."""
    return "".join(
        f"xmlns({prefix}={SPECIAL.sub(ESCAPED, namespace)})"
        for prefix, namespace in bindings.items()
    )


def _end_of_data(query: str, start: int) -> int:
    """Where the parenthesis that closes the data starting at `start` is."""
    depth = 1
    position = start
    while True:
        found = DATA.match(query, position)
        position = found.end() if found else position
        match query[position : position + 1]:
            case "(" if depth < MAX_NESTING:
                depth += 1
            case ")":
                depth -= 1
            case _:
                raise BadRequest("parentheses of the query are not balanced, or nest too deep")
        if not depth:
            return position
        position += 1


def _binding(data: str) -> tuple[str, str]:
    found = BINDING.fullmatch(data)
    if found is None:
        raise BadRequest(f"this binds no prefix: xmlns({data[:80]})")
    prefix, namespace = found[1], ESCAPE.sub(r"\1", found[2])
    if namespace == ANY or UNFIT.search(namespace):
        raise BadRequest(f"this is no namespace: {namespace[:80]}")
    if prefix == "xmlns" or namespace == XMLNS or (prefix == "xml") != (namespace == XML):
        raise BadRequest(f"the prefix {prefix[:80]} cannot be bound to this namespace")
    return prefix, namespace
