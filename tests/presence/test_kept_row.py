"""Rows of live subscriptions in little memory."""

from typing import Any

import pytest

from presence.kept_row import keep, restore
from store.values import Resource, SubscriptionRow

ROW = SubscriptionRow(
    id="w0.1",
    resource=Resource("sip:alice@example.com", "presence"),
    event_id="7",
    event_parameters=";id=7",
    watcher="sip:bob@example.com",
    state="active",
    call_id="c1@192.0.2.1",
    local_tag="w0.1",
    remote_tag="f1",
    local_address="<sip:alice@example.com>;tag=w0.1",
    remote_address="<sip:bob@example.com>;tag=f1",
    remote_target="sip:bob@192.0.2.1",
    route_set=("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"),
    local_contact="<sip:192.0.2.9>",
    remote_cseq=3,
    cseq_ceiling=20_000,
    expires_at=1_700_000_000.125,
    accept="application/pidf+xml",
    content_type="application/pidf+xml",
    told_version=4,
    owner="node.1",
    transport="UDP",
    flow="udp:192.0.2.1:5060",
    created_at=1_699_999_000.0625,
    content="<filter/>",
    condition="*",
)


def again(row: SubscriptionRow) -> SubscriptionRow:
    text, shared = keep(row)
    held = {
        name: getattr(row, name)
        for name in SubscriptionRow._fields
        if name in restore.__annotations__ and name not in ("text", "shared")
    }
    return restore(text, shared, **held)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="all fields"),
        pytest.param({"event_id": None}, id="no id"),
        pytest.param({"event_id": ""}, id="an empty id"),
        pytest.param({"route_set": ()}, id="no routes"),
        pytest.param({"watcher": "", "event_parameters": ""}, id="an anonymous watcher"),
        pytest.param({"local_tag": "other"}, id="a tag that is not the id"),
        pytest.param(
            {"local_address": '"Alice" <sip:alice@example.com>;tag=w0.1'}, id="a display name"
        ),
        pytest.param({"remote_address": "sip:bob@example.com;tag=f1"}, id="no angle brackets"),
        pytest.param(
            {"remote_address": '"B\udce9" <sip:b@x>;tag=f1'}, id="octets that are no text"
        ),
        pytest.param({"created_at": 1e-300}, id="an odd instant"),
    ],
)
def test_a_row_comes_back_as_it_was(changes: dict[str, Any]) -> None:
    """What a NOTIFY and a refresh need (RFC 6665 §4.2.2) is all there."""
    row = ROW._replace(**changes)
    assert again(row) == row


def test_every_field_is_tried() -> None:
    """A field that has its default above would not be missed."""
    for name, default in SubscriptionRow._field_defaults.items():
        assert getattr(ROW, name) != default, name


def test_what_clients_have_in_common_is_one_value() -> None:
    """Thousands of phones of one kind share it."""
    other = ROW._replace(id="w0.2", call_id="c2@192.0.2.1")
    assert keep(ROW)[1] is keep(other)[1]
