"""Who hears that published state has changed, beside those who watch it (PRS-08, AUT-03)."""

from collections.abc import Sequence
from dataclasses import replace

from presence.package import Provided
from presence.packages.presence import presence_package
from store.values import Change, Kind, Resource, resource_key
from tests.presence.fakes import (
    ALICE,
    NOON,
    PRESENCE,
    Clock,
    House,
    pidf,
    publish_request,
    settle,
    subscribe_request,
)

KEY = resource_key(PRESENCE)


def heard_by(house: House) -> list[tuple[str, int]]:
    """What a listener is told from now on: keys and versions."""
    heard: list[tuple[str, int]] = []
    house.service.listen(lambda change: heard.append((change.key, change.version)))
    return heard


async def test_a_publication_here_is_heard_after_its_commit() -> None:
    """A modification and a removal too; a refresh changes nothing."""
    house = House()
    heard = heard_by(house)
    tag = await house.published(pidf())
    tag = await house.published(b"", tag)
    tag = await house.published(pidf("away"), tag)
    await house.publish(publish_request(b"", "Expires: 0", f"SIP-If-Match: {tag}"))
    assert heard == [(KEY, 1), (KEY, 2), (KEY, 3)]


async def test_a_refused_publication_is_not_heard() -> None:
    """RFC 3903 §6 step 3: it changes nothing."""
    house = House()
    heard = heard_by(house)
    await house.publish(publish_request(pidf(), "SIP-If-Match: 00.11"))
    assert heard == []


async def test_a_change_elsewhere_is_heard_of_the_feed() -> None:
    """Documents and bindings are for others to hear."""
    house = House()
    heard = heard_by(house)
    house.service.on_change(Change(Kind.RESOURCE, KEY, 7))
    house.service.on_change(Change(Kind.BINDING, ALICE, 8))
    assert heard == [(KEY, 7)]


async def test_a_publication_that_expires_is_heard() -> None:
    """PUB-08: the sweep of this process finds it."""
    clock = Clock()
    house = House(clock=clock)
    await house.published(pidf())
    heard = heard_by(house)
    clock.now = NOON + 3601
    await house.service.sweep()
    assert heard == [(KEY, 2)]


async def test_state_computed_out_of_published_state_is_read_again() -> None:
    """PRS-08: what a package provides follows the publications of another."""
    presence = presence_package(min_interval=0)
    reads: list[Resource] = []

    async def provide(resource: Resource) -> Provided:
        reads.append(resource)
        return Provided(len(reads), len(reads))

    def affected(change: Change) -> Sequence[Resource]:
        return [Resource(ALICE, "echo")] if change.kind is Kind.RESOURCE else []

    echo = replace(
        presence,
        name="echo",
        publish_types=(),
        provide=provide,
        affected=affected,
        compose=lambda aor, state: str(state.provided).encode(),
    )
    house = House(packages={"presence": presence, "echo": echo})
    await house.subscribe(subscribe_request(event="echo"))
    assert house.endpoint.take()[-1].body == b"1"
    await house.published(pidf())
    await settle()
    assert house.endpoint.take()[-1].body == b"2"
