"""RFC 3261 §12: dialogs from either side, their routes, targets and sequence numbers."""

import pytest

from sip.dialog import CseqTooLow, Dialog, NoContact
from sip.message import Request, Response, build_request, build_response, parse_message

FROM = '"Alice \\"A\\""  <sip:alice@example.com;x=1> ; tag=a1 ;y'
TO = "Bob   <sip:bob@example.com>"
ROUTES = [("Record-Route", "<sip:p2;lr>, <sip:p1;lr>"), ("Record-Route", "<sip:p0;lr;x=y>")]


def subscribe(
    cseq: int = 7,
    contact: str | None = "<sip:alice@192.0.2.1>",
    to: str = TO,
    more: list[tuple[str, str]] | None = None,
) -> Request:
    headers = [
        ("From", FROM),
        ("To", to),
        ("Call-ID", "c1"),
        ("CSeq", f"{cseq} SUBSCRIBE"),
        *(more or []),
    ]
    if contact:
        headers.append(("Contact", contact))
    return build_request("SUBSCRIBE", "sip:bob@example.com", headers)


def accepted(request: Request) -> Response:
    message = parse_message(
        build_response(
            request,
            200,
            headers=[
                *(("Record-Route", route) for route in request.all("record-route")),
                ("Contact", "<sip:bob@192.0.2.9>"),
            ],
            to_tag="b1",
        )
    )
    assert isinstance(message, Response)
    return message


def test_the_uas_keeps_from_and_to_as_they_were_written() -> None:
    """RFC 3261 §12.1.1; interop: handsets compare them character by character."""
    dialog = Dialog.accept(subscribe(), "b1")
    assert dialog.remote_address == FROM
    assert dialog.local_address == f"{TO};tag=b1"
    assert (dialog.local_tag, dialog.remote_tag) == ("b1", "a1")
    assert (dialog.local_cseq, dialog.remote_cseq) == (0, 7)
    assert dialog.remote_target == "sip:alice@192.0.2.1"


def test_a_from_without_a_tag_is_one_with_an_empty_tag() -> None:
    """RFC 3261 §12.1.1, for RFC 2543."""
    request = build_request(
        "SUBSCRIBE",
        "sip:bob@example.com",
        [
            ("From", "<sip:a@b>"),
            ("To", TO),
            ("Call-ID", "1"),
            ("CSeq", "1 SUBSCRIBE"),
            ("Contact", "<sip:a@192.0.2.1>"),
        ],
    )
    dialog = Dialog.accept(request, "b1")
    assert dialog.remote_tag == ""
    assert dialog.remote_address == "<sip:a@b>"


def test_the_route_set_of_the_uas_is_in_the_order_received() -> None:
    """RFC 3261 §12.1.1."""
    dialog = Dialog.accept(subscribe(more=ROUTES), "b1")
    assert dialog.route_set == ("<sip:p2;lr>", "<sip:p1;lr>", "<sip:p0;lr;x=y>")
    assert dialog.next_hop == "sip:p2;lr"


def test_the_route_set_of_the_uac_is_reversed() -> None:
    """RFC 3261 §12.1.2."""
    request = subscribe(more=ROUTES)
    dialog = Dialog.established(request, accepted(request))
    assert dialog.route_set == ("<sip:p0;lr;x=y>", "<sip:p1;lr>", "<sip:p2;lr>")
    assert dialog.remote_target == "sip:bob@192.0.2.9"
    assert (dialog.local_tag, dialog.remote_tag) == ("a1", "b1")
    assert (dialog.local_cseq, dialog.remote_cseq) == (7, None)


def test_both_sides_see_one_dialog() -> None:
    request = subscribe()
    ours, theirs = Dialog.accept(request, "b1"), Dialog.established(request, accepted(request))
    assert ours.local_address == theirs.remote_address
    assert ours.remote_address == theirs.local_address


def test_a_request_without_routes_goes_to_the_target() -> None:
    """RFC 3261 §12.2.1.1."""
    after, uri, headers = Dialog.accept(subscribe(), "b1").request("NOTIFY")
    assert uri == "sip:alice@192.0.2.1"
    assert headers == [
        ("Max-Forwards", "70"),
        ("From", f"{TO};tag=b1"),
        ("To", FROM),
        ("Call-ID", "c1"),
        ("CSeq", "1 NOTIFY"),
    ]
    assert after.request("NOTIFY")[2][-1] == ("CSeq", "2 NOTIFY")


def test_loose_routing() -> None:
    """RFC 3261 §12.2.1.1."""
    _, uri, headers = Dialog.accept(subscribe(more=ROUTES), "b1").request("NOTIFY")
    assert uri == "sip:alice@192.0.2.1"
    assert [value for name, value in headers if name == "Route"] == [
        "<sip:p2;lr>",
        "<sip:p1;lr>",
        "<sip:p0;lr;x=y>",
    ]


def test_strict_routing() -> None:
    """RFC 3261 §12.2.1.1, its own example."""
    routes = "<sip:proxy1;method=X>,<sip:proxy2>,<sip:proxy3;lr>,<sip:proxy4>"
    dialog = Dialog.accept(subscribe(more=[("Record-Route", routes)]), "b1")
    assert dialog.routing() == (
        "sip:proxy1",
        ("<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>", "<sip:alice@192.0.2.1>"),
    )


def test_a_target_refresh_replaces_the_target_and_not_the_routes() -> None:
    """RFC 3261 §12.2.2."""
    dialog = Dialog.accept(subscribe(more=ROUTES), "b1")
    after = dialog.refreshed(subscribe(8, "<sip:alice@192.0.2.77>", more=[]))
    assert after.remote_target == "sip:alice@192.0.2.77"
    assert after.route_set == dialog.route_set
    assert after.remote_cseq == 8


def test_a_refresh_without_contact_keeps_the_target() -> None:
    dialog = Dialog.accept(subscribe(), "b1")
    assert dialog.refreshed(subscribe(8, None)).remote_target == dialog.remote_target


def test_other_requests_leave_the_target_alone() -> None:
    """RFC 3261 §12.2."""
    dialog = Dialog.accept(subscribe(), "b1")
    after = dialog.received(subscribe(9, "<sip:mallory@192.0.2.66>"))
    assert after.remote_target == dialog.remote_target
    assert after.remote_cseq == 9


def test_an_older_cseq_is_refused_with_500() -> None:
    """RFC 3261 §12.2.2; gaps are no error."""
    dialog = Dialog.accept(subscribe(7), "b1").refreshed(subscribe(70))
    with pytest.raises(CseqTooLow) as caught:
        dialog.refreshed(subscribe(69))
    assert caught.value.status == 500


@pytest.mark.parametrize(
    "contact",
    [
        pytest.param(None, id="none"),
        pytest.param("*", id="star"),
        pytest.param("<sip:a@b>, <sip:c@d>", id="two"),
    ],
)
def test_a_dialog_needs_one_contact(contact: str | None) -> None:
    """RFC 3261 §12.1.1, §8.1.1.8."""
    with pytest.raises(NoContact) as caught:
        Dialog.accept(subscribe(contact=contact), "b1")
    assert caught.value.status == 400


def test_a_notify_before_the_200_makes_the_dialog() -> None:
    """RFC 6665 §4.4.1."""
    sent = subscribe()
    notify = build_request(
        "NOTIFY",
        "sip:alice@192.0.2.1",
        [
            ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"),
            ("From", f"{TO};tag=b1"),
            ("To", FROM),
            ("Call-ID", "c1"),
            ("CSeq", "1 NOTIFY"),
            ("Contact", "<sip:bob@192.0.2.9>"),
        ],
    )
    dialog = Dialog.notified(sent, notify)
    assert dialog.route_set == ("<sip:p1;lr>", "<sip:p2;lr>")
    assert dialog.local_address == FROM
    assert (dialog.local_cseq, dialog.remote_cseq) == (7, 1)
    assert dialog.remote_target == "sip:bob@192.0.2.9"
