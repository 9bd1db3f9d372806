"""RFC 3325 §5, §7: what the routing file asserts of a sender leaves as our own word does."""

import pytest

from proxy.routing import Plan
from tests.proxy.proxykit import ALICE, request
from tests.proxy.relaykit import DIGEST, TO_BOB, World, settle

CLAIM = "<sip:+4930123450@example.com>"
STRANGER = "sip:bob@stranger.example;maddr=192.0.2.77"


async def left(*lines: str, uris: tuple[str, ...] = (), trusted: bool = False) -> tuple[World, int]:
    """A world that relayed a request whose P-Asserted-Identity the file set, and the answer."""
    world = World(trusted=trusted)
    message = request(
        "MESSAGE", "sip:bob@example.com", f"P-Asserted-Identity: {CLAIM}",
        f"P-Preferred-Identity: <{ALICE}>", *lines, to=TO_BOB,
    )  # fmt: skip
    tx = await world.send(message, DIGEST, plan=Plan(message, uris, asserted=True))
    await settle()
    return world, tx.statuses[0] if tx.statuses else 0


@pytest.mark.parametrize(
    ("uris", "trusted", "privacy", "shown"),
    [
        pytest.param((STRANGER,), True, None, CLAIM, id="trusted"),
        pytest.param((STRANGER,), True, "id", CLAIM, id="trusted-is-told-the-privacy-too"),
        pytest.param((), False, None, CLAIM, id="user"),
        pytest.param((), False, "id", None, id="user-and-privacy"),
        pytest.param((STRANGER,), False, None, None, id="stranger"),
        pytest.param((STRANGER,), False, "id", None, id="stranger-and-privacy"),
        pytest.param((STRANGER,), False, "none", CLAIM, id="stranger-and-no-privacy-wanted"),
    ],
)
async def test_the_files_word_leaves_as_ours(
    uris: tuple[str, ...], trusted: bool, privacy: str | None, shown: str | None
) -> None:
    """§9.1, §6: and the preferred one to nobody."""
    lines = () if privacy is None else (f"Privacy: {privacy}",)
    world, _ = await left(*lines, uris=uris, trusted=trusted)
    (sent,) = world.sender.sent
    assert sent.request.get("p-asserted-identity") == shown
    assert sent.request.get("p-preferred-identity") is None
    assert sent.request.get("privacy") == privacy


async def test_critical_privacy_is_kept_from_strangers() -> None:
    """RFC 3323 §5."""
    world, status = await left("Privacy: header;critical", uris=(STRANGER,))
    assert world.sender.sent == []
    assert status == 500
