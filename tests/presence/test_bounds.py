"""How long subscriptions and publications last: RFC 6665 §4.2.1.1, RFC 3903 §6, EVT-17."""

from dataclasses import replace

import pytest

from presence.config import PresenceConfig
from presence.errors import IntervalTooBrief
from presence.packages.presence import presence_package
from presence.subscriptions.bounds import (
    Bounds,
    bounds_of,
    granted_publication,
    granted_subscription,
)
from tests.presence.fakes import NOON, House, pidf, publish_request, subscribe_request

CONFIG = PresenceConfig(min_expires=60, max_expires=3600)
OWN = replace(presence_package(), min_expires=10, max_expires=600, default_expires=300)


def test_a_package_has_bounds_of_its_own_before_the_servers() -> None:
    assert bounds_of(OWN, CONFIG) == Bounds(least=10, most=600, default=300)
    assert bounds_of(presence_package(), CONFIG) == Bounds(least=60, most=3600, default=3600)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        pytest.param(None, 300, id="the default"),
        pytest.param(0, 0, id="an end is granted at once"),
        pytest.param(10, 10, id="the least"),
        pytest.param(599, 599, id="what was asked for"),
        pytest.param(7200, 600, id="the most"),
    ],
)
def test_what_is_granted(asked: int | None, granted: int) -> None:
    """RFC 6665 §4.2.1.1, RFC 3903 §6: shortened, never prolonged."""
    bounds = bounds_of(OWN, CONFIG)
    assert granted_subscription(asked, bounds) == granted
    assert granted_publication(asked, bounds) == granted


def test_less_than_the_least_is_too_brief() -> None:
    with pytest.raises(IntervalTooBrief) as caught:
        granted_publication(9, bounds_of(OWN, CONFIG))
    assert list(caught.value.headers) == [("Min-Expires", "10")]
    with pytest.raises(IntervalTooBrief):
        granted_subscription(9, bounds_of(OWN, CONFIG))


def test_an_hour_is_never_too_brief_for_a_subscription() -> None:
    """RFC 6665 §4.2.1.1."""
    long = Bounds(least=7200, most=9000, default=7200)
    assert granted_subscription(3600, long) == 3600
    with pytest.raises(IntervalTooBrief):
        granted_publication(3600, long)


@pytest.mark.parametrize(
    ("asked", "share", "granted"),
    [
        pytest.param(600, 0.1, 540, id="shortened"),
        pytest.param(None, 0.5, 150, id="the default too"),
        pytest.param(15, 0.5, 10, id="not below the least"),
        pytest.param(10, 0.5, 10, id="the least stays"),
        pytest.param(0, 0.5, 0, id="an end stays one"),
    ],
)
def test_expiries_are_spread_downward(asked: int | None, share: float, granted: int) -> None:
    """EVT-17: never more than asked for, never less than the least."""
    assert granted_subscription(asked, bounds_of(OWN, CONFIG), share) == granted


def test_what_may_be_less_than_the_least_is_not_shortened() -> None:
    """RFC 6665 §4.2.1.1: an hour is granted although the least is more."""
    assert granted_subscription(3600, Bounds(7200, 9000, 7200), 0.5) == 3600


async def test_what_is_granted_over_the_wire_is_spread() -> None:
    """EVT-17: a SUBSCRIBE, its refresh and a PUBLISH, each by a draw of its own."""
    house = House(config=PresenceConfig(expires_jitter=20))
    draws = iter((0.0, 0.5, 1.0))
    house.service._core.draw = lambda: next(draws)
    first = await house.subscribe(subscribe_request("Expires: 1000"))
    again = await house.subscribe(subscribe_request("Expires: 1000", cseq=2, to_tag=first.to_tag))
    published = await house.publish(publish_request(pidf(), "Expires: 1000"))
    assert [tx.headers["Expires"] for tx in (first, again, published)] == ["1000", "900", "800"]
    assert [row.expires_at for row in house.store.rows.values()] == [NOON + 900]
    assert "expires=900" in house.endpoint.take()[1].state


async def test_bounds_of_a_package_hold_over_the_wire() -> None:
    """RFC 6665 §4.2.1.1, RFC 3903 §6 step 4."""
    house = House(packages={"presence": OWN})
    brief = await house.subscribe(subscribe_request("Expires: 9"))
    assert (brief.status, brief.headers["Min-Expires"]) == (423, "10")
    usual = await house.publish(publish_request(pidf()))
    assert (usual.status, usual.headers["Expires"]) == (200, "300")
    long = await house.publish(publish_request(pidf(), "Expires: 3600"))
    assert long.headers["Expires"] == "600"
