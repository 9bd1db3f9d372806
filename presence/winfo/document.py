"""The document of watcher information (RFC 3858 §3). Pure."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2s
from typing import Final
from xml.sax.saxutils import escape

from sip.address import NameAddr
from sip.errors import ParseError
from store.values import Resource, WatcherRow

MEDIA_TYPE: Final = "application/watcherinfo+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:watcherinfo"
ANONYMOUS: Final = "sip:anonymous@anonymous.invalid"
"""Stands for a watcher without an identity (RFC 3323 §4.1.1.3)."""
MAX_NAME: Final = 100
"""Characters of a display name; whoever subscribes chooses it."""
ID_OCTETS: Final = 12
KEPT: Final = 4096
_QUOTE: Final = {'"': "&quot;", "\n": "&#10;", "\t": "&#9;"}
_NO_XML: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold (XML 1.0 §2.2), and the carriage return."""
OVER: Final = "terminated"
WAITING: Final = "waiting"


def write(
    resource: Resource, rows: Sequence[WatcherRow], *, version: int, full: bool, now: float
) -> bytes:
    """The document that tells `rows`; `now` is Unix seconds."""
    state = "full" if full else "partial"
    watchers = "".join([_watcher(row, now) for row in rows])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<watcherinfo xmlns="{NAMESPACE}" version="{version}" state="{state}">\n'
        f'<watcher-list resource="{_attribute(resource.aor)}" '
        f'package="{_attribute(resource.package)}">\n{watchers}</watcher-list>\n</watcherinfo>\n'
    ).encode()


def entity(rows: Iterable[WatcherRow]) -> bytes:
    """The same octets whenever the same watchers are in the same states (RFC 5839 §6.4)."""
    return "\n".join(sorted(f"{row.id} {row.status} {row.event}" for row in rows)).encode(
        errors="replace"
    )


def token_of(subscription_id: str) -> str:
    """The name of a subscription for others: the same everywhere and for all its life, and of
    no use to whoever would take part in its dialog."""
    return blake2s(subscription_id.encode(errors="replace"), digest_size=ID_OCTETS).hexdigest()


def _watcher(row: WatcherRow, now: float) -> str:
    name = _display_name(row.address)
    named = f' display-name="{_attribute(name)}"' if name else ""
    lives = row.status not in (WAITING, OVER)
    ends = f' expiration="{max(0, int(row.expires_at - now))}"' if lives else ""
    since = max(0, int(now - row.created_at))
    uri = escape(_NO_XML.sub("", row.watcher or ANONYMOUS))
    return (
        f'<watcher id="{token_of(row.id)}" status="{row.status}" event="{row.event}"'
        f'{named}{ends} duration-subscribed="{since}">{uri}</watcher>\n'
    )


def _attribute(text: str) -> str:
    return escape(_NO_XML.sub("", text), _QUOTE)


@lru_cache(KEPT)
def _display_name(address: str) -> str:
    """The name in a From header, "" when there is none."""
    try:
        return NameAddr.parse(address).display[:MAX_NAME]
    except ParseError:
        return ""
