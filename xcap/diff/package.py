"""The xcap-diff event package (RFC 5875). Pure, but that it reads by way of `Reader`.

A change is told when it was committed, to those who follow what it touches: see ADR 3.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from presence.errors import BadBody
from presence.package import Asking, EventPackage, PackageState, Telling, Told
from presence.policy.policy import ALLOW, BLOCK, Decision
from sip.authenticator import Identity
from sip.message import Request
from sip.uri import AoR
from store.values import SubscriptionRow
from xcap.config import XcapConfig
from xcap.diff.document import MEDIA_TYPE, write
from xcap.diff.reader_service import Listings, Reader, Reading
from xcap.diff.request import MEDIA_TYPE as LIST_TYPE
from xcap.diff.request import Wanted, read_wanted
from xcap.diff.selection import Collection, NodeSelection, Selection, select
from xcap.diff.snapshot import Memory, Snapshot
from xcap.diff.topics import followed, touched
from xcap.diff.view import View, changes, entity, everything
from xcap.errors import XcapError
from xcap.usage import Usage

NAME: Final = "xcap-diff"
DEFAULT_EXPIRES: Final = 3600
"""Seconds (RFC 5875 §4.5)."""
MIN_INTERVAL: Final = 5.0
"""Seconds between two NOTIFYs (RFC 5875 §4.10)."""
KEPT_LISTS: Final = 128
MAX_NODES: Final = 64
"""Elements and attributes that one subscription may follow (RFC 5875 §7)."""
MAX_COLLECTIONS: Final = 16
SHOWN: Final = 60
"""Characters of a bad URI that an error repeats."""
NOTHING: Final = View((), (), Memory())


def xcap_diff_package(
    *,
    service: Reading,
    store: Listings,
    config: XcapConfig,
    root_url: str,
    min_interval: float = MIN_INTERVAL,
) -> EventPackage:
    """The record; `root_url` is the URL of the XCAP root as clients know it, with its slash."""
    domain = config.domains[0]
    lists = Lists(config.root, service)
    reader = Reader(service=service, store=store, default_domain=domain)

    async def load(asking: Asking) -> Snapshot:
        wanted = Wanted.parse(asking.content)
        return await reader.snapshot(asking, wanted, lists.selections(wanted.uris))

    def topics(row: SubscriptionRow) -> Sequence[str]:
        return followed(
            lists.selections(Wanted.parse(row.content).uris),
            row.watcher,
            usages=service.usages,
            default_domain=domain,
            trusted=service.access.trusts(AoR(row.watcher)),
        )

    def compose(aor: AoR, state: PackageState) -> bytes:
        return write(NOTHING, root_url)

    return EventPackage(
        name=NAME,
        content_types=(MEDIA_TYPE,),
        compose=compose,
        default_expires=DEFAULT_EXPIRES,
        min_interval=min_interval,
        read_content=lists.read_content,
        subscribe_types=(LIST_TYPE,),
        topics=topics,
        touches=touched,
        load=load,
        tell=lambda telling: tell(telling, root_url),
        authorize=authorize,
        of_watcher=True,
    )


async def authorize(aor: AoR, watcher: Identity, package: str) -> Decision:
    """Anybody who is known may follow; what is shown is decided for each resource (RFC 5875 §7)."""
    return BLOCK if watcher.aor is None else ALLOW


def tell(telling: Telling, root_url: str) -> Told | None:
    """The document of one NOTIFY."""
    snapshot = telling.loaded
    assert isinstance(snapshot, Snapshot), "what `load` has read"
    known = telling.answered
    first = not telling.version
    if isinstance(known, Memory) and known.uris != snapshot.wanted.uris:
        known, first = None, True
    if telling.full or not isinstance(known, Memory):
        known = known if isinstance(known, Memory) else None
        view = everything(snapshot, known, first=first)
    else:
        view = changes(snapshot, known)
        if not view.tells:
            return Told(b"", MEDIA_TYPE, view.memory)
    state = entity(view.memory, root_url)
    return Told(write(view, root_url), MEDIA_TYPE, view.memory, state)


class Lists:
    """Lists of URIs, as what they select."""

    def __init__(self, root: str, service: Reading) -> None:
        self._root = root
        self._usages: Mapping[str, Usage] = service.usages
        self.selections = lru_cache(maxsize=KEPT_LISTS)(self._selections)

    def read_content(self, request: Request, before: str) -> str:
        """What a SUBSCRIBE asks for. Raises BadRequest (400) and UnsupportedType (415)."""
        wanted = read_wanted(request, before)
        kinds: Counter[type] = Counter()
        for uri in wanted.uris:
            try:
                kinds[type(select(uri, self._root, self._usages))] += 1
            except XcapError as error:
                raise BadBody(f"{uri[:SHOWN]}: {error}") from None
        if kinds[NodeSelection] > MAX_NODES or kinds[Collection] > MAX_COLLECTIONS:
            raise BadBody(f"more than {MAX_NODES} nodes or {MAX_COLLECTIONS} collections")
        return str(wanted)

    def _selections(self, uris: tuple[str, ...]) -> tuple[Selection, ...]:
        """What is selected by those of `uris` that select anything by the present settings."""
        found = []
        for uri in uris:
            try:
                found.append(select(uri, self._root, self._usages))
            except XcapError:
                continue
        return tuple(selection for selection in found if selection is not None)
