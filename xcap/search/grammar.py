"""The restricted form of XQuery that searches are written in (OMA XDM Core). Pure.

    query      = prolog "for" "$" NAME "in" collection path [ "where" condition ]
                 "return" result
    prolog     = [ "xquery" "version" STRING ";" ] *declaration
    collection = "collection" "(" STRING ")"

A form of our own, a part of XQuery 1.0: whatever else XQuery has is refused, with the
place where it stands. Conditions are in `conditions`, results in `results`.
"""

import re
from typing import Final

from xcap.errors import ConstraintFailure, NotFound
from xcap.nodes.bindings import ANY, UNFIT, XML, XMLNS
from xcap.nodes.selector import NCNAME
from xcap.search.conditions import Reader
from xcap.search.query import Collection, Path, Query
from xcap.search.results import read_result
from xcap.search.scanner import NAME, SHOWN, Scanner
from xcap.uri import Tree

MAX_QUERY: Final = 8192
"""Characters of a query."""
VARIABLE: Final = re.compile(rf"\$({NCNAME})")
VERSIONS: Final = ("1.0", "3.0", "3.1")


def parse_query(text: str) -> Query:
    """The query that `text` is. Raises ConstraintFailure (409) with what was not understood."""
    if len(text) > MAX_QUERY:
        raise ConstraintFailure(f"the query is longer than {MAX_QUERY} characters")
    scanner = Scanner(text)
    namespaces = _prolog(scanner)
    scanner.expect_word("for")
    variable = scanner.accept(VARIABLE)
    if variable is None:
        scanner.fail("a variable is wanted")
    scanner.expect_word("in")
    collection = _collection(scanner)
    reader = Reader(scanner, namespaces, variable[1])
    path = reader.steps_below()
    where = reader.condition() if scanner.accept_word("where") else None
    scanner.expect_word("return")
    result = read_result(reader)
    scanner.expect_end()
    _check_path(path, scanner)
    return Query(collection, path, where, result)


def parse_collection(text: str) -> Collection:
    """The collection called `text`, such as "AUID/users/". Raises NotFound."""
    match text.strip("/").split("/"):
        case [auid, Tree.GLOBAL] if auid:
            return Collection(auid, Tree.GLOBAL, "")
        case [auid, Tree.USERS] if auid:
            return Collection(auid, Tree.USERS, "")
        case [auid, Tree.USERS, xui] if auid and xui:
            return Collection(auid, Tree.USERS, xui)
        case _:
            raise NotFound(f"no such collection: {text[:80]}")


def _prolog(scanner: Scanner) -> dict[str, str]:
    """The namespaces that are declared, by prefix; "" is that of unprefixed elements."""
    namespaces = {"xml": XML, "": ""}
    if scanner.accept_word("xquery"):
        scanner.expect_word("version")
        if scanner.expect_string() not in VERSIONS:
            scanner.fail("that version of XQuery is not known")
        scanner.expect_mark(";")
    while scanner.accept_word("declare"):
        scanner.count()
        prefix = _declared_prefix(scanner)
        namespaces[prefix] = _namespace(scanner, prefix)
        scanner.expect_mark(";")
    return namespaces


def _declared_prefix(scanner: Scanner) -> str:
    if scanner.accept_word("default"):
        scanner.expect_word("element")
        scanner.expect_word("namespace")
        return ""
    scanner.expect_word("namespace")
    name = scanner.accept(NAME)
    if name is None or name[1]:
        scanner.fail("a prefix is wanted")
    scanner.expect_mark("=")
    return name[2]


def _namespace(scanner: Scanner, prefix: str) -> str:
    """What `prefix` is declared as: something that XML can have (Namespaces in XML 1.0 §3)."""
    namespace = scanner.expect_string()
    if namespace == ANY or UNFIT.search(namespace):
        scanner.fail(f"no namespace is called {namespace[:SHOWN]!r}")
    if prefix == "xmlns" or namespace == XMLNS or (prefix == "xml") != (namespace == XML):
        scanner.fail(f"the prefix {prefix[:SHOWN]!r} cannot be bound to this namespace")
    return namespace


def _collection(scanner: Scanner) -> Collection:
    scanner.expect_word("collection")
    scanner.expect_mark("(")
    text = scanner.expect_string()
    scanner.expect_mark(")")
    try:
        return parse_collection(text)
    except NotFound as error:
        scanner.fail(str(error))


def _check_path(path: Path, scanner: Scanner) -> None:
    if not path.steps or path.attribute is not None or path.text:
        scanner.fail("the variable must run over elements of documents")
