"""PKG-01: what classes of phones expect of a busy lamp, by their User-Agent (docs/blf.md)."""

import pytest

from presence.packages.dialog.phones import LAMP, ONE_LAMP, PLAIN, Phones, Quirks
from tests.presence.packages.dialogs import Watcher, dialog, info, publication


@pytest.mark.parametrize(
    ("user_agent", "quirks"),
    [
        ("Yealink SIP-T46G 28.81.0.25", LAMP),
        ("Fanvil X4 2.4.0", LAMP),
        ("Grandstream GXP2170 1.0.11.23", LAMP),
        ("snom720/8.9.3.80", LAMP),
        ("Cisco/SPA504G-7.5.5", ONE_LAMP),
        ("Linksys/SPA942-6.1.5(a)", ONE_LAMP),
        ("Bria 5 release 5.8.3", Quirks(dummy=True)),
        ("PolycomVVX-VVX_410-UA/5.9.0.9373", PLAIN),
        ("baresip v3.5.0", PLAIN),
        (None, PLAIN),
    ],
)
def test_classes_of_phones(user_agent: str | None, quirks: Quirks) -> None:
    assert Phones({}).quirks(user_agent) == quirks


def test_what_the_operator_says_comes_first() -> None:
    """The longest start that fits decides."""
    phones = Phones({"Yealink SIP-T2": ONE_LAMP, "snom": PLAIN, "": Quirks(full=True)})
    assert phones.quirks("Yealink SIP-T23G 44.80") == ONE_LAMP
    assert phones.quirks("Yealink SIP-T46G 28.81") == LAMP
    assert phones.quirks("snom720/8.9") == PLAIN
    assert phones.quirks("unheard of") == Quirks(full=True)


@pytest.mark.parametrize("text", ["standard", "full", "full+dummy", "full+single+dummy"])
def test_quirks_are_written_as_they_are_read(text: str) -> None:
    assert str(Quirks.parse(text)) == text


def test_a_word_that_is_no_quirk() -> None:
    with pytest.raises(ValueError, match="'loud' is not one of standard, full, single, dummy"):
        Quirks.parse("full+loud")


def test_full_says_everything_every_time() -> None:
    watcher = Watcher(content="full\n")
    one = dialog("1", "confirmed")
    watcher.hear(publication(info(one)))
    assert watcher.hear(publication(info(one, dialog("2", "early")), at=2)) == {
        "1": "confirmed",
        "2": "early",
    }
    both = publication(info(one, dialog("2", "terminated")), at=3)
    assert watcher.hear(both) == {"1": "confirmed", "2": "terminated"}
    assert all(b'state="full"' in body for body in watcher.bodies)
    assert watcher.hear(both) == {}


def test_single_shows_what_can_be_picked_up_first() -> None:
    watcher = Watcher(content="full+single\n")
    talking, ringing = dialog("1", "confirmed"), dialog("2", "early")
    assert watcher.hear(publication(info(talking))) == {"1": "confirmed"}
    assert watcher.hear(publication(info(talking, ringing), at=2)) == {"2": "early"}
    assert watcher.hear(publication(info(talking, dialog("2", "terminated")), at=3)) == {
        "1": "confirmed"
    }
    assert watcher.hear(publication(info(dialog("1", "terminated")), at=4)) == {"1": "terminated"}


def test_a_dummy_stands_for_an_idle_line() -> None:
    """Yealink keeps its lamp as it was when a full document has no dialog."""
    watcher = Watcher(content="full+dummy\n")
    assert watcher.hear() == {"idle": "terminated"}
    watcher.hear(publication(info(dialog("1", "early"))))
    assert watcher.hear() == {"1": "terminated"}
    assert watcher.hear(full=True) == {"idle": "terminated"}
    assert Watcher().hear() == {}
