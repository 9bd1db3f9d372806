"""If-Match and If-None-Match (RFC 9110 §13.1, RFC 4825 §7.11). Pure.

For a write they are decided by the store in the statement that writes, so that no
other write can come between; for a read, here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from xcap.errors import BadRequest

ANY: Final = ("*",)
SPACE: Final = " \t"
SHOWN: Final = 80
"""Characters of bad input that an error repeats."""
MAX_TAG: Final = 64
"""Characters of the longest tag that can be one of ours."""
CODED: Final = "+gzip"
"""At the end of the entity-tag of what is sent compressed; no tag of ours has a plus sign."""

ENTITY_TAG: Final = re.compile(r'(W/)?"([^\x00-\x20"\x7f]*)"[ \t]*')
BARE_TAG: Final = re.compile(r'(W/)?"*([^\s",]+)"*[ \t]*')
"""Without quotes, or with too many, as some clients write it (interop)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a request asks of the present state; tags are opaque, without quotes."""

    if_match: tuple[str, ...] | None = None
    """One of these must be the present tag, ("*",): there must be one, (): never holds."""
    if_none_match: tuple[str, ...] | None = None
    """None of these may be the present tag, ("*",): there must be none."""

    def match(self, etag: str | None) -> bool:
        """Whether If-Match allows a resource whose present tag is `etag`, None if missing."""
        wanted = self.if_match
        return wanted is None or (etag is not None and (wanted == ANY or etag in wanted))

    def none_match(self, etag: str | None) -> bool:
        """Whether If-None-Match allows a resource whose present tag is `etag`."""
        unwanted = self.if_none_match
        return unwanted is None or etag is None or (unwanted != ANY and etag not in unwanted)


UNCONDITIONAL: Final = Conditions()


def parse_conditions(
    if_match: Sequence[str], if_none_match: Sequence[str], *, form: re.Pattern[str] = ENTITY_TAG
) -> Conditions:
    """The conditions that the field lines ask for. Raises BadRequest.

    If-Match compares strongly, so weak tags in it can never hold and are dropped;
    If-None-Match compares weakly (RFC 9110 §8.8.3.2). Tags that are not ours in form are
    dropped as well. A compressed answer had the tag of its document with CODED at its end
    (RFC 9110 §8.8.3.3). `form` is how one tag is written.
    """
    if not if_match and not if_none_match:
        return UNCONDITIONAL
    must = tuple(tag for weak, tag in _tags(if_match, form) if not weak)
    must_not = tuple(tag for _, tag in _tags(if_none_match, form))
    return Conditions(must if if_match else None, must_not if if_none_match else None)


def _tags(lines: Sequence[str], form: re.Pattern[str]) -> list[tuple[bool, str]]:
    """The tags of a list field with whether each is weak; "*" stands for itself."""
    text = ",".join(lines).strip(SPACE)
    if text == "*":
        return [(False, "*")]
    tags: list[tuple[bool, str]] = []
    for found in _elements(text, form):
        tag = found[2].removesuffix(CODED)
        if tag.isascii() and tag != "*" and len(tag) <= MAX_TAG:
            tags.append((found[1] is not None, tag))
    return tags


def _elements(text: str, form: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """The elements of a list, some of which may be empty (RFC 9110 §5.6.1)."""
    position = 0
    while position < len(text):
        if text[position] in "," + SPACE:
            position += 1
            continue
        found = form.match(text, position)
        if found is None or text[found.end() : found.end() + 1] not in ("", ","):
            raise BadRequest(f"bad entity-tag in {text[:SHOWN]!r}")
        yield found
        position = found.end()
