"""Contacts, lists and rules as JSON, beside the XCAP documents that they are in. Shell.

Reads and writes go the road of all XCAP requests: the same permissions, entity-tags,
validation and change feed. A write reads the document, makes one element of it and puts
that with the tag that was read; when somebody else was faster, it begins again.
"""

from http import HTTPStatus
from typing import Final

from xcap.conditions import ANY, UNCONDITIONAL, Conditions
from xcap.errors import Busy, MethodNotAllowed, NoDocument, NoParent, PreconditionFailed
from xcap.http.exchange import Call, Reply
from xcap.http.media_type import check_media_type
from xcap.json.resources import PREFIX, Node, Target, parse_target
from xcap.json.values import MEDIA_TYPE, JsonObject, parse_object, print_object
from xcap.nodes.evaluate import resolve
from xcap.nodes.node import put_node
from xcap.representation import Representation, Written
from xcap.service import XcapService
from xcap.turns_service import Turns
from xcap.usage import parse_document

ATTEMPTS: Final = 20
"""How often a write begins again before its client is asked to come back."""
RETRY_AFTER: Final = 1
"""Seconds."""
NO_TYPES: Final[frozenset[str]] = frozenset()


class Overtaken(Exception):
    """Somebody else wrote the document after it was read."""


class JsonView:
    """A `View` for the HTTP listener."""

    prefix = PREFIX

    def __init__(self, service: XcapService) -> None:
        self._service = service
        self._turns = Turns()

    def allowed(self, target: str) -> tuple[str, ...]:
        """The methods that `target` knows. Raises NotFound."""
        return parse_target(target).resource.methods

    def xui(self, target: str) -> str:
        """Whose documents `target` is about."""
        return parse_target(target).xui

    async def answer(self, call: Call) -> Reply:
        """Do what `call` asks. Raises an XcapError."""
        target = parse_target(call.target)
        node = target.resource.node
        if call.method == "GET":
            return await self._show(call, target)
        if node is None:
            raise MethodNotAllowed(call.method, target.resource.methods)
        if call.method == "DELETE":
            uri = target.node(node)
            etag = await self._service.delete(
                uri, call.identity, call.conditions, source=call.source
            )
            return Reply(HTTPStatus.NO_CONTENT, etag=etag)
        return await self._put(call, target, node)

    async def _show(self, call: Call, target: Target) -> Reply:
        shown = await self._service.read(target.document(), call.identity, call.conditions)
        values = target.resource.show(parse_document(shown.body), *target.names)
        return Reply(HTTPStatus.OK, MEDIA_TYPE, print_object(values), shown.etag)

    async def _put(self, call: Call, target: Target, node: Node) -> Reply:
        check_media_type(call.content_type, MEDIA_TYPE, forgiven=NO_TYPES)
        values = parse_object(call.body)
        located = await self._service.writable(target.document(), call.identity, call.method)
        async with self._turns.turn(located.key):
            for _ in range(ATTEMPTS):
                try:
                    written = await self._write(call, target, node, values)
                except Overtaken:
                    continue
                if written.created:
                    return Reply(HTTPStatus.CREATED, etag=written.etag, location=call.target)
                return Reply(HTTPStatus.NO_CONTENT, etag=written.etag)
        raise Busy("others keep changing this document", RETRY_AFTER)

    async def _present(self, call: Call, target: Target) -> Representation | None:
        """The document that `target` is in, as it is now."""
        try:
            return await self._service.read(target.document(), call.identity, UNCONDITIONAL)
        except NoDocument:
            return None

    async def _write(self, call: Call, target: Target, node: Node, values: JsonObject) -> Written:
        """Put the element into the document as it is now, or into a new one.

        Raises Overtaken when it was another document by the time of the write.
        """
        there = await self._present(call, target)
        etag = None if there is None else there.etag
        if not (call.conditions.match(etag) and call.conditions.none_match(etag)):
            raise PreconditionFailed(etag)
        if there is None:
            uri, conditions = target.document(), Conditions(if_none_match=ANY)
            body = _first(node, values, target)
        else:
            uri, conditions = target.node(node), Conditions(if_match=(there.etag,))
            body = _element(there.body, node, values, target)
        try:
            return await self._service.write(
                uri, call.identity, conditions, body, source=call.source
            )
        except (PreconditionFailed, NoParent):  # it has changed, or it is gone
            raise Overtaken from None


def _element(document: bytes, node: Node, values: JsonObject, target: Target) -> bytes:
    return node.element(document, parse_document(document), values, *target.names)


def _first(node: Node, values: JsonObject, target: Target) -> bytes:
    """The document that holds nothing but the resource."""
    element = _element(node.empty, node, values, target)
    namespace = target.resource.usage.default_namespace
    resolved = resolve(str(node.selector(*target.names)), node.query, namespace)
    return put_node(node.empty, parse_document(node.empty), resolved, element).body
