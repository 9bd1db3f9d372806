"""RFC 3261 §8.2.1, §16.2: which work each method is, for the server itself and for others."""

import pytest

from proxy.addresses import Place
from proxy.errors import BadExtension, ProxyError
from proxy.options import ALLOW
from server.dispatch_rules import (
    BadEvent,
    NoDialog,
    NotAllowed,
    Road,
    SchemeUnsupported,
    check_required,
    event_road,
    road_of,
)
from tests.proxy.proxykit import request

IN_DIALOG = "<sip:example.com>;tag=x"
OUTSIDE = "<sip:example.com>"


@pytest.mark.parametrize(
    ("method", "place", "to", "road"),
    [
        ("OPTIONS", Place.SERVER, OUTSIDE, Road.OPTIONS),
        ("REGISTER", Place.SERVER, OUTSIDE, Road.REGISTER),
        ("SUBSCRIBE", Place.SERVER, IN_DIALOG, Road.SUBSCRIBE),
        ("INVITE", Place.SERVER, OUTSIDE, NotAllowed),
        ("MESSAGE", Place.SERVER, OUTSIDE, NotAllowed),
        ("NEWMETHOD", Place.SERVER, OUTSIDE, NotAllowed),
        ("NOTIFY", Place.SERVER, OUTSIDE, NotAllowed),
        ("NOTIFY", Place.SERVER, IN_DIALOG, NoDialog),
        ("BYE", Place.SERVER, IN_DIALOG, NoDialog),
        ("CANCEL", Place.SERVER, OUTSIDE, NoDialog),
        ("CANCEL", Place.USER, OUTSIDE, NoDialog),
        ("REGISTER", Place.USER, OUTSIDE, Road.REGISTER),
        ("PUBLISH", Place.USER, OUTSIDE, Road.PUBLISH),
        ("SUBSCRIBE", Place.USER, OUTSIDE, Road.SUBSCRIBE),
        ("OPTIONS", Place.USER, OUTSIDE, Road.RELAY),
        ("INVITE", Place.USER, OUTSIDE, Road.RELAY),
        ("NEWMETHOD", Place.USER, OUTSIDE, Road.RELAY),
        ("PUBLISH", Place.ELSEWHERE, OUTSIDE, Road.RELAY),
        ("BYE", Place.ELSEWHERE, IN_DIALOG, Road.RELAY),
        ("INVITE", Place.UNREACHABLE, OUTSIDE, SchemeUnsupported),
    ],
)
def test_road(method: str, place: Place, to: str, road: Road | type[ProxyError]) -> None:
    """A proxy passes methods it does not know; a user agent server answers 405."""
    message = request(method, to=to)
    if isinstance(road, Road):
        assert road_of(message, place) is road
    else:
        with pytest.raises(road):
            road_of(message, place)


@pytest.mark.parametrize(
    ("error", "status"), [(NotAllowed, 405), (NoDialog, 481), (SchemeUnsupported, 416)]
)
def test_status(error: type[ProxyError], status: int) -> None:
    assert error.status == status


@pytest.mark.parametrize("method", sorted(set(ALLOW) - {"ACK", "CANCEL"}))
def test_what_is_allowed_is_taken(method: str) -> None:
    """RFC 3261 §20.5: Allow names no method that is then answered 405."""
    assert isinstance(road_of(request(method), Place.SERVER), Road)


def test_405_says_what_is_allowed() -> None:
    """RFC 3261 §21.4.6."""
    ((name, methods),) = NotAllowed().headers
    assert name == "Allow"
    assert {"REGISTER", "PUBLISH", "SUBSCRIBE", "OPTIONS"} <= set(methods.split(", "))
    assert "INVITE" not in methods


@pytest.mark.parametrize(
    ("road", "place", "lines", "result"),
    [
        (Road.SUBSCRIBE, Place.USER, ["Event: presence"], Road.SUBSCRIBE),
        (Road.SUBSCRIBE, Place.USER, ["Event: presence;id=1"], Road.SUBSCRIBE),
        (Road.PUBLISH, Place.USER, ["o: presence"], Road.PUBLISH),
        (Road.SUBSCRIBE, Place.USER, ["Event: as-feature-event"], Road.RELAY),
        (Road.SUBSCRIBE, Place.SERVER, ["Event: as-feature-event"], BadEvent),
        (Road.PUBLISH, Place.USER, ["Event: as-feature-event"], BadEvent),
        (Road.SUBSCRIBE, Place.USER, [], BadEvent),
        (Road.PUBLISH, Place.USER, [], BadEvent),
    ],
)
def test_event_packages(
    road: Road, place: Place, lines: list[str], result: Road | type[BadEvent]
) -> None:
    """RFC 6665 §8.3.2, RFC 3903 §6: 489 with Allow-Events."""
    message = request(road.name, "sip:alice@example.com", *lines)
    if isinstance(result, Road):
        assert event_road(message, road, place, {"presence"}, "presence") is result
        return
    with pytest.raises(result) as caught:
        event_road(message, road, place, {"presence"}, "presence")
    assert (caught.value.status, list(caught.value.headers)) == (
        489,
        [("Allow-Events", "presence")],
    )


def test_required_extensions() -> None:
    """RFC 3261 §8.2.2.3: what is not supported is listed."""
    check_required(request("REGISTER", "sip:example.com", "Require: Path"), {"path"})
    with pytest.raises(BadExtension) as caught:
        check_required(request("REGISTER", "sip:example.com", "Require: path, gruu"), {"path"})
    assert list(caught.value.headers) == [("Unsupported", "gruu")]
