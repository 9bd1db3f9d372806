"""An event server and an XCAP service over documents in memory, and a watcher that reads diffs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from xml.sax.saxutils import quoteattr

from lxml import etree

from sip.authenticator import Identity
from sip.uri import AoR
from store.values import Change, Grant, Kind
from tests.presence.fakes import (
    AS_ALICE,
    Clock,
    FakeFlow,
    FakeTransaction,
    House,
    Sent,
    compose,
    settle,
)
from tests.xcap.memorystore import ALICE, BOB, DocumentsInMemory
from xcap.conditions import UNCONDITIONAL
from xcap.config import XcapConfig
from xcap.diff.chain import NAMESPACE
from xcap.diff.package import xcap_diff_package
from xcap.registry import USAGES
from xcap.service import XcapService
from xcap.uri import parse as parse_uri
from xmldoc.parse import parse
from xmldoc.schema import schema

CAROL = AoR("sip:carol@example.com")
ROOT_URL = "http://xcap.example.com/xcap-root/"
LIST = "resource-lists/users/sip:alice@example.com/index"
OTHER = "resource-lists/users/sip:alice@example.com/other"
SHARED = "resource-lists/global/index"
HOME = "resource-lists/users/sip:alice@example.com/"
CONFIG = XcapConfig(domains=("example.com",), trusted_users=frozenset({CAROL}))
RESOURCE_LISTS = "application/resource-lists+xml"


def friends(*names: str, note: str = "friends") -> bytes:
    """A resource-lists document with a list of these entries."""
    entries = "".join(
        f'<entry uri="sip:{name}@example.com"><display-name>{name}</display-name></entry>'
        for name in names
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
        f'<list name="{note}">{entries}</list></resource-lists>'
    ).encode()


def uri_list(*uris: str) -> bytes:
    """The body of a SUBSCRIBE (RFC 5875 §4.4)."""
    entries = "".join(f"<entry uri={quoteattr(uri)}/>" for uri in uris)
    return (
        '<?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
        f"<list>{entries}</list></resource-lists>"
    ).encode()


@dataclass(frozen=True)
class Told:
    """One NOTIFY's body, taken apart: documents as (sel, previous, new, what is in it)."""

    root: etree._Element
    documents: list[tuple[str, str | None, str | None, tuple[str, ...]]]
    components: dict[str, str | None]
    """By sel: None for one that is not there, "" for one without content."""

    @classmethod
    def read(cls, body: bytes) -> "Told":
        root = parse(body)
        assert schema("xcap-diff").check(root) is None, body
        documents = [
            (
                one.get("sel", ""),
                one.get("previous-etag"),
                one.get("new-etag"),
                tuple(etree.QName(child).localname for child in one),
            )
            for one in root.iterchildren(f"{{{NAMESPACE}}}document")
        ]
        components = {
            one.get("sel", ""): None if one.get("exists") == "0" else _content(one)
            for name in ("element", "attribute")
            for one in root.iterchildren(f"{{{NAMESPACE}}}{name}")
        }
        return cls(root, documents, components)

    @property
    def changes(self) -> list[tuple[str, str | None, str | None]]:
        """Documents without what is in them."""
        return [document[:3] for document in self.documents]

    def patches(self, sel: str) -> list[tuple[str | None, str | None, list[bytes]]]:
        """Of one document: previous, new, operations."""
        return [
            (one.get("previous-etag"), one.get("new-etag"), [etree.tostring(o) for o in one])
            for one in self.root.iterchildren(f"{{{NAMESPACE}}}document")
            if one.get("sel") == sel
        ]


def _content(one: etree._Element) -> str:
    children = [etree.tostring(child, with_tail=False).decode() for child in one]
    return "".join(children) or (one.text or "")


class Desk:
    """Everything, with words for what users do."""

    def __init__(self, *, config: XcapConfig = CONFIG, interval: float = 0.0) -> None:
        self.store = DocumentsInMemory()
        self.clock = Clock()
        numbers = count(1)
        self.service = XcapService(
            store=self.store,
            usages=USAGES,
            config=config,
            exists=self._exists,
            clock=self.clock,
            new_etag=lambda: f"e{next(numbers)}",
            on_change=lambda change: self.house.service.on_change(change),
        )
        package = xcap_diff_package(
            service=self.service,
            store=self.store,
            config=config,
            root_url=ROOT_URL,
            min_interval=interval,
        )
        self.house = House(packages={"xcap-diff": package}, clock=self.clock)
        self.endpoint = self.house.endpoint

    async def _exists(self, aor: AoR, identity: Identity) -> bool:
        return aor in (ALICE, BOB, CAROL)

    async def put(self, path: str, body: bytes, who: AoR = ALICE) -> str:
        """Put a document or, with "~~", an element; the new entity-tag."""
        self.clock.now += 1
        uri = parse_uri(f"/xcap-root/{path}", "/xcap-root")
        written = await self.service.write(
            uri, Identity(who, "digest"), UNCONDITIONAL, body, source="192.0.2.7"
        )
        return written.etag

    async def delete(self, path: str, who: AoR = ALICE) -> None:
        self.clock.now += 1
        uri = parse_uri(f"/xcap-root/{path}", "/xcap-root")
        await self.service.delete(uri, Identity(who, "digest"), UNCONDITIONAL, source="192.0.2.7")

    def grant(self, owner: str, grantee: str) -> None:
        self.store.given.append(Grant(owner, "resource-lists", "", grantee, False))
        self.house.service.on_change(Change(Kind.GRANT, owner, 0))

    def withdraw(self, owner: str) -> None:
        self.store.given = [grant for grant in self.store.given if grant.owner != owner]
        self.house.service.on_change(Change(Kind.GRANT, owner, 0))

    async def ask(
        self,
        body: bytes,
        *more: str,
        mode: str | None = None,
        who: Identity = AS_ALICE,
        to_tag: str | None = None,
        cseq: int = 1,
        uri: str = ALICE,
        media_type: str = RESOURCE_LISTS,
    ) -> FakeTransaction:
        """A SUBSCRIBE."""
        event = "xcap-diff" + (f";diff-processing={mode}" if mode else "")
        lines = [
            f"From: <{who.aor}>;tag=w1",
            f"To: <{uri}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {who.aor}@192.0.2.9",
            f"CSeq: {cseq} SUBSCRIBE",
            "Contact: <sip:watcher@192.0.2.9:5060;transport=tcp>",
            f"Event: {event}",
            *([f"Content-Type: {media_type}"] if body and media_type else []),
            *more,
        ]
        request = compose("SUBSCRIBE", uri, lines, body)
        tx = FakeTransaction(request, FakeFlow("TCP"), self.house.journal)
        await self.house.service.subscribe(tx, who)
        await settle()
        return tx

    async def follow(
        self, *uris: str, mode: str | None = None, who: AoR = ALICE
    ) -> tuple[str, Told]:
        """Subscribe; our tag, and the first NOTIFY."""
        tx = await self.ask(uri_list(*uris), mode=mode, who=Identity(who, "digest"))
        assert tx.status == 200, tx.headers
        assert tx.to_tag is not None
        return tx.to_tag, await self.told()

    async def sent(self) -> list[Sent]:
        await settle(400)
        return self.endpoint.take()

    async def told(self) -> Told:
        """The one NOTIFY that came since the last time."""
        (sent,) = await self.sent()
        return Told.read(sent.body)

    async def quiet(self) -> bool:
        """Whether none came."""
        return not await self.sent()


def chained(changes: Sequence[tuple[str, str | None, str | None]], sel: str) -> list[str | None]:
    """The entity-tags of a document, one after the other; the chain has no gap."""
    steps = [(previous, new) for name, previous, new in changes if name == sel]
    for (_, before), (after, _) in pairwise(steps):
        assert before == after
    return [steps[0][0], *(new for _, new in steps)]
