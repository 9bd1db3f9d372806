"""The restricted XPath of filters, as values (RFC 4661 §5). Pure.

Names are as lxml writes them: "{namespace}local", or "local" for those in no namespace, which
is what a name without a prefix means. Written again, namespaces get prefixes that `Prefixes`
gives out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum

Prefixes = Mapping[str, str]
"""By namespace."""


class Operator(StrEnum):
    """How a value is compared."""

    EQUAL = "="
    LESS = "<"
    GREATER = ">"


class Start(Enum):
    """Where a path begins."""

    DOCUMENT = ""
    CHILDREN = "children"
    """Those of the element that a condition is about."""
    HERE = "."
    PARENT = ".."


@dataclass(frozen=True, slots=True)
class Step:
    """From elements to some of what is below them."""

    deep: bool
    """Whether to all levels below ("//"), and not only to the children."""
    name: str | None
    """None for any."""
    conditions: tuple["AnyOf", ...] = ()
    """All of them hold for what is selected."""


@dataclass(frozen=True, slots=True)
class Path:
    """To elements, or to an attribute of them."""

    start: Start
    steps: tuple[Step, ...] = ()
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    """Holds when it holds for one of what `path` leads to."""

    path: Path
    operator: Operator
    literal: str | float


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Alternatives, each of which is a row of comparisons that all hold."""

    alternatives: tuple[tuple[Compare, ...], ...]


def namespaces_of(path: Path) -> Iterator[str]:
    """The namespaces of all names in `path`, as often as they are there."""
    names = [step.name for step in path.steps] + [path.attribute]
    yield from (name[1:].partition("}")[0] for name in names if name and name[0] == "{")
    for compare in _comparisons(path):
        yield from namespaces_of(compare.path)


def size_of(path: Path) -> int:
    """How many steps and comparisons there are in it."""
    inside = sum(1 + size_of(compare.path) for compare in _comparisons(path))
    return len(path.steps) + inside


def _comparisons(path: Path) -> Iterator[Compare]:
    for step in path.steps:
        for condition in step.conditions:
            for alternative in condition.alternatives:
                yield from alternative


def write(path: Path, prefixes: Prefixes) -> str:
    """`path` in the one spelling that we use; `grammar.parse` reads it."""
    text = "" if path.start in (Start.DOCUMENT, Start.CHILDREN) else path.start.value
    for place, step in enumerate(path.steps):
        first = place == 0 and path.start is Start.CHILDREN
        text += ("//" if step.deep else "/" * (not first)) + _step(step, prefixes)
    if path.attribute is not None:
        bare = path.start is Start.CHILDREN and not path.steps
        text += ("" if bare else "/") + "@" + _name(path.attribute, prefixes)
    return text


def _step(step: Step, prefixes: Prefixes) -> str:
    name = "*" if step.name is None else _name(step.name, prefixes)
    return name + "".join(f"[{_condition(one, prefixes)}]" for one in step.conditions)


def _condition(condition: AnyOf, prefixes: Prefixes) -> str:
    return " or ".join(
        " and ".join(_compare(one, prefixes) for one in alternative)
        for alternative in condition.alternatives
    )


def _compare(compare: Compare, prefixes: Prefixes) -> str:
    literal = compare.literal
    if isinstance(literal, str):
        quote = "'" if '"' in literal else '"'
        written = f"{quote}{literal}{quote}"
    else:
        written = format(Decimal(repr(literal)), "f")
    return f"{write(compare.path, prefixes)}{compare.operator}{written}"


def _name(name: str, prefixes: Prefixes) -> str:
    namespace, _, local = name.removeprefix("{").rpartition("}")
    return f"{prefixes[namespace]}:{local}" if namespace else local
