"""RFC 3261 §10.3 steps 6 to 8: what a REGISTER does to the bindings that are there."""

import pytest

from proxy.errors import OutOfOrder, TooManyContacts
from proxy.registrar import Decision, decide, same_contact, without_flow
from proxy.registration import Limits, Registration, Wanted
from store.values import Binding, BindingSet
from tests.proxy.proxykit import ALICE, binding

NOW = 1000.0
LIMITS = Limits(min_expires=60, max_expires=7200, max_contacts=3)
ONE, TWO, THREE = (f"sip:alice@192.0.2.{number}:5070" for number in (1, 2, 3))


def wanted(
    contact: str, expires: int = 600, *, instance: str = "", reg_id: int | None = None
) -> Wanted:
    return Wanted(contact, expires, None, instance, reg_id, "")


def registration(
    *contacts: Wanted, call_id: str = "call-1", cseq: int = 2, everything: bool = False
) -> Registration:
    return Registration(ALICE, call_id, cseq, contacts, everything, (), "")


def decided(current: list[Binding], asked: Registration) -> Decision:
    return decide(BindingSet(1, tuple(current)), asked, NOW, LIMITS)


def contacts(bindings: tuple[Binding, ...]) -> list[str]:
    return [one.contact for one in bindings]


def test_new_contact_is_added_with_what_it_asked() -> None:
    """§10.3 step 7: the record keeps Call-ID and CSeq."""
    decision = decided([], registration(wanted(ONE)))
    assert contacts(decision.put) == [ONE]
    assert (decision.put[0].call_id, decision.put[0].cseq) == ("call-1", 2)
    assert decision.put[0].expires_at == NOW + 600
    assert decision.bindings == decision.put


def test_other_bindings_stay() -> None:
    decision = decided([binding(ONE)], registration(wanted(TWO)))
    assert sorted(contacts(decision.bindings)) == [ONE, TWO]
    assert decision.remove == ()


@pytest.mark.parametrize(
    ("call_id", "cseq", "fails"),
    [
        pytest.param("call-1", 2, False, id="same-call-higher"),
        pytest.param("call-1", 1, True, id="same-call-equal"),
        pytest.param("call-1", 0, True, id="same-call-lower"),
        pytest.param("other", 0, False, id="rebooted-client"),
    ],
)
@pytest.mark.parametrize(
    "asked", [(wanted(ONE),), (wanted(ONE, 0),), ()], ids=["update", "remove", "star"]
)
def test_order_within_a_call(
    asked: tuple[Wanted, ...], call_id: str, cseq: int, fails: bool
) -> None:
    """§10.3 steps 6 and 7: an update that is not newer fails, and with 500."""
    request = registration(*asked, call_id=call_id, cseq=cseq, everything=not asked)
    if not fails:
        assert decided([binding(ONE, cseq=1)], request).writes
        return
    with pytest.raises(OutOfOrder) as caught:
        decided([binding(ONE, cseq=1)], request)
    assert caught.value.status == 500


def test_one_out_of_order_contact_fails_the_whole_request() -> None:
    """§10.3 step 7: committed if and only if all succeed."""
    current = [binding(ONE, call_id="a", cseq=1), binding(TWO, call_id="call-1", cseq=9)]
    with pytest.raises(OutOfOrder):
        decided(current, registration(wanted(ONE), wanted(TWO), wanted(THREE)))


def test_expires_zero_removes_only_that_contact() -> None:
    """§10.2.2."""
    decision = decided([binding(ONE), binding(TWO)], registration(wanted(ONE, 0)))
    assert decision.remove == (ONE,)
    assert contacts(decision.bindings) == [TWO]


def test_removing_what_is_not_there_writes_nothing() -> None:
    decision = decided([binding(ONE)], registration(wanted(TWO, 0)))
    assert not decision.writes
    assert contacts(decision.bindings) == [ONE]


def test_star_removes_all() -> None:
    """§10.3 step 6."""
    current = [binding(ONE), binding(TWO, call_id="other")]
    decision = decided(current, registration(everything=True))
    assert sorted(decision.remove) == [ONE, TWO]
    assert decision.bindings == ()


def test_same_uri_spelled_otherwise_is_the_same_binding() -> None:
    """§10.3 step 7: the URI comparison rules of §19.1.4."""
    old = "sip:alice@Phone.Example.com;transport=tcp"
    new = "sip:alice@phone.example.com;Transport=TCP"
    decision = decided([binding(old)], registration(wanted(new)))
    assert contacts(decision.bindings) == [new]
    assert decision.remove == (old,)


def test_contact_given_twice_counts_once() -> None:
    decision = decided([], registration(wanted(ONE, 600), wanted(ONE, 900)))
    assert [one.expires_at for one in decision.put] == [NOW + 900]


def test_contact_given_and_taken_back_is_gone() -> None:
    decision = decided([], registration(wanted(ONE), wanted(ONE, 0)))
    assert decision.bindings == ()


def test_bindings_are_listed_by_q_then_age() -> None:
    """§16.6: what the relay tries first comes first; no q counts as 1."""
    current = [
        binding("sip:old@h", q=0.5, updated_at=10),
        binding("sip:new@h", q=0.5, updated_at=20),
        binding("sip:none@h", q=None, updated_at=5),
    ]
    decision = decided(current, registration())
    assert contacts(decision.bindings) == ["sip:none@h", "sip:new@h", "sip:old@h"]


def test_one_contact_too_many_is_403() -> None:
    """RFC 3261 §21.4.4: the registrar's own bound."""
    current = [binding(f"sip:{number}@h") for number in range(3)]
    with pytest.raises(TooManyContacts) as caught:
        decided(current, registration(wanted(ONE)))
    assert caught.value.status == 403


def test_refresh_at_the_bound_is_fine() -> None:
    current = [binding(f"sip:{number}@h") for number in range(4)]
    assert len(decided(current, registration(wanted("sip:0@h"))).bindings) == 4


def test_expired_binding_is_gone_and_told() -> None:
    """What had lapsed before counts for nothing, not even for the order of requests."""
    dead = binding(ONE, expires_at=NOW, cseq=9)
    decision = decided([dead], registration(wanted(TWO)))
    assert decision.remove == (ONE,)
    assert decision.lapsed == (dead,)
    assert contacts(decision.bindings) == [TWO]


def test_expired_binding_that_comes_back_is_put_not_removed() -> None:
    dead = binding(ONE, expires_at=NOW, cseq=9)
    decision = decided([dead], registration(wanted(ONE)))
    assert contacts(decision.put) == [ONE]
    assert decision.remove == ()


def test_fetch_writes_nothing_and_leaves_out_the_expired() -> None:
    """§10.2.3."""
    decision = decided([binding(ONE), binding(TWO, expires_at=NOW - 1)], registration())
    assert not decision.writes
    assert contacts(decision.bindings) == [ONE]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tel:+1555", "tel:+1555", True),
        ("tel:+1555", "tel:+1556", False),
        ("sip:a@h", "sip:a@h:5060", False),
        ("sip:%61@h", "sip:a@h", True),
        ("sip:a@h", "tel:a", False),
    ],
)
def test_same_contact(one: str, other: str, same: bool) -> None:
    """RFC 3261 §19.1.4."""
    assert same_contact(one, other) is same


def flow(contact: str, reg_id: int, **changes: object) -> Binding:
    return binding(contact, instance="<urn:uuid:1>", reg_id=reg_id, **changes)


def wanted_flow(contact: str, reg_id: int, expires: int = 600) -> Wanted:
    return wanted(contact, expires, instance="<urn:uuid:1>", reg_id=reg_id)


@pytest.mark.parametrize(
    ("reg_id", "left"),
    [pytest.param(1, [TWO], id="same-flow"), pytest.param(2, [ONE, TWO], id="another-flow")],
)
def test_flow_is_known_by_instance_and_reg_id(reg_id: int, left: list[str]) -> None:
    """RFC 5626 §6: a new contact of a flow replaces the old one."""
    decision = decided([flow(ONE, 1)], registration(wanted_flow(TWO, reg_id)))
    assert sorted(contacts(decision.bindings)) == left


def test_two_flows_may_have_one_contact() -> None:
    """RFC 5626 §6: the contact is no part of the comparison."""
    decision = decided([flow(ONE, 1)], registration(wanted_flow(ONE, 2)))
    assert contacts(decision.bindings) == [ONE, ONE]
    assert len({one.key for one in decision.bindings}) == 2


def test_old_contact_of_a_flow_is_removed_by_its_key() -> None:
    old = flow(ONE, 1)
    assert decided([old], registration(wanted_flow(TWO, 1))).remove == (old.key,)


def test_flow_and_plain_contact_are_two_bindings() -> None:
    """RFC 5626 §6: some registrations use reg-id and some do not."""
    decision = decided([flow(ONE, 1)], registration(wanted(ONE)))
    assert len(decision.bindings) == 2


def test_contact_taken_back_without_reg_id_takes_its_flow_back() -> None:
    """RFC 3261 §10.2.2: clients that removed a contact must not be rung at it."""
    assert decided([flow(ONE, 1)], registration(wanted(ONE, 0))).bindings == ()


@pytest.mark.parametrize(
    ("present", "asked", "call_id", "begun_at"),
    [
        pytest.param([], wanted(ONE), "c", NOW, id="new"),
        pytest.param([binding(ONE, begun_at=7.0)], wanted(ONE), "other", 7.0, id="plain-refresh"),
        pytest.param([flow(ONE, 1, begun_at=7.0)], wanted_flow(TWO, 1), "call-1", 7.0, id="flow"),
        pytest.param([flow(ONE, 1, begun_at=7.0)], wanted_flow(TWO, 1), "b", NOW, id="rebooted"),
        pytest.param(
            [flow(ONE, 1, begun_at=7.0)], wanted_flow(TWO, 2), "b", 7.0, id="second-flow"
        ),
        pytest.param(
            [flow(ONE, 1, begun_at=7.0, expires_at=NOW)], wanted_flow(ONE, 1), "call-1", NOW,
            id="ended-and-begun-again",
        ),
    ],
)  # fmt: skip
def test_registration_goes_on_until_it_ends_or_the_call_id_changes(
    present: list[Binding], asked: Wanted, call_id: str, begun_at: float
) -> None:
    """RFC 5627 §5.1, §5.3."""
    decision = decided(present, registration(asked, call_id=call_id))
    assert decision.put[0].begun_at == begun_at


TCP = {"flow": "tcp:192.0.2.1:40000#b.1", "worker": "w1", "path": ("<sip:t@192.0.2.9;lr;ob>",)}


@pytest.mark.parametrize(
    ("lost", "left"),
    [
        pytest.param(binding("sip:a@192.0.2.1:5060", **TCP), True, id="phone-that-listens"),
        pytest.param(binding("sip:a@phone.example.org", **TCP), True, id="named-host"),
        pytest.param(binding("sip:a@192.0.2.1:40000", **TCP), False, id="the-connections-port"),
        pytest.param(binding("sip:a@10.0.0.1:5060", **TCP), False, id="behind-nat"),
        pytest.param(binding("sip:a@x.invalid", **TCP), False, id="nameless"),
        pytest.param(flow("sip:a@192.0.2.1:5060", 1, **TCP), False, id="registered-flow"),
        pytest.param(
            binding("sip:a@192.0.2.1:5060", **{**TCP, "flow": "ws:192.0.2.1:40000#b.2"}), False,
            id="browser",
        ),
    ],
)  # fmt: skip
def test_lost_flow_takes_what_nothing_else_reaches(lost: Binding, left: bool) -> None:
    """RFC 5626 §7; a plain TCP phone is tried by its contact from then on."""
    other = binding(TWO, flow=lost.flow, worker="w2")
    current = BindingSet(1, (lost, other))
    decision = without_flow(current, lost.flow, "w1", NOW, NOW)
    assert other in decision.bindings
    assert [(one.contact, one.flow, one.path) for one in decision.put] == (
        [(lost.contact, "", ())] if left else []
    )
    assert decision.remove == (() if left else (lost.key,))
