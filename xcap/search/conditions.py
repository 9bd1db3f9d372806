"""Paths and conditions of a query. Pure.

condition = conjunction *( "or" conjunction )
conjunction = term *( "and" term )
term      = "(" condition ")" / "not" "(" condition ")" / "exists" "(" path ")"
          / "empty" "(" path ")" / FUNCTION "(" operand "," STRING ")"
          / operand [ OPERATOR literal ] / literal OPERATOR operand
operand   = path / FOLD "(" path ")"
path      = ( "$" NAME / step / "." ) *( "/" step )
step      = ( NAME / "*" / "@" NAME / "text()" ) *( "[" ( condition / POSITION ) "]" )
"""

import re
from collections.abc import Mapping
from typing import Final

from xcap.search.query import (
    And,
    Compare,
    Condition,
    Exists,
    Fold,
    Function,
    Holds,
    Not,
    Operand,
    Operator,
    Or,
    Path,
    Step,
)
from xcap.search.scanner import NAME, NUMBER, Scanner

CALL: Final = re.compile(r"(?!text\s*\()([A-Za-z][\w.:-]*)\s*\(")
TEXT: Final = re.compile(r"text\s*\(\s*\)")
POSITION: Final = re.compile(r"([1-9][0-9]{0,8})\s*(?=\])")
OPERATOR: Final = re.compile(r"(?:!=|<=|>=|=|<|>)|(?:eq|ne|lt|le|gt|ge)(?![\w.:-])")
FOLDS: Final = frozenset(Fold)
FUNCTIONS: Final = frozenset(Function)
WORDS: Final = {
    "eq": Operator.EQUAL,
    "ne": Operator.UNEQUAL,
    "lt": Operator.LESS,
    "le": Operator.AT_MOST,
    "gt": Operator.GREATER,
    "ge": Operator.AT_LEAST,
}
FLIPPED: Final = {
    Operator.EQUAL: Operator.EQUAL,
    Operator.UNEQUAL: Operator.UNEQUAL,
    Operator.LESS: Operator.GREATER,
    Operator.AT_MOST: Operator.AT_LEAST,
    Operator.GREATER: Operator.LESS,
    Operator.AT_LEAST: Operator.AT_MOST,
}


class Reader:
    """Reads paths and conditions with the query's namespaces and its variable."""

    def __init__(self, scanner: Scanner, namespaces: Mapping[str, str], variable: str) -> None:
        self.scanner = scanner
        self._namespaces = namespaces
        self._variable = re.compile(rf"\${re.escape(variable)}(?![\w.-])")
        self._predicates = 0

    def condition(self) -> Condition:
        """One condition, with all its "or"s."""
        parts = [self._conjunction()]
        while self.scanner.accept_word("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def path(self) -> Path:
        """A path that begins with the variable; inside a predicate, with a step or "."."""
        if not self._predicates:
            if self.scanner.accept(self._variable) is None:
                self.scanner.fail("a path from the variable is wanted")
            return self.steps_below()
        if self.scanner.accept_mark("."):
            return self.steps_below()
        return self._steps()

    def steps_below(self) -> Path:
        """What follows "/", or nothing."""
        return self._steps() if self.scanner.accept_mark("/") else Path()

    def tag(self, prefix: str | None, local: str) -> str:
        """The name of an element, expanded."""
        namespace = self._namespaces.get(prefix or "")
        if namespace is None:
            self.scanner.fail(f"the prefix {prefix} is not declared")
        return f"{{{namespace}}}{local}" if namespace else local

    def attribute(self, prefix: str | None, local: str) -> str:
        """The name of an attribute, expanded; without a prefix it is in no namespace."""
        return self.tag(prefix, local) if prefix else local

    def _steps(self) -> Path:
        scanner, steps = self.scanner, list[Step]()
        while True:
            scanner.count()
            if scanner.accept_mark("@"):
                name = scanner.accept_here(NAME) or scanner.fail("a name is wanted")
                return Path(tuple(steps), attribute=self.attribute(name[1], name[2]))
            if scanner.accept(TEXT):
                return Path(tuple(steps), text=True)
            steps.append(self._step())
            if not scanner.accept_mark("/"):
                return Path(tuple(steps))

    def _step(self) -> Step:
        scanner = self.scanner
        if scanner.accept_mark("*"):
            tag = None
        else:
            name = scanner.accept(NAME) or scanner.fail("the name of an element is wanted")
            tag = self.tag(name[1], name[2])
        predicates: list[Condition | int] = []
        while scanner.accept_mark("["):
            predicates.append(self._predicate())
            scanner.expect_mark("]")
        return Step(tag, tuple(predicates))

    def _predicate(self) -> Condition | int:
        position = self.scanner.accept(POSITION)
        if position is not None:
            return int(position[1])
        self._predicates += 1
        self.scanner.deeper()
        condition = self.condition()
        self.scanner.shallower()
        self._predicates -= 1
        return condition

    def _conjunction(self) -> Condition:
        parts = [self._term()]
        while self.scanner.accept_word("and"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _term(self) -> Condition:
        self.scanner.count()
        if self.scanner.accept_mark("("):
            return self._nested()
        call = self.scanner.accept(CALL)
        if call is not None:
            return self._call(call[1])
        literal = self._literal()
        if literal is None:
            return self._comparison(Operand(self.path()))
        operator = self._operator() or self.scanner.fail("an operator is wanted")
        return Compare(self._operand(), FLIPPED[operator], literal)

    def _nested(self) -> Condition:
        """A condition and the parenthesis after it."""
        self.scanner.deeper()
        condition = self.condition()
        self.scanner.shallower()
        self.scanner.expect_mark(")")
        return condition

    def _call(self, name: str) -> Condition:
        """What follows the name of a function and its parenthesis."""
        if name == "not":
            return Not(self._nested())
        if name in ("exists", "empty"):
            exists = Exists(self.path())
            self.scanner.expect_mark(")")
            return exists if name == "exists" else Not(exists)
        if name in FOLDS:
            return self._comparison(self._folded(Fold(name)))
        if name not in FUNCTIONS:
            self.scanner.fail(f"the function {name} is not allowed")
        operand = self._operand()
        self.scanner.expect_mark(",")
        literal = self.scanner.expect_string()
        self.scanner.expect_mark(")")
        return Holds(Function(name), operand, literal)

    def _operand(self) -> Operand:
        call = self.scanner.accept(CALL)
        if call is None:
            return Operand(self.path())
        if call[1] not in FOLDS:
            self.scanner.fail(f"the function {call[1]} is not allowed here")
        return self._folded(Fold(call[1]))

    def _folded(self, fold: Fold) -> Operand:
        path = self.path()
        self.scanner.expect_mark(")")
        return Operand(path, fold)

    def _comparison(self, operand: Operand) -> Condition:
        """What follows an operand: an operator and a literal, or nothing."""
        operator = self._operator()
        if operator is None:
            return Exists(operand.path)
        literal = self._literal()
        if literal is None:
            self.scanner.fail("a literal is wanted: paths are not compared with each other")
        return Compare(operand, operator, literal)

    def _operator(self) -> Operator | None:
        found = self.scanner.accept(OPERATOR)
        if found is None:
            return None
        return WORDS.get(found[0]) or Operator(found[0])

    def _literal(self) -> str | float | None:
        text = self.scanner.string()
        if text is not None:
            return text
        number = self.scanner.accept(NUMBER)
        return None if number is None else float(number[0])
