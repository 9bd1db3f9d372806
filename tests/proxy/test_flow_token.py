"""RFC 5626 §5.2: flow tokens name a flow, and nobody else can make one."""

import re

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
