"""RFC 3856 §6.6.2, AUT-09: the default for a presentity without rules."""

import pytest

from presence.config import PolicyName
from presence.policy.policy import SubHandling, decide
from sip.authenticator import Identity
from sip.uri import AoR

ALICE = AoR("sip:alice@example.com")
OWNER = Identity(ALICE, "digest")
COLLEAGUE = Identity(AoR("sip:bob@example.com"), "digest")
STRANGER = Identity(AoR("sip:bob@example.com.example.net"), "asserted")
NOBODY = Identity(None, "none")

ALLOW, CONFIRM, BLOCK = SubHandling.ALLOW, SubHandling.CONFIRM, SubHandling.BLOCK


@pytest.mark.parametrize(
    ("policy", "colleague", "stranger", "nobody"),
    [
        ("allow", ALLOW, ALLOW, ALLOW),
        ("allow-same-domain", ALLOW, CONFIRM, CONFIRM),
        ("confirm", CONFIRM, CONFIRM, CONFIRM),
        ("block", BLOCK, BLOCK, BLOCK),
    ],
)
def test_default_policy(
    policy: PolicyName, colleague: SubHandling, stranger: SubHandling, nobody: SubHandling
) -> None:
    assert decide(policy, ALICE, OWNER).handling is ALLOW
    assert decide(policy, ALICE, COLLEAGUE).handling is colleague
    assert decide(policy, ALICE, STRANGER).handling is stranger
    assert decide(policy, ALICE, NOBODY).handling is nobody
