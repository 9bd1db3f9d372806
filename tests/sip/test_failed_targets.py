"""Targets that failed are tried last for a while (RFC 3263 §4.3)."""

from sip.failed_targets import AVOIDED_FOR, MAX_FAILED, FailedTargets
from sip.locate import Target

NOW = 1_000.0
FIRST, SECOND, THIRD = (Target("tcp", f"192.0.2.{n}", 5060, "example.com") for n in (1, 2, 3))


def test_a_failed_target_is_tried_last_for_a_while() -> None:
    """RFC 3263 §4.3: the others keep their order; afterwards it has its old place again."""
    failed = FailedTargets()
    failed.add(FIRST, NOW)
    assert list(failed.last([FIRST, SECOND, THIRD], NOW)) == [SECOND, THIRD, FIRST]
    late = NOW + AVOIDED_FOR
    assert list(failed.last([FIRST, SECOND, THIRD], late)) == [FIRST, SECOND, THIRD]


def test_a_target_that_fails_is_one_of_every_domain() -> None:
    """RFC 3263 §4.3: transport, address and port make the target, not what led there."""
    failed = FailedTargets()
    failed.add(FIRST, NOW)
    other = [FIRST._replace(domain="example.net"), FIRST._replace(transport="udp")]
    assert list(failed.last(other, NOW)) == [other[1], other[0]]


def test_the_oldest_failures_are_forgotten_first() -> None:
    """RFC 3263 §4.3: bounded, whatever is tried."""
    failed = FailedTargets()
    failed.add(FIRST, NOW)
    for port in range(1, MAX_FAILED + 1):
        failed.add(SECOND._replace(port=port), NOW)
    assert list(failed.last([FIRST, THIRD], NOW)) == [FIRST, THIRD]
    assert failed.last([SECOND._replace(port=7), THIRD], NOW)[0] == THIRD
