"""The part of a PostgreSQL statement that tells the feed what it changed. Pure.

NOTIFY rides in the statement that makes the change, so it is sent by the same commit;
the keys of a batch share payloads below PostgreSQL's limit of 8,000 octets.
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    ScalarSelect,
    Text,
    cast,
    func,
    select,
)

from store.feed_payload import CHANNEL, PAYLOAD_LIMIT, SEPARATOR
from store.pg_statement import ONE, TEXT, WHOLE, character, given, text_literal
from store.values import Kind

_OVERHEAD: Final = 24
"""Octets of a change besides its key: letter, version and separators."""


def told(
    source: CTE,
    kind: Kind,
    version: ColumnElement[int],
    *key: ColumnElement[str],
    share: str = "feed_share",
) -> Any:
    """A scalar that, when selected, notifies one change per row of `source`.

    `share`: the parameter that says how many fit into a payload.
    """
    words: ColumnElement[str] = text_literal(kind.value) + cast(version, Text())
    for part in key:
        words = words + text_literal(" ") + part
    number = func.row_number().over()
    rows = select(words.label("change"), number.label("place")).select_from(source).subquery()
    separator = character(SEPARATOR)
    payload = given("feed_sender", TEXT) + separator + func.string_agg(rows.c.change, separator)
    sent = (
        select(func.pg_notify(text_literal(CHANNEL), payload).label("sent"))
        .group_by((rows.c.place - ONE) // given(share, WHOLE))
        .cte(f"told_{kind.name.lower()}")
    )
    counted: ScalarSelect[int] = select(func.count()).select_from(sent).scalar_subquery()
    return counted.label(f"told_{kind.name.lower()}")


def feed_arguments(sender: str, keys: Iterable[str]) -> dict[str, object]:
    """What a telling statement needs besides: its sender, and changes per payload.

    No key is longer than an index takes, some 2,700 octets, so one always fits.
    """
    longest = max(map(_octets, keys), default=0)
    return {"feed_sender": sender, "feed_share": max(1, PAYLOAD_LIMIT // (longest + _OVERHEAD))}


def _octets(key: str) -> int:
    return len(key) if key.isascii() else len(key.encode("utf-8", "surrogatepass"))
