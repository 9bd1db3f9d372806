"""Rules as they are evaluated, read from a checked document (RFC 4745 §6, §13). Pure."""

from dataclasses import dataclass

from lxml import etree


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules of one document."""

    uses_sphere: bool
    """Whether any rule asks for the sphere of the presentity."""
    lists: frozenset[str]
    """The anchors of the lists outside the document that rules ask for."""


def parse_ruleset(root: etree._Element) -> Ruleset:
    """The rules below `root`, a ruleset that is valid against its schema."""
    return Ruleset(False, frozenset())
