"""Subscribers from the command line: addresses, hashes (RFC 7616 §3.4.2), import files."""

import hashlib

import pytest

from server.errors import ServerError
from server.subscribers import credential, parse_address, read_subscribers, served
from sip.uri import AoR

DOMAINS = ("example.com", "example.org")


@pytest.mark.parametrize(
    "text", ["alice@example.com", "sip:alice@example.com", "sips:alice@EXAMPLE.com"]
)
def test_an_address_becomes_its_aor(text: str) -> None:
    assert parse_address(text) == "sip:alice@example.com"


@pytest.mark.parametrize("text", ["", "alice", "@example.com", "alice@", "tel:+15551", "a b@c"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ServerError, match="is not an address such as"):
        parse_address(text)


def test_a_domain_that_is_not_served_is_named() -> None:
    with pytest.raises(ServerError, match=r"elsewhere\.net is not one of the domains"):
        served("alice@elsewhere.net", DOMAINS)


@pytest.mark.parametrize(
    ("kept", "algorithm", "user"),
    [
        ("md5", "md5", "alice"),
        ("sha256", "sha256", "alice"),
        ("md5_full", "md5", "alice@example.com"),
        ("sha256_full", "sha256", "alice@example.com"),
    ],
)
def test_each_hash_is_ha1_with_the_domain_as_realm(kept: str, algorithm: str, user: str) -> None:
    made = credential(AoR("sip:alice@example.com"), "wonder:land")
    text = f"{user}:example.com:wonder:land".encode()
    assert getattr(made, kept) == hashlib.new(algorithm, text).hexdigest()


def test_an_import_file_is_read_line_by_line() -> None:
    lines = ["# people", "alice\texample.com\ta b", "", "bob\tEXAMPLE.org\tx"]
    assert [row.aor for row in read_subscribers(lines, DOMAINS)] == [
        "sip:alice@example.com",
        "sip:bob@example.org",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("alice example.com x", "line 2: is not user<TAB>domain<TAB>password"),
        ("alice\texample.com\t", "line 2: is not user<TAB>domain<TAB>password"),
        ("alice\texample.net\tx", "line 2: alice@example.net: example.net is not one of"),
        ("al ice\texample.com\tx", "line 2: al ice@example.com: is not an address"),
        ("alice\tno domain\tx", "line 2: 'no domain' is not a domain name"),
    ],
)
def test_the_line_at_fault_is_named(line: str, said: str) -> None:
    with pytest.raises(ServerError) as caught:
        list(read_subscribers(["bob\texample.com\tx", line], DOMAINS))
    assert str(caught.value).startswith(said)
