"""RFC 3325, RFC 3323: whom a request is said to be from, to whom, and what may be claimed."""

import pytest

from proxy.addresses import OurAddresses
from proxy.asserted import (
    Changes,
    NotYou,
    PrivacyFailed,
    Toward,
    asserted_headers,
    asserted_in_response,
    check_claims,
    credentials_kept,
)
from sip.authenticator import Identity
from sip.message import Response, build_response, parse_message
from tests.proxy.proxykit import ALICE, SERVER, request

BY_DIGEST = Identity(ALICE, "digest")
BY_PEER = Identity(ALICE, "asserted")
NOBODY = Identity(None, "none")
SAID = "P-Asserted-Identity: <sip:bob@example.org>"
OURS = OurAddresses(["example.com", "example.net"], ["192.0.2.1:5060"])
CLAIMS = ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID")
PREFERENCE = ("P-Preferred-Identity",)
MADE = (("P-Asserted-Identity", "<sip:alice@example.com>"),)


@pytest.mark.parametrize(
    ("identity", "toward", "privacy", "changes"),
    [
        pytest.param(BY_DIGEST, Toward.TRUSTED, "", Changes(CLAIMS, MADE), id="ours-to-peer"),
        pytest.param(
            BY_DIGEST, Toward.TRUSTED, "id", Changes(CLAIMS, MADE), id="peer-keeps-secret"
        ),
        pytest.param(BY_DIGEST, Toward.USER, "", Changes(CLAIMS, MADE), id="ours-to-phone"),
        pytest.param(BY_DIGEST, Toward.USER, "id", Changes(CLAIMS), id="ours-to-phone-withheld"),
        pytest.param(BY_DIGEST, Toward.USER, "user", Changes(CLAIMS), id="user-level-withholds"),
        pytest.param(BY_DIGEST, Toward.USER, "session ; ID", Changes(CLAIMS), id="among-others"),
        pytest.param(BY_DIGEST, Toward.USER, "session", Changes(CLAIMS, MADE), id="only-the-media"),
        pytest.param(BY_DIGEST, Toward.STRANGER, "", Changes(CLAIMS), id="ours-to-stranger"),
        pytest.param(BY_DIGEST, Toward.STRANGER, "none", Changes(CLAIMS, MADE), id="no-privacy"),
        pytest.param(BY_DIGEST, Toward.STRANGER, "none;id", Changes(CLAIMS), id="both-to-stranger"),
        pytest.param(BY_PEER, Toward.USER, "id;none", Changes(CLAIMS), id="both-to-phone"),
        pytest.param(BY_PEER, Toward.TRUSTED, "id", Changes(PREFERENCE), id="peer-to-peer"),
        pytest.param(BY_PEER, Toward.USER, "", Changes(PREFERENCE), id="peer-to-phone"),
        pytest.param(BY_PEER, Toward.USER, "id", Changes(CLAIMS), id="peer-to-phone-withheld"),
        pytest.param(BY_PEER, Toward.STRANGER, "", Changes(CLAIMS), id="peer-to-stranger"),
        pytest.param(BY_PEER, Toward.STRANGER, "none", Changes(PREFERENCE), id="must-not-remove"),
        pytest.param(NOBODY, Toward.TRUSTED, "", Changes(CLAIMS), id="nobody-to-peer"),
        pytest.param(NOBODY, Toward.USER, "none", Changes(CLAIMS), id="nobody-to-phone"),
    ],
)
def test_asserted_identity(
    identity: Identity, toward: Toward, privacy: str, changes: Changes
) -> None:
    """RFC 3325 §5 to §7."""
    lines = [SAID, *([f"Privacy: {privacy}"] if privacy else [])]
    message = request("INVITE", "sip:carol@example.com", *lines)
    assert asserted_headers(message, identity, toward=toward) == changes


def test_certificate_is_as_good_as_digest() -> None:
    """RFC 3325 §5: whatever the proxy authenticated the user by."""
    changes = asserted_headers(
        request("INVITE"), Identity(ALICE, "certificate"), toward=Toward.TRUSTED
    )
    assert changes.added == MADE


@pytest.mark.parametrize(
    ("preferred", "value"),
    [
        pytest.param('"Alice L." <sip:alice@example.com;user=phone>',
                     'Alice L. <sip:alice@example.com>', id="name-of-the-hint"),
        pytest.param("<tel:+15551234>", "<sip:alice@example.com>", id="number-nobody-checked"),
        pytest.param("<sip:+15551234@example.org>", "<sip:alice@example.com>", id="foreign"),
        pytest.param("<<", "<sip:alice@example.com>", id="malformed"),
    ],
)  # fmt: skip
def test_preferred_identity_is_a_hint(preferred: str, value: str) -> None:
    """RFC 3325 §6: among the identities of the user that authenticated."""
    message = request("INVITE", "sip:b@example.com", f"P-Preferred-Identity: {preferred}")
    changes = asserted_headers(message, BY_DIGEST, toward=Toward.TRUSTED)
    assert changes.added == (("P-Asserted-Identity", value),)


@pytest.mark.parametrize("privacy", ["header;critical", "id;session;critical", "critical;user"])
def test_critical_privacy_that_we_do_not_have_is_refused(privacy: str) -> None:
    """RFC 3323 §5: 500, and the reason says what is missing."""
    message = request("INVITE", "sip:b@example.com", f"Privacy: {privacy}")
    with pytest.raises(PrivacyFailed) as failure:
        asserted_headers(message, BY_DIGEST, toward=Toward.USER)
    assert (failure.value.reason or "").startswith("Privacy Unavailable: ")
    assert failure.value.status == 500


@pytest.mark.parametrize(
    ("privacy", "toward"),
    [
        pytest.param("id;critical", Toward.USER, id="what-we-do"),
        pytest.param("header;critical", Toward.TRUSTED, id="the-peer-may-know-how"),
        pytest.param("header", Toward.USER, id="not-critical"),
    ],
)
def test_privacy_that_is_no_reason_to_refuse(privacy: str, toward: Toward) -> None:
    """RFC 3323 §5, §4.2."""
    message = request("INVITE", "sip:b@example.com", f"Privacy: {privacy}")
    assert asserted_headers(message, BY_DIGEST, toward=toward).dropped == CLAIMS


def answered(*headers: tuple[str, str]) -> Response:
    message = parse_message(build_response(request("INVITE"), 200, headers=headers, to_tag="t"))
    assert isinstance(message, Response)
    return message


@pytest.mark.parametrize(
    ("from_trusted", "toward", "privacy", "dropped"),
    [
        pytest.param(True, Toward.USER, "", (), id="peer-to-phone"),
        pytest.param(True, Toward.USER, "id", CLAIMS[:1], id="withheld"),
        pytest.param(True, Toward.STRANGER, "", CLAIMS[:1], id="peer-to-stranger"),
        pytest.param(False, Toward.TRUSTED, "", CLAIMS[:1], id="stranger-to-peer"),
    ],
)
def test_asserted_identity_of_an_answer(
    from_trusted: bool, toward: Toward, privacy: str, dropped: tuple[str, ...]
) -> None:
    """RFC 3325 §5: messages are requests and responses."""
    headers = [("P-Asserted-Identity", "<sip:bob@example.com>")]
    response = answered(*headers, *([("Privacy", privacy)] if privacy else []))
    assert asserted_in_response(response, from_trusted=from_trusted, toward=toward) == dropped


def test_answer_that_asserts_nothing_stays_as_it_is() -> None:
    assert asserted_in_response(answered(), from_trusted=False, toward=Toward.STRANGER) == ()


DIGEST = 'Digest username="a", realm="{}", nonce="n", uri="sip:b@c", response="0"'


@pytest.mark.parametrize(
    ("realms", "kept"),
    [
        pytest.param(["example.com"], [], id="ours"),
        pytest.param(["Example.NET", "example.org"], ["example.org"], id="one-of-two"),
        pytest.param(["example.org"], None, id="not-ours"),
        pytest.param([], None, id="none"),
    ],
)
@pytest.mark.parametrize("name", ["Proxy-Authorization", "Authorization"])
def test_credentials_for_other_realms_go_on(
    name: str, realms: list[str], kept: list[str] | None
) -> None:
    """RFC 3261 §22.3."""
    lines = [f"{name}: {DIGEST.format(realm)}" for realm in realms]
    changes = credentials_kept(request("INVITE", "sip:b@example.com", *lines), OURS.is_domain)
    if kept is None:
        assert changes == Changes()
        return
    assert changes.dropped == (name,)
    assert changes.added == tuple((name, DIGEST.format(realm)) for realm in kept)


def test_changes_add_up() -> None:
    first, second = Changes(("A",), (("B", "1"),)), Changes(("C",))
    assert first + second == Changes(("A", "C"), (("B", "1"),))


def check(identity: Identity, sender: str, *lines: str) -> None:
    message = request("INVITE", "sip:bob@example.com", *lines, sender=sender)
    check_claims(message, identity, serves=OURS.serves, is_us=lambda uri: OURS.is_us(uri, SERVER))


@pytest.mark.parametrize(
    "sender",
    [
        "sip:alice@example.com",
        "sip:alice@EXAMPLE.com:5060;transport=tcp",
        "sips:alice@example.com",
        pytest.param("sip:alice@192.0.2.1", id="phone-that-knows-our-address-only"),
        pytest.param("sip:anonymous@anonymous.invalid", id="nobody"),
        pytest.param("sip:restricted@unknown.invalid", id="nobody-in-other-words"),
        pytest.param("sip:Anonymous@example.com", id="nobody-of-our-domain"),
    ],
)
def test_sender_may_be_oneself_or_nobody(sender: str) -> None:
    """RFC 3261 §22.1, RFC 3323 §4.1.1.3."""
    check(BY_DIGEST, sender)


@pytest.mark.parametrize(
    "sender",
    [
        pytest.param("sip:bob@example.com", id="another-user"),
        pytest.param("sip:alice@example.net", id="same-name-in-our-other-domain"),
        pytest.param("sip:ceo@bank.example", id="somebody-abroad"),
        pytest.param("sip:bob@192.0.2.1", id="another-user-by-our-address"),
        pytest.param("sip:alice@192.0.2.99", id="a-foreign-address"),
        pytest.param("tel:+15551234", id="a-telephone-number"),
        pytest.param("sip:anonymous@bank.example", id="somebody-of-that-name"),
        pytest.param("sip:example.com", id="no-user"),
    ],
)
@pytest.mark.parametrize("how", ["digest", "certificate"])
def test_sender_may_be_nobody_else(sender: str, how: str) -> None:
    """RFC 3261 §22.1: a user of ours who calls under another's name gets 403."""
    identity = Identity(ALICE, how)  # type: ignore[arg-type]  # a table of two words
    with pytest.raises(NotYou):
        check(identity, sender)


@pytest.mark.parametrize("identity", [BY_PEER, NOBODY])
def test_only_whom_we_authenticated_is_checked(identity: Identity) -> None:
    """RFC 3325 §4: a trusted peer speaks for many."""
    check(identity, "sip:bob@example.com")


def test_preferring_to_be_another_user_is_refused() -> None:
    """RFC 3325 §6."""
    with pytest.raises(NotYou):
        check(BY_DIGEST, ALICE, "P-Preferred-Identity: <sip:bob@example.com>")
    check(BY_DIGEST, ALICE, "P-Preferred-Identity: <tel:+15551234>, <sip:alice@example.com>")
