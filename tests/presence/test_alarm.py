"""Throttled NOTIFYs wait in one wheel: what one of them does is its own affair."""

import gc
from collections.abc import Callable

from presence.live import LiveSubscription
from presence.notifier.alarm_service import Alarm
from tests.presence.fakes import Clock, House, subscribe_request


async def test_a_callback_that_fails_takes_no_other_with_it() -> None:
    clock, rung = Clock(), list[str]()
    alarm = Alarm(clock)

    def fail() -> None:
        raise ZeroDivisionError

    def ring(name: str) -> Callable[[], None]:
        return lambda: rung.append(name)

    for callback in (ring("before"), fail, ring("after")):
        alarm.schedule(clock.now + 1, callback)
    alarm.schedule(clock.now + 100, ring("much later"))
    clock.now += 2
    alarm._ring()
    assert rung == ["before", "after"]
    assert alarm._handle is not None
    alarm.stop()


async def test_a_subscription_that_is_let_go_leaves_no_timer_behind() -> None:
    """One held back by Retry-After would stay in memory for up to an hour."""
    house = House(answering=False)
    tx = await house.subscribe(subscribe_request())
    house.endpoint.take()[0].answer(503, [("Retry-After", "3600")])
    assert tx.to_tag is not None
    live = house.service.engine.index.get(tx.to_tag)
    assert live is not None
    house.service.engine.forget(live)
    del live
    gc.collect()
    kept = [one.id for one in gc.get_objects() if isinstance(one, LiveSubscription)]
    assert tx.to_tag not in kept
