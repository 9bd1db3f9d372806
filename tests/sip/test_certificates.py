"""Whom a certificate names (RFC 5922 §7.1, §7.2)."""

import pytest

from sip.certificates import AlternativeName, PeerCertificate, peer_certificate

DNS: AlternativeName = ("DNS", "Sip.Example.com")
DOMAIN: AlternativeName = ("URI", "sip:Example.com")
USER: AlternativeName = ("URI", "sip:alice@example.com")


@pytest.mark.parametrize(
    ("names", "domains"),
    [
        pytest.param([DOMAIN], ("example.com",), id="uri"),
        pytest.param([DNS], ("sip.example.com",), id="dns"),
        pytest.param([DNS, DOMAIN], ("example.com",), id="dns-counts-for-nothing-beside-a-uri"),
        pytest.param([DNS, USER], ("sip.example.com",), id="a-user-is-no-domain"),
        pytest.param([("URI", "SIP:example.com")], ("example.com",), id="scheme-in-any-case"),
        pytest.param([("URI", "sips:example.com")], (), id="sips-is-not-sip"),
        pytest.param([("URI", "https://example.com/")], (), id="another-scheme"),
        pytest.param([("URI", "sip:bad host")], (), id="no-uri-at-all"),
        pytest.param([("email", "a@example.com")], (), id="another-kind"),
        pytest.param([DNS, ("DNS", "sip.example.com.")], ("sip.example.com",), id="the-same-twice"),
    ],
)
def test_domains_of_alternative_names(
    names: list[AlternativeName], domains: tuple[str, ...]
) -> None:
    """RFC 5922 §7.1 step 1."""
    assert peer_certificate(names, ["elsewhere.example.com"]).domains == domains


@pytest.mark.parametrize(
    ("common_name", "domains"),
    [
        ("Example.com", ("example.com",)),
        ("John Doe", ()),
        ("*.example.com", ()),
        ("", ()),
    ],
)
def test_the_common_name_counts_only_without_alternative_names(
    common_name: str, domains: tuple[str, ...]
) -> None:
    """RFC 5922 §7.1 step 2: and only when it is a DNS name."""
    assert peer_certificate((), [common_name]).domains == domains


def test_users() -> None:
    assert peer_certificate([USER, DOMAIN]).users == ("sip:alice@example.com",)


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("example.com", True),
        ("EXAMPLE.com", True),
        ("example.com.", True),
        ("sip.example.com", False),
        ("com", False),
        ("*.example.net", True),
        ("a.example.net", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("[2001:db8::1]", True),
        ("2001:db8:0:0::1", True),
    ],
)
def test_names_are_matched_in_their_entirety(host: str, named: bool) -> None:
    """RFC 5922 §7.2: no suffixes, no wildcards, whatever their case."""
    certificate = peer_certificate(
        [
            ("URI", "sip:example.com"),
            ("URI", "sip:192.0.2.2"),
            ("IP Address", "192.0.2.1"),
            ("IP Address", "2001:DB8:0:0:0:0:0:1"),
        ]
    )
    wild = peer_certificate([("DNS", "*.example.net")])
    assert (certificate.names(host) or wild.names(host)) is named


def test_a_certificate_without_names_speaks_for_nobody() -> None:
    assert not PeerCertificate().names("")
