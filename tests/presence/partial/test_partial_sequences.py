"""RFC 5263 §4.4, §4.5: a watcher that applies what it is told has what the server has."""

import asyncio
from collections.abc import Sequence

from hypothesis import event, given, settings
from hypothesis import strategies as st

from presence.document.pidf import document
from presence.live import LiveSubscription
from presence.notifier.failover import UNAVAILABLE
from presence.packages.presence import presence_package
from presence.partial.document import NOTHING, difference, full
from presence.partial.package import with_partial
from presence.policy.policy import Decision, SubHandling
from sip.authenticator import Identity
from sip.uri import AoR
from tests.presence.fakes import ALICE, House, Sent, publish_request, subscribe_request
from tests.presence.filters.filter_documents import include, what
from tests.presence.partial.partial_watcher import PartialWatcher, canonical
from tests.presence.partial.presence_documents import presence_documents
from tests.presence.test_filtered import subscribe

ACCEPT = "Accept: application/pidf+xml;q=0.3, application/pidf-diff+xml;q=1"
SETTINGS = settings(max_examples=100, deadline=None)


@SETTINGS
@given(st.lists(presence_documents(), min_size=6, max_size=8))
def test_every_difference_in_order_makes_the_last_state(states: Sequence[bytes]) -> None:
    """RFC 5262 §3: namespaces, white space, duplicates and identifiers that move."""
    watcher = PartialWatcher()
    watcher.receive(full(states[0]).numbered(1))
    told = states[0]
    for state in states[1:]:
        change = difference(told, state)
        told = state
        if change is not NOTHING:
            watcher.receive((change or full(state)).numbered(watcher.version + 1))
    event(f"{watcher.diffs} differences")
    assert canonical(watcher.document) == canonical(states[-1])


DEVICES = st.sampled_from([0, 0, 0, 1])
TOLD = st.tuples(st.just("told"), DEVICES, presence_documents())
STEPS = st.one_of(
    *[TOLD] * 5,
    st.tuples(st.just("publish"), DEVICES, presence_documents()),
    st.tuples(st.just("answer"), st.sampled_from([200, 200, 200, 200, 500, 503])),
    st.tuples(st.just("answer"), st.just(200)),
    st.tuples(st.just("lose"), st.sampled_from(["request", "response"])),
    st.tuples(st.just("refresh"), st.sampled_from(["", "", "what it has", "*"])),
    st.tuples(st.just("withdraw"), st.integers(0, 1)),
    st.tuples(st.just("wait"), st.sampled_from([1, 40])),
    st.tuples(
        st.just("decide"),
        st.sampled_from([SubHandling.ALLOW, SubHandling.POLITE_BLOCK, SubHandling.CONFIRM]),
    ),
)
FILTERS = st.sampled_from([b"", b"", what(include("//pidf:tuple")), what(include("//pidf:note"))])


class Scene:
    """A presentity with two devices, the server, and a watcher that keeps a copy."""

    def __init__(self) -> None:
        package = with_partial(presence_package(min_interval=0))
        self.handling = SubHandling.ALLOW
        self.house = House(
            packages={"presence": package}, answering=False, authorize=self.authorize
        )
        self.watcher = PartialWatcher()
        self.way: list[tuple[Sent, bytes]] = []
        """NOTIFYs on their way, each with what the server showed when it was sent."""
        self.tags: list[str | None] = [None, None]
        self.cseq = 1
        self.tag = ""
        self.etag = ""

    async def authorize(self, aor: AoR, watcher: Identity, package: str) -> Decision:
        return Decision(self.handling)

    @property
    def live(self) -> LiveSubscription:
        """What the server knows of the watcher."""
        (live,) = self.house.service.engine.index
        return live

    @property
    def shown(self) -> bytes:
        """What a watcher of whole documents would be shown."""
        live = self.live
        view = live.view._replace(content_type="application/pidf+xml")
        return live.resource.render(view).body or document(ALICE, ())

    def gather(self) -> None:
        """What has been sent shows what there is now."""
        for sent in self.house.endpoint.take():
            self.way.append((sent, self.shown))
        assert len(self.way) <= 1, "one NOTIFY is in flight"

    async def run(self, filtering: bytes, steps: Sequence[tuple[object, ...]]) -> None:
        tx = await self.house.subscribe(subscribe(filtering, ACCEPT))
        self.tag = tx.to_tag or ""
        self.gather()
        for name, *arguments in steps:
            await getattr(self, str(name))(*arguments)
            for _ in range(3):
                await asyncio.sleep(0)
            self.gather()
        while self.way:
            await self.answer(200)
            self.gather()

    async def publish(self, device: int, body: bytes) -> None:
        tag = self.tags[device]
        more = (f"SIP-If-Match: {tag}",) if tag else ()
        tx = await self.house.publish(publish_request(body, *more))
        assert tx.status == 200, tx.headers
        self.tags[device] = tx.headers["SIP-ETag"]

    async def told(self, device: int, body: bytes) -> None:
        await self.publish(device, body)
        self.gather()
        await self.answer(200)

    async def withdraw(self, device: int) -> None:
        tag, self.tags[device] = self.tags[device], None
        if tag:
            await self.house.publish(publish_request(b"", "Expires: 0", f"SIP-If-Match: {tag}"))

    async def answer(self, status: int) -> None:
        if not self.way:
            return
        (sent, shown), *self.way = self.way
        if status == 200:
            self.receive(sent, shown)
        sent.answer(status, (("Retry-After", "30"),) if status == 503 else ())

    async def lose(self, what: str) -> None:
        if not self.way:
            return
        (sent, shown), *self.way = self.way
        if what == "response":
            self.receive(sent, shown)
        sent.done(UNAVAILABLE, None)

    def receive(self, sent: Sent, shown: bytes) -> None:
        self.etag = sent.request.get("sip-etag") or ""
        if sent.body:
            self.watcher.receive(sent.body)
            assert canonical(self.watcher.document) == canonical(shown)

    async def refresh(self, condition: str) -> None:
        self.cseq += 1
        etag = self.etag if condition == "what it has" else condition
        header = f"Suppress-If-Match: {etag}" if etag else "Subject: -"
        await self.house.subscribe(
            subscribe_request(ACCEPT, header, cseq=self.cseq, to_tag=self.tag)
        )

    async def decide(self, handling: SubHandling) -> None:
        self.handling = handling
        await self.house.service.reauthorize(ALICE)

    async def wait(self, seconds: int) -> None:
        self.house.clock.now += seconds
        self.house.service._alarm._ring()


@SETTINGS
@given(FILTERS, st.lists(STEPS, min_size=8, max_size=25))
def test_a_watcher_has_what_the_server_shows_after_each_notify(
    filtering: bytes, steps: Sequence[tuple[object, ...]]
) -> None:
    """RFC 5263 §4.4: whatever is lost, refused, refreshed, decided or published meanwhile.

    At the end, once the watcher is approved, the last state has been told.
    """
    scene = Scene()
    told = [("wait", 40), ("answer", 200)]
    end = [("refresh", ""), *told, ("decide", SubHandling.ALLOW), *told]
    asyncio.run(scene.run(filtering, [*steps, *end]))
    event(f"{scene.watcher.diffs} differences")
    assert canonical(scene.watcher.document) == canonical(scene.shown)
