"""RFC 3261 §16.5, RFC 5626 §7: the target set, and the other ways to each instance."""

from proxy.targets import Targets, choose
from store.values import Binding
from tests.proxy.proxykit import ALICE, binding, request

HOP = "<sip:token@192.0.2.1;lr;ob>"
ONE = "<urn:uuid:1>"


def chosen(*bindings: Binding) -> Targets:
    return choose(ALICE, bindings, request("INVITE", ALICE), known=True)


def contacts(targets: Targets) -> list[list[str]]:
    return [[target.uri for target in group] for group in targets.groups]


def test_contacts_are_grouped_by_q() -> None:
    """RFC 3261 §16.6."""
    found = chosen(
        binding("sip:a@h"), binding("sip:b@h", q=1.0), binding("sip:c@h", q=0.5),
        binding("tel:+1555", q=0.5), binding("sip:d@h", q=0.1),
    )  # fmt: skip
    assert contacts(found) == [["sip:a@h", "sip:b@h"], ["sip:c@h"], ["sip:d@h"]]


def test_path_leads_to_the_contact() -> None:
    """RFC 3327 §5.4."""
    path = (HOP, "<sip:edge.example.com;lr>")
    assert chosen(binding(path=path)).groups[0][0].routes == path


def test_one_instance_is_one_target_by_its_newest_flow() -> None:
    """RFC 5626 §7, RFC 5627 §6.1."""
    flows = [
        binding(f"sip:{number}@h", instance=ONE, reg_id=number, updated_at=1000.0 + number)
        for number in (1, 3, 2)
    ]
    targets = chosen(*flows, binding("sip:other@h", instance="<urn:uuid:2>"))
    assert contacts(targets) == [["sip:3@h", "sip:other@h"]]
    assert [each.uri for each in targets.groups[0][0].alternatives] == ["sip:2@h", "sip:1@h"]


def test_newest_flow_counts_with_its_own_q() -> None:
    old = binding("sip:old@h", q=1.0, instance=ONE, reg_id=1, updated_at=1.0)
    new = binding("sip:new@h", q=0.1, instance=ONE, reg_id=2, updated_at=2.0)
    other = binding("sip:other@h", q=0.5)
    assert contacts(chosen(old, other, new)) == [["sip:other@h"], ["sip:new@h"]]


def test_phone_on_a_connection_is_tried_by_its_contact_next() -> None:
    """A listening phone is reached though the process that held its connection is gone."""
    phone = binding(
        "sip:a@192.0.2.9:5060;transport=tcp", flow="tcp:192.0.2.9:40000", worker="w1",
        path=(HOP, "<sip:edge.example.com;lr>"),
    )  # fmt: skip
    target = chosen(phone).groups[0][0]
    assert [(each.uri, each.routes) for each in target.alternatives] == [
        (phone.contact, ("<sip:edge.example.com;lr>",))
    ]


def test_browser_has_no_other_way() -> None:
    browser = binding("sip:a@x.invalid", flow="ws:192.0.2.9:40000", worker="w1", path=(HOP,))
    assert chosen(browser).groups[0][0].alternatives == ()
