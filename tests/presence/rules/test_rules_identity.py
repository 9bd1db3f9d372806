"""RFC 4745 §7.1 and §7.2, RFC 5025 §3.1.1: which watchers an identity condition is about."""

import pytest

from tests.presence.rules.rule_documents import identity, matches, one, request

EXCEPTIONS = (
    '<cp:many><cp:except domain="example.com"/><cp:except domain="example.org"/>'
    '<cp:except id="sip:alice@bad.example.net"/><cp:except id="sip:bob@good.example.net"/>'
    '<cp:except id="tel:+1-212-555-1234"/><cp:except id="sip:alice@example.com"/></cp:many>'
)
"""RFC 4745 §7.1.3.2."""
WITHIN = (
    '<cp:many domain="example.com"><cp:except id="sip:alice@example.com"/>'
    '<cp:except id="sip:bob@example.com"/></cp:many>'
)
"""RFC 4745 §7.1.3.3."""


@pytest.mark.parametrize(
    ("children", "watcher", "expected"),
    [
        pytest.param('<cp:one id="sip:bob@example.com"/>', "sip:bob@example.com", True, id="same"),
        pytest.param('<cp:one id="sip:bob@EXAMPLE.com"/>', "sip:bob@example.com", True, id="host"),
        pytest.param('<cp:one id="sip:Bob@example.com"/>', "sip:bob@example.com", False, id="user"),
        pytest.param('<cp:one id="sip:b%6Fb@example.com"/>', "sip:bob@example.com", True, id="esc"),
        pytest.param(
            '<cp:one id=" sip:bob@example.com "/>', "sip:bob@example.com", True, id="anyURI-space"
        ),
        pytest.param(
            '<cp:one id="sip:bob@example.com:5060;transport=tcp"/>',
            "sip:bob@example.com",
            True,
            id="address-of-record",
        ),
        pytest.param('<cp:one id="sips:bob@example.com"/>', "sip:bob@example.com", True, id="sips"),
        pytest.param(
            '<cp:one id="sip:bob@example.com"/>', "sip:bob@example.community", False, id="longer"
        ),
        pytest.param('<cp:one id="sip:bob@example.com"/>', "sip:bo@example.com", False, id="part"),
        pytest.param('<cp:one id="tel:+12125551234"/>', "sip:+12125551234@x.org", False, id="tel"),
        pytest.param(
            '<cp:one id="pres:bob@example.com"/>', "sip:bob@example.com", False, id="pres"
        ),
        pytest.param(
            '<cp:one id="mailto:bob@example.com"/>', "sip:bob@example.com", False, id="mailto"
        ),
        pytest.param('<cp:one id=""/>', "sip:bob@example.com", False, id="no-uri"),
        pytest.param(
            '<cp:one id="sip:eve@example.com"/><cp:one id="sip:bob@example.com"/>',
            "sip:bob@example.com",
            True,
            id="children-are-alternatives",
        ),
        pytest.param(
            '<x:group id="staff"/><cp:one id="sip:bob@example.com"/>',
            "sip:bob@example.com",
            True,
            id="unknown-child-is-false-and-no-more",
        ),
        pytest.param('<x:group id="staff"/>', "sip:bob@example.com", False, id="unknown-child"),
        pytest.param(
            '<cp:one id="sip:bob@example.com"><x:name/></cp:one>',
            "sip:bob@example.com",
            True,
            id="one-with-a-remark",
        ),
    ],
)
def test_one(children: str, watcher: str, expected: bool) -> None:
    assert matches(identity(children), request(watcher)) is expected


@pytest.mark.parametrize(
    ("children", "watcher", "expected"),
    [
        pytest.param("<cp:many/>", "sip:bob@anywhere.example", True, id="any"),
        pytest.param('<cp:many domain="example.com"/>', "sip:bob@example.com", True, id="domain"),
        pytest.param('<cp:many domain="Example.COM"/>', "sip:bob@example.com", True, id="case"),
        pytest.param('<cp:many domain="example.com."/>', "sip:bob@example.com", True, id="dot"),
        pytest.param('<cp:many domain="ex%61mple.com"/>', "sip:bob@example.com", True, id="esc"),
        pytest.param(
            '<cp:many domain="bücher.example"/>', "sip:bob@xn--bcher-kva.example", True, id="idn"
        ),
        pytest.param('<cp:many domain="example.com"/>', "sip:b@a.example.com", False, id="sub"),
        pytest.param('<cp:many domain="example.com"/>', "sip:b@xample.com", False, id="shorter"),
        pytest.param('<cp:many domain="example.com"/>', "sip:b@example.co", False, id="shorter-2"),
        pytest.param('<cp:many domain=""/>', "sip:bob@example.com", False, id="empty-domain"),
        pytest.param(
            f'<cp:many domain="{"a" * 64}.com"/>',
            f"sip:b@{'a' * 64}.com",
            False,
            id="not-ascii-able",
        ),
        pytest.param(f'<cp:many domain="{"a." * 200}com"/>', "sip:b@a.com", False, id="too-long"),
        pytest.param(
            '<cp:many domain="[2001:DB8:0::1]"/>', "sip:bob@[2001:db8::1]", True, id="address"
        ),
        pytest.param(EXCEPTIONS, "sip:carol@example.net", True, id="nobody-excepted"),
        pytest.param(EXCEPTIONS, "sip:carol@example.com", False, id="domain-excepted"),
        pytest.param(EXCEPTIONS, "sip:carol@example.org", False, id="second-domain-excepted"),
        pytest.param(EXCEPTIONS, "sip:alice@bad.example.net", False, id="user-excepted"),
        pytest.param(EXCEPTIONS, "sip:carol@bad.example.net", True, id="neighbour-of-excepted"),
        pytest.param(WITHIN, "sip:carol@example.com", True, id="within"),
        pytest.param(WITHIN, "sip:alice@example.com", False, id="within-but-excepted"),
        pytest.param(WITHIN, "sip:carol@example.net", False, id="not-within"),
        pytest.param(
            '<cp:many><cp:except domain="example.com" id="sip:eve@example.net"/></cp:many>',
            "sip:eve@example.net",
            False,
            id="exception-with-both-by-id",
        ),
        pytest.param(
            '<cp:many><cp:except domain="example.com" id="sip:eve@example.net"/></cp:many>',
            "sip:bob@example.com",
            False,
            id="exception-with-both-by-domain",
        ),
        pytest.param(
            "<cp:many><cp:except/></cp:many>", "sip:b@example.com", False, id="exception-of-whom"
        ),
        pytest.param(
            "<cp:many><x:except-staff/></cp:many>",
            "sip:b@example.com",
            False,
            id="unknown-exception",
        ),
        pytest.param(
            f'<cp:many><cp:except domain="{"a" * 64}.org"/></cp:many>',
            "sip:b@example.com",
            True,
            id="exception-that-equals-nothing",
        ),
        pytest.param(
            '<cp:many domain="example.com"><cp:except id="sip:bob@example.com"/></cp:many>'
            '<cp:one id="sip:bob@example.com"/>',
            "sip:bob@example.com",
            True,
            id="exception-counts-within-its-many-only",
        ),
        pytest.param(
            '<cp:many domain="example.com"><cp:except id="sip:bob@example.com"/></cp:many>'
            '<cp:many domain="example.com"/>',
            "sip:bob@example.com",
            True,
            id="two-of-one-domain",
        ),
    ],
)
def test_many(children: str, watcher: str, expected: bool) -> None:
    assert matches(identity(children), request(watcher)) is expected


@pytest.mark.parametrize("children", ["<cp:many/>", '<cp:one id="sip:bob@example.com"/>'])
def test_only_who_is_authenticated_has_an_identity(children: str) -> None:
    """RFC 4745 §7.1.1."""
    assert not matches(identity(children), request(None))


@pytest.mark.parametrize("watcher", [None, "sip:bob@example.com"])
def test_without_identity_a_rule_is_for_everybody(watcher: str | None) -> None:
    """RFC 4745 §7.1.1: authenticated or not."""
    assert matches("", request(watcher))
    assert matches('<cp:sphere value="work"/>', request(watcher, sphere="work"))


def test_privacy_leaves_an_asserted_identity_what_it_is() -> None:
    """RFC 5025 §3.1.1.2."""
    assert matches(one("sip:bob@example.com"), request(anonymous=True))


def test_two_identity_conditions_must_both_be_true() -> None:
    """RFC 4745 §10.1: conditions are combined by AND."""
    both = one("sip:bob@example.com") + identity('<cp:many domain="example.com"/>')
    neither = one("sip:bob@example.com") + identity('<cp:many domain="example.org"/>')
    assert matches(both, request())
    assert not matches(neither, request())


def test_a_condition_nobody_knows_is_false() -> None:
    """RFC 4745 §7."""
    assert not matches(one("sip:bob@example.com") + "<x:weather>rain</x:weather>", request())
