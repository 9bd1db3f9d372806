"""RFC 3840 feature tags of a Contact as capabilities of a service (RFC 5196 §3.2)."""

import pytest

from presence.packages.presence import check_body
from presence.sources.capabilities import servcaps
from sip.parameters import Parameters
from tests.presence.fakes import ALICE, pidf

OPEN = '<c:servcaps xmlns:c="urn:ietf:params:xml:ns:pidf:caps">'


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        pytest.param(";audio", "<c:audio>true</c:audio>", id="flag"),
        pytest.param(';video="FALSE"', "<c:video>false</c:video>", id="flag-denied"),
        pytest.param(
            ';methods="invite,!BYE,X,INVITE"',
            "<c:methods><c:supported><c:INVITE/></c:supported>"
            "<c:notsupported><c:BYE/></c:notsupported></c:methods>",
            id="known-methods-once",
        ),
        pytest.param(
            ';events="presence, dialog"',
            "<c:event-packages><c:supported><c:presence/><c:dialog/></c:supported>"
            "</c:event-packages>",
            id="event-packages",
        ),
        pytest.param(
            ';extensions="100rel"',
            "<c:extensions><c:supported><c:rel100/></c:supported></c:extensions>",
            id="no-name-begins-with-a-digit",
        ),
        pytest.param(
            ';language="en,de&"',
            "<c:languages><c:supported><c:l>en</c:l><c:l>de&amp;</c:l></c:supported></c:languages>",
            id="strings-are-escaped",
        ),
        pytest.param(
            ';description="<a\ufffeb>"', "<c:description>ab</c:description>", id="no-noncharacters"
        ),
        pytest.param(
            ";video;audio", "<c:audio>true</c:audio><c:video>true</c:video>", id="schema-order"
        ),
    ],
)
def test_feature_tags_are_told(parameters: str, told: str) -> None:
    """RFC 5196 §4.1; every element is valid where it will stand."""
    said = servcaps(Parameters.parse(parameters))
    assert said == f"{OPEN}{told}</c:servcaps>"
    body = pidf().replace(b"</status>", b"</status>" + said.encode())
    check_body(body, "application/pidf+xml", ALICE)


@pytest.mark.parametrize("parameters", ["", ";q=0.5;expires=60", ';methods="X"', ";reg-id=1"])
def test_what_says_nothing_makes_no_element(parameters: str) -> None:
    assert servcaps(Parameters.parse(parameters)) == ""
