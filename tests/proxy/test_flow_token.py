"""RFC 5626 §5.2: flow tokens name a flow, and nobody else can make one."""

import re
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.flow_token import FlowToken, mint, read
from tests.proxy.proxykit import KEY

UDP = "udp:192.0.2.1:5060>192.0.2.9:4711"
TOKEN = mint(UDP, "w1", KEY)


@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=80))
def test_token_says_what_it_was_made_of(name: str) -> None:
    token = mint(name, "w1", KEY)
    assert read(token, KEY) == FlowToken(name, "w1")
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)


def test_token_is_the_same_after_a_restart() -> None:
    assert mint(UDP, "w1", KEY) == TOKEN


DIALOG = ("call-1", "from-1")


def test_token_of_a_dialog_is_of_no_other() -> None:
    """§5.3: nor is it one of a Path, which would begin dialogs, or the other way round."""
    token = mint(UDP, "w1", KEY, DIALOG)
    assert read(token, KEY, DIALOG) == FlowToken(UDP, "w1")
    for other in (("call-2", "from-1"), ("call-1", "from-2"), ("call-1", ""), ()):
        assert read(token, KEY, other) is None
    assert read(TOKEN, KEY, DIALOG) is None


@pytest.mark.parametrize("dialog", [(), DIALOG])
def test_token_tells_nobody_where_the_client_is(dialog: tuple[str, ...]) -> None:
    """RFC 3323 §4.2, RFC 5627 §3.1.2: the caller sees it."""
    token = mint(UDP, "w1", KEY, dialog)
    octets = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert not any(part in octets for part in (b"192", b"4711", b"udp", b"w1"))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("alice", id="a-user"),
        pytest.param(TOKEN[:-4], id="cut"),
        pytest.param(TOKEN[:20] + ("A" if TOKEN[20] != "A" else "B") + TOKEN[21:], id="altered"),
        pytest.param("x" + TOKEN, id="longer"),
        pytest.param("é" * 60, id="not-ascii"),
        pytest.param("A" * 5000, id="endless"),
        pytest.param(mint(UDP, "w1", b"another key"), id="another-deployment"),
    ],
)
def test_what_we_did_not_make_is_no_token(token: str) -> None:
    assert read(token, KEY) is None
