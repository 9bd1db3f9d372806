"""RFC 3261 §26.1: guessing passwords ends soon, and costs nobody else anything."""

import pytest

from sip.lockout import FAILURES_PER_ORIGIN, Lockout

ALICE, BOB = "sip:alice@example.com", "sip:bob@example.com"
HERE, THERE = "origin-1", "origin-2"
LIMIT, SECONDS = 3, 60


def failing(lockout: Lockout, times: int, account: str = ALICE, now: float = 1000.0) -> list[bool]:
    return [lockout.failed(HERE, account, now) for _ in range(times)]


def test_one_failure_too_many_locks_and_is_told_once() -> None:
    lockout = Lockout(LIMIT, SECONDS)
    assert failing(lockout, LIMIT + 2) == [False, False, True, False, False]
    assert lockout.locked(HERE, ALICE, 1000.0)
    assert lockout.locks == 1


@pytest.mark.parametrize(
    ("origin", "account", "now"),
    [
        pytest.param(THERE, ALICE, 1001.0, id="the-user-elsewhere"),
        pytest.param(HERE, BOB, 1001.0, id="another-user-beside"),
        pytest.param(HERE, ALICE, 1060.0, id="after-the-time"),
        pytest.param(HERE, ALICE, 10.0, id="clock-set-back"),
    ],
)
def test_lock_is_on_that_user_from_there_for_that_long(
    origin: str, account: str, now: float
) -> None:
    lockout = Lockout(LIMIT, SECONDS)
    failing(lockout, LIMIT)
    assert not lockout.locked(origin, account, now)


def test_failures_long_apart_do_not_add_up() -> None:
    lockout = Lockout(LIMIT, SECONDS)
    assert not any(lockout.failed(HERE, ALICE, 1000.0 + 61 * turn) for turn in range(LIMIT * 2))


def test_right_password_wipes_the_failures_before_it() -> None:
    lockout = Lockout(LIMIT, SECONDS)
    failing(lockout, LIMIT - 1)
    lockout.succeeded(HERE, ALICE)
    assert failing(lockout, LIMIT - 1) == [False] * (LIMIT - 1)


def test_after_a_lock_it_takes_as_many_failures_again() -> None:
    lockout = Lockout(LIMIT, SECONDS)
    failing(lockout, LIMIT)
    assert failing(lockout, LIMIT, now=1070.0) == [False, False, True]


def test_trying_many_accounts_locks_the_origin_but_for_who_is_known_there() -> None:
    lockout = Lockout(LIMIT, SECONDS)
    lockout.succeeded(HERE, BOB)
    told = [
        lockout.failed(HERE, f"sip:{number}@example.com", 1000.0)
        for number in range(LIMIT * FAILURES_PER_ORIGIN)
    ]
    assert told == [False] * (len(told) - 1) + [True]
    assert lockout.locked(HERE, ALICE, 1001.0)
    assert not lockout.locked(HERE, BOB, 1001.0)
    assert not lockout.locked(THERE, ALICE, 1001.0)


@pytest.mark.parametrize(("failures", "seconds"), [(0, 60), (3, 0)])
def test_zero_locks_nobody(failures: int, seconds: int) -> None:
    lockout = Lockout(failures, seconds)
    assert not any(failing(lockout, 100))
    assert not lockout.locked(HERE, ALICE, 1000.0)


def test_memory_is_bounded() -> None:
    lockout = Lockout(LIMIT, SECONDS, capacity=100)
    for number in range(1000):
        lockout.failed(f"origin-{number}", ALICE, 1000.0)
        lockout.succeeded(f"origin-{number}", BOB)
    assert len(lockout) <= 100


def test_who_was_locked_lately_is_not_among_the_forgotten() -> None:
    lockout = Lockout(LIMIT, SECONDS, capacity=100)
    failing(lockout, LIMIT)
    for number in range(20):
        lockout.failed(f"origin-{number}", ALICE, 1000.0)
    assert lockout.locked(HERE, ALICE, 1001.0)
