"""All the rules of a presentity for one kind of state, read from its documents. Pure.

All documents below `pres-rules/users/XUI` are one set of rules, whatever they are called (RFC
5025 §9.7). XCAP lets in only what is valid. What is not, because another writer or an older
version put it there, has no rules in it: such a document grants nothing, and that it is there
means that the presentity has decided to let nobody in by default.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final, NamedTuple

from presence.rules.grants import DIALOG_HANDLING, PRESENCE_HANDLING
from presence.rules.ruleset import Ruleset, merge, parse_ruleset
from sip.uri import AoR
from store.values import Document
from xmldoc.errors import XmlError
from xmldoc.parse import parse
from xmldoc.schema import schema

PRES_RULES: Final = "pres-rules"
DIALOG_RULES: Final = "org.openxcap.dialog-rules"
RULED_BY: Final[Mapping[str, str]] = {"presence": PRES_RULES, "dialog": DIALOG_RULES}
"""Event package, and the application usage whose documents say who may watch it (AUT-11). Others
have their default policy."""
SCHEMAS: Final[Mapping[str, str]] = {PRES_RULES: "pres-rules", DIALOG_RULES: "dialog-rules"}
"""Application usage and the schema of its documents."""
ACTIONS: Final[Mapping[str, str]] = {
    PRES_RULES: PRESENCE_HANDLING,
    DIALOG_RULES: DIALOG_HANDLING,
}
"""Application usage and the action that says what becomes of subscriptions."""
RULESET: Final = "{urn:ietf:params:xml:ns:common-policy}ruleset"

ENTRY_WEIGHT: Final = 512
"""Octets for what a book needs beside its rules."""
RULE_WEIGHT: Final = 2
"""Octets in memory for each octet of a document; 1.0 to 1.5 were measured."""
MAX_OCTETS: Final = 524_288
"""Of all documents of one presentity: they are parsed in one turn of the loop, 120 ns an octet."""

REMEMBERED: Final = 512
"""Documents whose rules are shared by all who have the very same: clients that let everybody in,
or ask about everybody, write one document for all their users, and 80 us go into each."""
MAX_REMEMBERED: Final = 4096
"""Octets of such a document."""


class BookKey(NamedTuple):
    """Whose rules, and for what."""

    auid: str
    owner: AoR


class BadRules(ValueError):
    """A stored document that is none of rules; the text says why."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules of one presentity."""

    ruleset: Ruleset | None
    """None: it has no document."""
    octets: int = ENTRY_WEIGHT
    """Of memory, estimated."""


NO_RULES: Final = RuleBook(None)


def read_document(auid: str, body: bytes) -> Ruleset:
    """The rules in a document of usage `auid`. Raises BadRules."""
    return (_remembered if len(body) <= MAX_REMEMBERED else _read)(auid, body)


def _read(auid: str, body: bytes) -> Ruleset:
    try:
        root = parse(body)
    except XmlError as error:
        raise BadRules(str(error)) from None
    if root.tag != RULESET:
        raise BadRules(f"the root element must be {RULESET}, not {root.tag}")
    reason = schema(SCHEMAS[auid]).check(root)
    if reason is not None:
        raise BadRules(reason)
    return parse_ruleset(root, action=ACTIONS[auid])


_remembered = lru_cache(REMEMBERED)(_read)


def within_bounds(documents: Sequence[Document]) -> Sequence[Document]:
    """The first of `documents` that are not too much together."""
    ends = accumulate(len(document.body) for document in documents)
    return [document for document, end in zip(documents, ends, strict=True) if end <= MAX_OCTETS]


def book_of(documents: Sequence[Document], rulesets: Sequence[Ruleset]) -> RuleBook:
    """The book of a presentity that has `documents`, in which `rulesets` are what is valid."""
    if not documents:
        return NO_RULES
    octets = sum(len(document.body) for document in documents)
    return RuleBook(merge(rulesets), ENTRY_WEIGHT + RULE_WEIGHT * octets)
