"""RFC 5627: GRUUs are made, read, and go when their instance's registration does."""

import re

import pytest

from proxy.gruu import Gruus, bound, gr_value, public
from sip.uri import SipUri
from tests.proxy.proxykit import ALICE, BOB, KEY, binding

INSTANCE = "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"
GRUUS = Gruus(KEY)
PHONE = binding(instance=INSTANCE, begun_at=1000.0)
TEMPORARY = GRUUS.temporary(ALICE, PHONE)


def leads_to(uri: str, *bindings: object) -> list[object]:
    gruu = GRUUS.read(SipUri.parse(uri))
    assert gruu is not None
    assert gruu.aor == ALICE
    return list(bound(gruu, bindings))  # type: ignore[arg-type]  # a list of bindings


def test_public_gruu_is_the_aor_with_the_instance() -> None:
    """§5.1, §5.4."""
    assert public(ALICE, INSTANCE) == f"{ALICE};gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param(public(ALICE, INSTANCE), id="as-made"),
        pytest.param(public(ALICE, INSTANCE).upper().replace("SIP:ALICE", "sip:alice"), id="case"),
        pytest.param(public(ALICE, INSTANCE).replace("urn:", "urn%3A"), id="escaped"),
        pytest.param(TEMPORARY, id="temporary"),
    ],
)
def test_gruu_leads_to_its_instance_only(uri: str) -> None:
    """§5.4, RFC 3261 §19.1.4."""
    other = binding("sip:other@h", instance="<urn:uuid:2>")
    assert leads_to(uri, binding("sip:plain@h"), other, PHONE) == [PHONE]


def test_instance_of_any_characters_makes_a_uri() -> None:
    """§7: gr is a pvalue."""
    odd = '<tag:a;b>,?"é'
    uri = SipUri.parse(public(ALICE, odd))
    assert uri.parameters.value("gr") == gr_value(odd)
    phone = binding(instance=odd)
    assert leads_to(str(uri), phone) == [phone]


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(PHONE._replace(cseq=2), id="next-register"),
        pytest.param(PHONE._replace(updated_at=1001.0), id="later"),
        pytest.param(PHONE._replace(instance="<urn:uuid:2>"), id="another-instance"),
    ],
)
def test_each_register_makes_another_temporary_gruu(later: object) -> None:
    """§5.1."""
    assert GRUUS.temporary(ALICE, later) != TEMPORARY  # type: ignore[arg-type]  # a binding


def test_temporary_gruu_shows_nothing_of_its_user() -> None:
    """§3.1.2, §5.1: nor how long the name is."""
    assert re.fullmatch(r"sip:tgruu\.[A-Za-z0-9_-]+@example\.com;gr", TEMPORARY)
    assert len(GRUUS.temporary(BOB, PHONE)) == len(TEMPORARY)


def test_accumulated_temporary_gruus_stay_valid() -> None:
    """§3.2: those of earlier REGISTERs of one registration."""
    assert leads_to(TEMPORARY, PHONE._replace(cseq=9, updated_at=2000.0))


@pytest.mark.parametrize(
    "now",
    [
        pytest.param([], id="registration-ended"),
        pytest.param([PHONE._replace(begun_at=1500.0)], id="begun-anew-by-another-call-id"),
    ],
)
def test_temporary_gruu_ends_with_its_registration(now: list[object]) -> None:
    """§5.1, §5.3."""
    assert leads_to(TEMPORARY, *now) == []


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("sip:alice@example.com", id="aor"),
        pytest.param("sip:alice@example.com;gr", id="gr-of-nothing"),
        pytest.param("sip:example.com;gr=x", id="nobody"),
        pytest.param(TEMPORARY.replace("example.com", "example.org"), id="another-domain"),
        pytest.param(TEMPORARY.replace("tgruu.", "tgruu.A"), id="altered"),
        pytest.param("sip:tgruu.@example.com;gr", id="empty"),
        pytest.param(f"sip:tgruu.{'A' * 5000}@example.com;gr", id="endless"),
        pytest.param(Gruus(b"other").temporary(ALICE, PHONE), id="another-deployment"),
    ],
)
def test_what_we_did_not_make_is_no_gruu(uri: str) -> None:
    """§6.1."""
    assert GRUUS.read(SipUri.parse(uri)) is None


@pytest.mark.parametrize(
    ("contact", "ours"),
    [
        (public(ALICE, INSTANCE), True),
        (TEMPORARY, True),
        (public(BOB, INSTANCE), False),
        ("sip:alice@192.0.2.1;gr=1", False),
        ("sip:alice@192.0.2.1", False),
        ("sip:@;gr=", False),
    ],
)
def test_contact_that_is_a_gruu_of_the_aor(contact: str, ours: bool) -> None:
    """§5.1: it would lead back to itself."""
    assert GRUUS.is_ours(contact, ALICE) is ours
