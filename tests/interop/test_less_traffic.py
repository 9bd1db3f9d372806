"""BND-03, BND-04 and BND-06 with the real server: filters, rates and compressed bodies."""

import gzip
import time
import zlib
from collections.abc import Callable
from typing import Final

import pytest

from tests.presence.filters.filter_documents import include, one_filter, what
from tests.rawusers import NewUser, Subscription, User, pidf

SIMPLE_FILTER: Final = "application/simple-filter+xml"
BASICS: Final = what(include("//pidf:basic"))
OPENED: Final = one_filter(
    '<trigger><changed from="closed" to="open">//pidf:basic</changed></trigger>'
)
LONG: Final = "at my desk " * 200
"""A note that is worth compressing."""


async def filtering(watcher: User, presentity: str, body: bytes) -> Subscription:
    return await watcher.subscribe(presentity, body=body, body_type=SIMPLE_FILTER)


async def test_watchers_hear_what_and_when_their_filters_say(
    new_user: NewUser, transport: str
) -> None:
    """RFC 4660 §5.3; a refresh without a body keeps the filter, an invalid one is 488."""
    alice, bob = await new_user(transport), await new_user(transport)
    shut, half, open_ = (
        pidf(alice.aor, note, basic=basic)
        for note, basic in (("one", "closed"), ("two", "closed"), ("three", "open"))
    )
    own = (await alice.publish(shut))["SIP-ETag"]
    basics = await filtering(bob, alice.aor, BASICS)
    triggered = await filtering(bob, alice.aor, OPENED)
    assert b"<note" not in (await basics.notified(1)).body
    assert b"one" in (await triggered.notified(1)).body
    own = (await alice.publish(half, if_match=own))["SIP-ETag"]
    await alice.publish(open_, if_match=own)
    assert b"three" in (await triggered.notified(2)).body
    assert b"<basic>open" in (await basics.notified(2)).body
    basics.body = b""
    assert (await basics.send(600)).status == 200
    assert b"<note" not in (await basics.notified(3)).body
    basics.body = b"<filter-set/>"
    refused = await basics.send(600)
    assert (refused.status, refused["Warning"][:3]) == (488, "399")


@pytest.mark.parametrize(
    ("coding", "unpack"),
    [
        pytest.param("gzip", gzip.decompress, id="gzip"),
        pytest.param("deflate", zlib.decompress, id="deflate"),
    ],
)
async def test_long_bodies_are_compressed_for_who_takes_it(
    new_user: NewUser, transport: str, coding: str, unpack: Callable[[bytes], bytes]
) -> None:
    """RFC 3261 §20.2, §20.12: shorter on the wire, and of the same entity-tag."""
    alice, bob = await new_user(transport), await new_user(transport)
    await alice.publish(pidf(alice.aor, LONG))
    plain = await (await bob.subscribe(alice.aor)).notified(1)
    packing = Subscription(bob, alice.aor, headers=(("Accept-Encoding", coding),))
    assert (await packing.send(600)).status == 200
    packed = await packing.notified(1)
    assert packed["Content-Encoding"] == coding
    assert unpack(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2
    assert packed["SIP-ETag"] == plain["SIP-ETag"]


async def test_rates_are_kept_to(new_user: NewUser, transport: str) -> None:
    """RFC 6446 §5, §6: told as they were chosen; nothing comes faster, the same comes again."""
    alice, bob = await new_user(transport), await new_user(transport)
    own = (await alice.publish(pidf(alice.aor, "one")))["SIP-ETag"]
    slow = await bob.subscribe(alice.aor, event="presence;max-rate=0.00001")
    again = await bob.subscribe(alice.aor, event="presence;min-rate=50")
    first = await slow.notified(1)
    assert first["Subscription-State"].endswith(";max-rate=0.0016666667")
    state = (await again.notified(1))["Subscription-State"]
    rate = float(state.rpartition("min-rate=")[2])
    since = time.monotonic()
    own = (await alice.publish(pidf(alice.aor, "two"), if_match=own))["SIP-ETag"]
    await again.shows("two", within=2 / rate)
    heard = len(again.notifies)
    assert b"two" in (await again.notified(heard + 1, within=2 / rate)).body
    assert time.monotonic() - since > 0.5 / rate
    assert len(slow.notifies) == 1
    assert (await slow.send(0)).status == 200
    assert b"two" in (await slow.notified(2)).body
