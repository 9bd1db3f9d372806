"""Paths and conditions as XPath 2.0, for the library that evaluates them. Pure.

Nothing of the client's text gets here: names and literals are those of the values, and a
name that the library would not read as one is refused. A condition on a path becomes a
predicate at its end, so that it holds when it holds for some node, and no function is
ever called with several.
"""

import re
from typing import Final, assert_never

from xcap.errors import ConstraintFailure
from xcap.nodes.bindings import XML
from xcap.search.query import (
    And,
    Compare,
    Condition,
    Exists,
    Holds,
    Not,
    Operand,
    Or,
    Path,
    Step,
)

SELF: Final = "."
NAME: Final = re.compile(r"[^\W\d][\w.\-\u00b7\u0300-\u036f\u203f\u2040]*")
"""What the library takes for one name; XML has more, of which one, U+1680, is white space to it."""
SHOWN: Final = 80
"""Characters of a name that an error repeats."""


class Printer:
    """Writes expressions, and gives prefixes to the namespaces that are in them."""

    def __init__(self) -> None:
        self.namespaces: dict[str, str] = {}
        """By prefix."""
        self._prefixes: dict[str, str] = {}

    def path(self, path: Path) -> str:
        """From the context element down. Raises ConstraintFailure (409), as all do here."""
        parts = [self._step(step) for step in path.steps]
        if path.attribute is not None:
            parts.append(f"@{self._name(path.attribute)}")
        if path.text:
            parts.append("text()")
        return "/".join(parts) or SELF

    def condition(self, condition: Condition) -> str:
        """Always a boolean."""
        match condition:
            case Compare(operand, operator, str() as literal):
                test = f"{_value(operand)} {operator} {_string(literal)}"
                return f"exists({self.path(operand.path)}[{test}])"
            case Compare(operand, operator, literal):
                test = f"number({_text(operand.path)}) {operator} {literal!r}"
                return f"exists({self.path(operand.path)}[{test}])"
            case Holds(function, operand, literal):
                test = f"{function}({_value(operand)}, {_string(literal)})"
                return f"exists({self.path(operand.path)}[{test}])"
            case Exists(path):
                return f"exists({self.path(path)})"
            case Not(part):
                return f"not({self.condition(part)})"
            case And(parts):
                return "(" + " and ".join(map(self.condition, parts)) + ")"
            case Or(parts):
                return "(" + " or ".join(map(self.condition, parts)) + ")"
            case _:
                assert_never(condition)

    def _step(self, step: Step) -> str:
        name = "*" if step.tag is None else self._name(step.tag)
        return name + "".join(f"[{self._predicate(one)}]" for one in step.predicates)

    def _predicate(self, predicate: Condition | int) -> str:
        return str(predicate) if isinstance(predicate, int) else self.condition(predicate)

    def _name(self, name: str) -> str:
        namespace, _, local = name.removeprefix("{").rpartition("}")
        if NAME.fullmatch(local) is None:
            raise ConstraintFailure(f"there is no searching for the name {local[:SHOWN]!r}")
        if not namespace:
            return local
        if namespace == XML:
            return f"xml:{local}"
        prefix = self._prefixes.setdefault(namespace, f"n{len(self._prefixes)}")
        self.namespaces[prefix] = namespace
        return f"{prefix}:{local}"


def _value(operand: Operand) -> str:
    """The string value of the context node, one of those that the path leads to."""
    text = _text(operand.path)
    return text if operand.fold is None else f"{operand.fold}({text})"


def _text(path: Path) -> str:
    """The same in the case that it has.

    That of an element is put together here: the library takes the text after an element
    before the text of what is in it (5.1.4).
    """
    if path.attribute is not None or path.text:
        return "string(.)"
    return 'string-join(descendant::text(), "")'


def _string(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
