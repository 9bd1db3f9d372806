"""PRS-11: one name in the store, whatever the URI (RFC 3856 §5, RFC 3966)."""

from functools import partial

import pytest

from presence.config import PresenceConfig
from presence.packages.presence import presence_package
from presence.presentity import presentity_of
from sip.authenticator import Identity
from sip.errors import ParseError
from sip.uri import AoR
from store.values import Resource
from tests.presence.fakes import House, pidf, publish_request, subscribe_request

NUMBER = "sip:+15551234@example.com"


@pytest.mark.parametrize(
    ("uri", "aor"),
    [
        pytest.param("sip:alice@EXAMPLE.com;transport=tcp", "sip:alice@example.com", id="sip"),
        pytest.param("sips:alice@example.com", "sip:alice@example.com", id="sips"),
        pytest.param("pres:alice@example.com", "sip:alice@example.com", id="pres"),
        pytest.param("tel:+15551234", NUMBER, id="tel"),
        pytest.param("TEL:+1-(555).12-34;ext=9", NUMBER, id="separators-and-parameters"),
        pytest.param("tel:12;phone-context=example.org", "sip:12@example.org", id="local"),
    ],
)
def test_a_uri_names_one_user(uri: str, aor: str) -> None:
    assert presentity_of(uri, "example.com") == aor


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("tel:12", id="local-without-context"),
        pytest.param("tel:12;phone-context=+1", id="context-is-a-number"),
        pytest.param("tel:+", id="no-digits"),
        pytest.param("tel:+12x", id="no-number"),
        pytest.param("mailto:alice@example.com", id="another-scheme"),
    ],
)
def test_what_names_nobody_is_an_error(uri: str) -> None:
    with pytest.raises(ParseError):
        presentity_of(uri, "example.com")


async def test_a_number_is_watched_and_published_as_the_user_it_names() -> None:
    """Published by its number, with the number as the entity; watched as a SIP user."""
    presentity = partial(presentity_of, tel_domain="example.com")
    house = House(
        config=PresenceConfig(domains=frozenset({"example.com"}), tel_domain="example.com"),
        packages={"presence": presence_package(presentity=presentity)},
    )
    assert (await house.subscribe(subscribe_request(uri=NUMBER))).status == 200
    house.endpoint.take()
    body = pidf("by-number", entity="tel:+1-5551234")
    owner = Identity(AoR(NUMBER), "digest")
    published = await house.publish(publish_request(body, uri="tel:+15551234"), owner)
    assert published.status == 200
    (told,) = await house.endpoint.next()
    assert b"by-number" in told.body
    assert house.store.state(Resource(NUMBER, "presence")).version == 1
