"""One relay with fakes around it, for the tests of what it does."""

import asyncio

from proxy.addresses import OurAddresses
from proxy.dialog_mark import Dialog, mark_of
from proxy.ports import Transaction
from proxy.registrar import by_preference
from proxy.relay_service import RelayConfig, RelayService
from proxy.routing import Plan, Router
from proxy.targets import Targets, choose
from sip.authenticator import Identity
from sip.message import Request
from sip.transport.flow import Flow
from sip.uri import AoR, Uri, aor_of
from store.values import Binding
from tests.proxy.proxykit import ALICE, BOB, KEY, FakeSender, FakeTransaction, binding, request
from tests.sip.wires import FakeTimers

TRUSTED = Identity(ALICE, "asserted")
DIGEST = Identity(ALICE, "digest")
NOBODY = Identity(None, "none")
BOBS = "sip:bob@192.0.2.20:5070"
TO_BOB = "<sip:bob@example.com>"
NOW = 1000.0
DIALOG = Dialog("call-1", "from-1", ALICE, BOB)
"""What `invite` makes."""
MARK = mark_of(DIALOG, "sender", "192.0.2.20", NOW, KEY)
"""Alice's, to where Bob is."""
BOBS_MARK = mark_of(DIALOG, "receiver", "", NOW, KEY)
"""Bob's, in a dialog with Alice who does not say where she is."""


class World:
    """One relay with fakes around it."""

    def __init__(
        self,
        config: RelayConfig | None = None,
        *,
        trusted: bool = False,
        router: Router | None = None,
    ) -> None:
        self.bindings: dict[AoR, tuple[Binding, ...]] = {BOB: (binding(BOBS),)}
        self.users = {ALICE, BOB, AoR("sip:carol@example.com")}
        self.sender = FakeSender()
        self.done: list[Transaction] = []
        self.heard: list[FakeTransaction] = []
        """What was relayed, to see what went back."""
        self.lost: list[tuple[AoR, str]] = []
        self.timers = FakeTimers()
        self.relay = RelayService(
            endpoint=self.sender,
            ours=OurAddresses(["example.com"]),
            targets=self.targets,
            exists=self.exists,
            secret=KEY,
            clock=lambda: NOW,
            worker="w1",
            trusted=lambda flow: trusted,
            flow_failed=lambda aor, lost: self.lost.append((aor, lost.contact)),
            config=config,
            router=router,
            timers=self.timers,
        )

    async def targets(self, uri: Uri, request: Request) -> Targets:
        aor = aor_of(str(uri))
        found = by_preference(self.bindings.get(aor, ()))
        return choose(aor, found, request, known=bool(found))

    async def exists(self, aor: AoR, identity: Identity) -> bool:
        return aor in self.users

    async def send(
        self,
        message: Request,
        identity: Identity = TRUSTED,
        *,
        plan: Plan | None = None,
        flow: Flow | None = None,
    ) -> FakeTransaction:
        tx = FakeTransaction(message, flow)
        self.heard.append(tx)
        admitted = await self.relay.admits(message, tx.flow)
        await self.relay.relay(tx, identity, self.done.append, admitted=admitted, plan=plan)
        return tx

    def bind(self, *contacts: str, **changes: object) -> None:
        """Register Bob at `contacts`, with q after a bar: "sip:bob@a|0.5"."""
        each = (contact.partition("|") for contact in contacts)
        self.bindings[BOB] = tuple(
            binding(uri, q=float(q) if q else None, **changes) for uri, _, q in each
        )

    def answered(self, status: int, contact: str, *above: str) -> list[str]:
        """The callee answers what was sent last from `contact`: the caller's route set.

        `above`: values that proxies between us and the callee recorded.
        """
        sent = self.sender.calls[-1]
        recorded = [*above, *sent.request.values("record-route")]
        headers = [("Record-Route", value) for value in recorded]
        sent.answer(status, *headers, *([("Contact", f"<{contact}>")] if contact else []))
        return list(reversed(self.heard[-1].sent[-1].values("record-route")))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def invite(*lines: str, to: str = TO_BOB, sender: str = ALICE) -> Request:
    return request("INVITE", "sip:bob@example.com", *lines, to=to, sender=sender)
