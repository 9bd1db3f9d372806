"""Entity-tags of publications, and the reading of any (RFC 3903 §8, §11.3.1, RFC 5839 §7.3).

Pure: random octets are given. A tag that we make is `<publication id>.<random>`: the id names
the row for the publication's whole life, the rest is new with every success and cannot be
guessed.
"""

import re
from collections.abc import Sequence
from typing import Final

from presence.errors import BadRequest

ID_OCTETS: Final = 8
TAG_OCTETS: Final = 16
"""128 bits that nobody can guess (PUB-02)."""
RANDOM_OCTETS: Final = ID_OCTETS + TAG_OCTETS

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")


def first_tag(random: bytes) -> tuple[str, str]:
    """A new publication's id and entity-tag, out of RANDOM_OCTETS random octets."""
    digits = random.hex()
    publication_id = digits[: 2 * ID_OCTETS]
    return publication_id, f"{publication_id}.{digits[2 * ID_OCTETS :]}"


def next_tag(expected: str, random: bytes) -> tuple[str, str]:
    """The id that tag `expected` claims, and the tag to follow it."""
    publication_id = expected.partition(".")[0]
    return publication_id, f"{publication_id}.{random[ID_OCTETS:].hex()}"


def read_if_match(lines: Sequence[str]) -> str | None:
    """The one entity-tag of SIP-If-Match; None without the header (RFC 3903 §6 step 3).

    Raises BadRequest when there are several, or what is there is no token.
    """
    return _read(lines, "SIP-If-Match")


def read_suppress_if_match(lines: Sequence[str]) -> str:
    """The same of Suppress-If-Match (RFC 5839 §5.2); "" without the header."""
    return _read(lines, "Suppress-If-Match") or ""


def _read(lines: Sequence[str], name: str) -> str | None:
    if not lines:
        return None
    if len(lines) > 1 or not _TOKEN.fullmatch(lines[0]):
        raise BadRequest(f"{name} takes one entity-tag")
    return lines[0]
