"""PUB-09: what a publisher has published ends soon after the publisher is gone."""

import pytest

from presence.config import PresenceConfig
from presence.publications.publishers import FEW, Publishers, way_of
from sip.uri import AoR
from store.errors import StoreUnavailable
from store.values import Resource
from tests.presence.fakes import (
    ALICE,
    AS_ALICE,
    NOON,
    PRESENCE,
    FakeFlow,
    FakeTransaction,
    House,
    pidf,
    publish_request,
    settle,
)

GRACE = 30
CONFIG = PresenceConfig(domains=frozenset({"example.com"}), grace=GRACE)
BOTH = ("Via: SIP/2.0/TCP 192.0.2.8:5060;branch=z9hG4bKp",)


class Connection(FakeFlow):
    """One with a name of its own."""

    def __init__(self, name: str) -> None:
        super().__init__("TCP")
        self._name = name

    @property
    def name(self) -> str:
        return self._name


FIRST, SECOND = Connection("tcp:1"), Connection("tcp:2")


async def publish(house: House, flow: FakeFlow, tag: str = "", *more: str, note: str = "") -> str:
    """The entity-tag of a publication, or of a refresh without `note`."""
    condition = (f"SIP-If-Match: {tag}",) if tag else ()
    request = publish_request(pidf(note) if note else b"", *condition, *more)
    tx = FakeTransaction(request, flow, house.journal)
    await house.service.publish(tx, AS_ALICE)
    assert tx.status == 200, tx.headers
    return tx.headers["SIP-ETag"]


def ends(house: House) -> list[float]:
    """Seconds until each publication ends."""
    return sorted(p.expires_at - house.clock.now for p in house.store.state(PRESENCE).publications)


async def test_a_connection_that_breaks_leaves_its_publications_the_grace() -> None:
    """Those that came over another stay as they are; the watchers hear of the end."""
    house = House(config=CONFIG)
    await publish(house, FIRST, note="one")
    await publish(house, SECOND, note="two")
    await house.watching()
    house.service.flow_lost(FIRST.name)
    await settle()
    assert ends(house) == [GRACE, 3600]
    assert house.endpoint.take() == []
    house.clock.now += GRACE
    await house.service.sweep()
    await settle()
    (notify,) = house.endpoint.take()
    assert b"one" not in notify.body
    assert b"two" in notify.body


async def test_a_refresh_cancels_it() -> None:
    """Over whatever flow, at whatever process: the entity-tag decides."""
    house = House(config=CONFIG)
    tag = await publish(house, FIRST, note="here")
    house.service.flow_lost(FIRST.name)
    await settle()
    tag = await publish(house, SECOND, tag)
    house.service.flow_lost(FIRST.name)
    await settle()
    assert ends(house) == [3600]
    await publish(house, SECOND, tag, "Expires: 0")
    house.service.flow_lost(SECOND.name)
    await settle()
    assert ends(house) == []


async def test_a_refresh_elsewhere_before_the_loss_is_noticed_stands() -> None:
    """This process then knows an entity-tag that is no more."""
    house = House(config=CONFIG)
    elsewhere = House(config=CONFIG, store=house.store)
    elsewhere._octets = 100
    tag = await publish(house, FIRST, note="here")
    await publish(elsewhere, SECOND, tag)
    house.service.flow_lost(FIRST.name)
    await settle()
    assert ends(house) == [3600]


@pytest.mark.parametrize(
    ("gone", "moved", "left"),
    [
        pytest.param([FIRST.name], {}, GRACE, id="removed-or-expired"),
        pytest.param(["tcp:9"], {}, 3600, id="of-another-flow"),
        pytest.param([], {FIRST.name: "tcp:9"}, 3600, id="the-same-device-over-another-flow"),
    ],
)
async def test_a_registration_that_is_lost(
    gone: list[str], moved: dict[str, str], left: int
) -> None:
    """The publications that came over the flow of the binding; of the same AoR only."""
    house = House(config=CONFIG)
    await publish(house, FIRST, note="here")
    house.service.bindings_changed(AoR("sip:bob@example.com"), [FIRST.name], {})
    await settle()
    assert ends(house) == [3600]
    house.service.bindings_changed(ALICE, gone, moved)
    await settle()
    assert ends(house) == [left]
    house.service.flow_lost(moved.get(FIRST.name, ""))
    await settle()
    assert ends(house) == [GRACE if moved else left]


async def test_a_udp_publisher_is_known_by_its_address() -> None:
    """Whichever of our sockets it was heard by."""
    house = House(config=CONFIG)
    flow = FakeFlow()
    await publish(house, flow, note="here")
    house.service.bindings_changed(ALICE, [way_of(f"udp:192.0.2.1:5060>{flow.name[4:]}")], {})
    await settle()
    assert ends(house) == [GRACE]


async def test_what_came_through_a_proxy_goes_with_no_flow() -> None:
    """The connection is the proxy's, which many share."""
    house = House(config=CONFIG)
    await publish(house, FIRST, "", *BOTH, note="here")
    house.service.flow_lost(FIRST.name)
    await settle()
    assert ends(house) == [3600]


async def test_a_connection_that_broke_while_the_publication_was_written() -> None:
    house = House(config=CONFIG)
    broken = Connection("tcp:3")
    broken.closed = True
    await publish(house, broken, note="here")
    await settle()
    assert ends(house) == [GRACE]


async def test_it_is_off_unless_it_is_asked_for() -> None:
    house = House()
    await publish(house, FIRST, note="here")
    house.service.flow_lost(FIRST.name)
    house.service.bindings_changed(ALICE, [FIRST.name], {})
    await settle()
    assert ends(house) == [3600]


async def test_a_store_that_is_away_is_asked_again() -> None:
    """The end stays where it was: the grace is counted from the loss."""
    house = House(config=CONFIG)
    await publish(house, FIRST, note="here")
    house.store.failing = StoreUnavailable("away")
    house.service.flow_lost(FIRST.name)
    await settle()
    assert ends(house) == [3600]
    house.store.failing = None
    house.clock.now += 6
    house.service._alarm._ring()
    await settle()
    assert ends(house) == [GRACE - 6]


def test_what_has_expired_is_forgotten() -> None:
    """The memory is bounded by what is live."""
    publishers = Publishers()
    for number in range(5 * FEW):
        key = (Resource(f"sip:u{number}@example.com", "presence"), "id")
        now = NOON + number
        publishers.published(key, "tag", f"udp:{number}", expires_at=now + 60, now=now)
    assert len(publishers) <= FEW + 60
