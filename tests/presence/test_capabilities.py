"""What the event server says of itself: Allow-Events, Accept (EVT-16)."""

from dataclasses import replace

import pytest

from presence.package import EventPackage, accepted_types, allow_events, is_template
from presence.packages.presence import presence_package
from tests.presence.fakes import House, subscribe_request

PRESENCE = presence_package()
LAMP = EventPackage("com.example.lamp", ("text/plain",), lambda aor, state: b"")
WINFO = replace(PRESENCE, name="presence.winfo", publish_types=())


def mapping(*packages: EventPackage) -> dict[str, EventPackage]:
    return {package.stored_as: package for package in packages}


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("presence", False),
        ("com.example.lamp", False),
        ("presence.winfo", True),
        ("presence.other", True),
        ("gone.winfo", True),
    ],
)
def test_templates_are_known_by_their_package(name: str, template: bool) -> None:
    """RFC 6665 §5.2; a package of an operator's own may have dots in its name."""
    assert is_template(name, {"presence", "com.example.lamp"}) is template


def test_allow_events_lists_packages_without_templates() -> None:
    """RFC 6665 §4.4.4."""
    assert allow_events(mapping(PRESENCE, LAMP, WINFO)) == ("com.example.lamp", "presence")


def test_accepted_types_are_those_of_every_kind_of_body() -> None:
    """RFC 3261 §11.2, RFC 5264 §4.1: publications, changes of them, lists and filters."""
    package = replace(
        PRESENCE, patch_types=("a/patch",), subscribe_types=("a/list",), filterable=True
    )
    assert accepted_types(mapping(package, LAMP)) == (
        "a/list",
        "a/patch",
        "application/pidf+xml",
        "application/simple-filter+xml",
    )


async def test_the_2xx_that_begins_a_dialog_says_what_is_served() -> None:
    """RFC 6665 §4.4.4: in responses to methods that initiate dialogs."""
    house = House(packages=mapping(PRESENCE, LAMP, WINFO))
    tx = await house.subscribe(subscribe_request("Expires: 600"))
    assert tx.headers["Allow-Events"] == "com.example.lamp, presence"
    again = await house.subscribe(subscribe_request("Expires: 600", cseq=2, to_tag=tx.to_tag))
    assert (again.status, "Allow-Events" in again.headers) == (200, False)
