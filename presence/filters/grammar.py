"""Reads the restricted XPath of filters (RFC 4661 §5). Pure.

Wider than the ABNF where its examples are: conditions may stand behind any step and be read
with "and" before "or" as in XPath, comparisons may be one alone, and literals are quoted either
way or are numbers. All else of XPath (functions, axes, positions, parentheses) is refused.
"""

import re
from collections.abc import Mapping
from typing import Final

from presence.filters.errors import BadFilter
from presence.filters.path import AnyOf, Compare, Operator, Path, Start, Step, size_of

MAX_SIZE: Final = 32
"""Steps and comparisons of one expression."""
SHOWN: Final = 60
"""Characters of an expression that an error repeats."""
XML_PREFIX: Final = "xml"
XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"

_NAME: Final = r"[^\W\d][\w.\-\u00b7]*"
_TOKEN: Final = re.compile(
    rf"""\s*(?:(?P<name>{_NAME}(?::{_NAME})?)|(?P<number>-?(?:\d+(?:\.\d*)?|\.\d+))"""
    r"""|(?P<string>"[^"]*"|'[^']*')|(?P<sign>//|\.\.|[/@\[\]*=<>.]))\s*"""
)


def parse_path(text: str, prefixes: Mapping[str, str]) -> Path:
    """The selection that `text` is; `prefixes` are bound to namespaces. Raises BadFilter."""
    path = _Reader(text.strip(), prefixes).selection()
    if size_of(path) > MAX_SIZE:
        raise BadFilter(f"an expression has more than {MAX_SIZE} steps and comparisons")
    return path


class _Reader:
    """One expression and how far it is read."""

    def __init__(self, text: str, prefixes: Mapping[str, str]) -> None:
        self._text = text
        self._prefixes = prefixes
        self._tokens = self._split()
        self._next = 0

    def _split(self) -> list[tuple[str, str]]:
        """Kinds and texts of all tokens, with an empty one at the end."""
        tokens, position = [], 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None or match.lastgroup is None:
                raise self._error()
            tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        return [*tokens, ("end", "")]

    def _error(self) -> BadFilter:
        return BadFilter(f"not understood: {self._text[:SHOWN]}")

    def _sign(self, *signs: str) -> str | None:
        """The next token, taken, if it is one of `signs`."""
        kind, text = self._tokens[self._next]
        if kind != "sign" or text not in signs:
            return None
        self._next += 1
        return text

    def _take(self, kind: str) -> str | None:
        """The next token, taken, if it is of `kind`."""
        if self._tokens[self._next][0] != kind:
            return None
        self._next += 1
        return self._tokens[self._next - 1][1]

    def _word(self, word: str) -> bool:
        if self._tokens[self._next] != ("name", word):
            return False
        self._next += 1
        return True

    def selection(self) -> Path:
        """The whole expression."""
        path = self._steps(Start.DOCUMENT, conditions=True)
        if self._tokens[self._next][0] != "end" or not (path.steps or path.attribute):
            raise self._error()
        return path

    def _steps(self, start: Start, *, conditions: bool) -> Path:
        """Steps that each begin with a slash, and an attribute at their end."""
        steps: list[Step] = []
        while (slash := self._sign("//", "/")) is not None:
            if self._sign("@"):
                if slash == "//":
                    steps.append(Step(deep=True, name=None))
                return Path(start, tuple(steps), self._attribute())
            steps.append(self._step(deep=slash == "//", conditions=conditions))
        return Path(start, tuple(steps))

    def _attribute(self) -> str:
        return self._name(self._take("name"), default="")

    def _step(self, *, deep: bool, conditions: bool) -> Step:
        name = None if self._sign("*") else self._name(self._take("name"), default="")
        found: list[AnyOf] = []
        while conditions and self._sign("["):
            found.append(self._condition())
        return Step(deep, name, tuple(found))

    def _name(self, text: str | None, *, default: str) -> str:
        if text is None:
            raise self._error()
        prefix, colon, local = text.rpartition(":")
        if not colon:
            return text
        namespace = XML_NAMESPACE if prefix == XML_PREFIX else self._prefixes.get(prefix, default)
        if not namespace:
            raise BadFilter(f"the prefix {prefix[:SHOWN]} is not bound")
        return f"{{{namespace}}}{local}"

    def _condition(self) -> AnyOf:
        """What stands in brackets, and the closing one."""
        alternatives = [self._row()]
        while self._word("or"):
            alternatives.append(self._row())
        if self._sign("]") is None:
            raise self._error()
        return AnyOf(tuple(alternatives))

    def _row(self) -> tuple[Compare, ...]:
        row = [self._compare()]
        while self._word("and"):
            row.append(self._compare())
        return tuple(row)

    def _compare(self) -> Compare:
        path = self._operand()
        operator = self._sign(*Operator)
        if operator is None:
            raise self._error()
        return Compare(path, Operator(operator), self._literal())

    def _operand(self) -> Path:
        if dots := self._sign(".", ".."):
            return Path(Start(dots))
        if self._sign("@"):
            return Path(Start.CHILDREN, (), self._attribute())
        first = self._step(deep=False, conditions=False)
        rest = self._steps(Start.CHILDREN, conditions=False)
        return Path(Start.CHILDREN, (first, *rest.steps), rest.attribute)

    def _literal(self) -> str | float:
        quoted = self._take("string")
        if quoted is not None:
            return quoted[1:-1]
        number = self._take("number")
        if number is None:
            raise self._error()
        return float(number)
