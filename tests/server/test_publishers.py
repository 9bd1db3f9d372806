"""PUB-09: which changes of bindings mean that a publisher is gone."""

import pytest

from proxy.changes import BindingsChange, Cause
from server.publishers import flows_left, publishers_leave
from sip.uri import AoR
from store.values import Binding

ALICE = AoR("sip:alice@example.com")


def binding(contact: str, flow: str, instance: str = "") -> Binding:
    return Binding(
        contact=contact,
        expires_at=0.0,
        q=None,
        call_id="c",
        cseq=1,
        received="",
        path=(),
        instance=instance,
        reg_id=None,
        user_agent="",
        updated_at=0.0,
        flow=flow,
        worker="w",
        parameters="",
    )


PHONE = binding("sip:a@192.0.2.1", "tcp:1", "<urn:uuid:1>")
DESK = binding("sip:a@192.0.2.2", "udp:192.0.2.1:5060>192.0.2.2:5070")
AT_DESK = "udp:192.0.2.2:5070"
PLAIN = binding("sip:a@192.0.2.3:5061", "")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([PHONE, DESK], [DESK], ({"tcp:1"}, {}), id="one-left"),
        pytest.param([PHONE], [PHONE._replace(expires_at=9.0)], (set(), {}), id="refreshed"),
        pytest.param(
            [PHONE],
            [PHONE._replace(contact="sip:a@192.0.2.9", flow="tcp:9")],
            (set(), {"tcp:1": "tcp:9"}),
            id="same-instance-elsewhere",
        ),
        pytest.param(
            [DESK], [DESK._replace(flow="tcp:9")], (set(), {AT_DESK: "tcp:9"}), id="same-contact"
        ),
        pytest.param([PLAIN], [], ({"udp:192.0.2.3:5061"}, {}), id="udp-without-a-flow"),
        pytest.param(
            [binding("sip:192.0.2.3;transport=UDP", "")],
            [],
            ({"udp:192.0.2.3:5060"}, {}),
            id="udp-by-name-and-no-port",
        ),
        pytest.param([binding("sip:a@b;transport=tcp", "")], [], (set(), {}), id="tcp-no-flow"),
        pytest.param([binding("tel:+1", "")], [], (set(), {}), id="no-sip-contact"),
        pytest.param(
            [PHONE, DESK._replace(flow="tcp:1")], [PHONE], (set(), {}), id="flow-still-in-use"
        ),
        pytest.param(
            [PHONE, DESK._replace(flow="tcp:1")],
            [PHONE._replace(flow="tcp:9")],
            (set(), {"tcp:1": "tcp:9"}),
            id="one-of-two-devices-of-a-flow-moved",
        ),
    ],
)
def test_flows_that_are_left(
    before: list[Binding], after: list[Binding], expected: tuple[set[str], dict[str, str]]
) -> None:
    assert flows_left(before, after) == expected


def test_what_makes_no_difference_is_not_told() -> None:
    """Nor is what this process did not know before."""
    told: list[object] = []
    listener = publishers_leave(lambda *what: told.append(what))
    listener(BindingsChange(ALICE, None, (DESK,), 1, Cause.ELSEWHERE))
    listener(BindingsChange(ALICE, (DESK,), (DESK,), 2, Cause.ELSEWHERE))
    assert told == []
    listener(BindingsChange(ALICE, (DESK,), (), 3, Cause.ELSEWHERE))
    assert told == [(ALICE, {AT_DESK}, {})]
