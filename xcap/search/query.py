"""A query as it was understood: the restricted form of OMA's searches as values. Pure.

One variable runs over elements of the documents of one collection, a condition keeps
some of them, and a template says what is shown of each. Paths go down by name only, one
side of each comparison is a literal, and no function takes a pattern, so that the work of
a condition is in proportion to the document times the length of the query.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from xcap.uri import Tree


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents of one application usage: of everybody, of one user, or the global ones."""

    auid: str
    tree: Tree
    xui: str
    """Whose; empty for everybody, and in the global tree."""


class Operator(StrEnum):
    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="


class Function(StrEnum):
    """What takes a path and a literal."""

    CONTAINS = "contains"
    STARTS_WITH = "starts-with"
    ENDS_WITH = "ends-with"


class Fold(StrEnum):
    """What may be done to a value before it is compared."""

    LOWER = "lower-case"
    UPPER = "upper-case"


@dataclass(frozen=True, slots=True)
class Step:
    """To the children of that name."""

    tag: str | None
    """"{namespace}local", or "local" in no namespace; None is the wildcard."""
    predicates: tuple["Condition | int", ...] = ()
    """A number is a position, from 1 on."""


@dataclass(frozen=True, slots=True)
class Path:
    """Down from an element; without steps it is the element itself."""

    steps: tuple[Step, ...] = ()
    attribute: str | None = None
    """Of the elements that the steps lead to, "{namespace}local"."""
    text: bool = False
    """The text of these elements, not the elements."""


@dataclass(frozen=True, slots=True)
class Operand:
    """The values of a path, perhaps in one case."""

    path: Path
    fold: Fold | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    """Some value compares so with a literal; with a number, values are compared as such."""

    operand: Operand
    operator: Operator
    literal: str | float


@dataclass(frozen=True, slots=True)
class Holds:
    """Some value contains a literal, starts or ends with it."""

    function: Function
    operand: Operand
    literal: str


@dataclass(frozen=True, slots=True)
class Exists:
    """The path leads to something."""

    path: Path


@dataclass(frozen=True, slots=True)
class Not:
    part: "Condition"


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Condition", ...]


Condition: TypeAlias = Compare | Holds | Exists | Not | And | Or


@dataclass(frozen=True, slots=True)
class Text:
    """Characters as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Copy:
    """Whatever the path leads to."""

    path: Path


@dataclass(frozen=True, slots=True)
class Element:
    """An element of the answer's own."""

    tag: str
    attributes: tuple[tuple[str, tuple["Text | Copy", ...]], ...] = ()
    content: tuple["Template", ...] = ()


Template: TypeAlias = Text | Copy | Element


@dataclass(frozen=True, slots=True)
class Query:
    """The whole of it."""

    collection: Collection
    path: Path
    """From the document to the elements that the variable runs over."""
    where: Condition | None
    result: tuple[Template, ...]
