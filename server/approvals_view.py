"""/api/v1/watchers/XUI on the XCAP listener: users decide about their own watchers (AUT-12). Shell.

GET lists who waits. PUT of `{"decision": "allow"}`, or polite-block, confirm, block, at
`/api/v1/watchers/XUI/WATCHER` writes a rule; DELETE takes it back. Who may read or write the
user's rules document may do so here.
"""

from http import HTTPStatus
from typing import Final

from server.approvals import INDEX, Approvals, read_decision, read_watcher
from sip.authenticator import Identity
from sip.uri import AoR
from xcap.conditions import UNCONDITIONAL, Conditions
from xcap.errors import MethodNotAllowed, NoDocument, NoParent, NotFound, PreconditionFailed
from xcap.http.exchange import Call, Reply
from xcap.http.media_type import check_media_type
from xcap.json.values import MEDIA_TYPE, parse_object, print_object
from xcap.service import XcapService
from xcap.uri import Tree, XcapUri, decode
from xcap.usages import pres_rules

PREFIX: Final = "/api/v1/watchers/"
LIST_METHODS: Final = ("GET", "HEAD", "OPTIONS")
ONE_METHODS: Final = ("PUT", "DELETE", "OPTIONS")
NO_TYPES: Final[frozenset[str]] = frozenset()


class ApprovalsView:
    """A `View` for the HTTP listener."""

    prefix = PREFIX

    def __init__(self, service: XcapService, approvals: Approvals, default_domain: str) -> None:
        self._service = service
        self._approvals = approvals
        self._default_domain = default_domain

    def allowed(self, target: str) -> tuple[str, ...]:
        """The methods that `target` knows. Raises NotFound."""
        return LIST_METHODS if _names(target)[1] is None else ONE_METHODS

    def xui(self, target: str) -> str:
        """Whose watchers `target` is about."""
        return _names(target)[0]

    async def answer(self, call: Call) -> Reply:
        """Do what `call` asks. Raises an XcapError."""
        xui, name = _names(call.target)
        rules = XcapUri(pres_rules.USAGE.auid, Tree.USERS, xui, INDEX)
        if name is None:
            located = await self._service.located(rules, call.identity)
            return _reply(await self._approvals.listing(AoR(located.key.owner)))
        if call.method not in ONE_METHODS:
            raise MethodNotAllowed(call.method, ONE_METHODS)
        watcher = read_watcher(name, self._default_domain)
        decision = None
        if call.method == "PUT":
            check_media_type(call.content_type, MEDIA_TYPE, forgiven=NO_TYPES)
            decision = read_decision(parse_object(call.body))
        located = await self._service.writable(rules, call.identity, "PUT")
        pen = UserPen(self._service, rules, call.identity, call.source)
        owner = AoR(located.key.owner)
        return _reply(await self._approvals.decide(owner, watcher, decision, pen))


class UserPen:
    """The document as one user gets at it over XCAP."""

    def __init__(self, service: XcapService, uri: XcapUri, identity: Identity, source: str) -> None:
        self._service = service
        self._uri = uri
        self._identity = identity
        self._source = source

    async def read(self) -> tuple[bytes | None, str | None]:
        """See `server.approvals.Pen`."""
        try:
            found = await self._service.read(self._uri, self._identity, UNCONDITIONAL)
        except NoDocument:
            return None, None
        return found.body, found.etag

    async def write(self, body: bytes, conditions: Conditions) -> None:
        """See `server.approvals.Pen`."""
        try:
            await self._service.write(
                self._uri, self._identity, conditions, body, source=self._source
            )
        except NoParent:
            raise PreconditionFailed(None) from None


def _names(target: str) -> tuple[str, str | None]:
    """The user, and the watcher if one is named. Raises NotFound and BadRequest."""
    segments = target.partition("?")[0].removeprefix(PREFIX).split("/")
    match [decode(segment) for segment in segments]:
        case [xui] | [xui, ""] if xui:
            return xui, None
        case [xui, watcher] if xui:
            return xui, watcher
        case _:
            raise NotFound("want /api/v1/watchers/USER or /api/v1/watchers/USER/WATCHER")


def _reply(values: dict[str, object]) -> Reply:
    return Reply(HTTPStatus.OK, MEDIA_TYPE, print_object(values))
