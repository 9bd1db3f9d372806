"""`presentity register|publish|watch`: SIP clients on our own stack. Shell."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from server.addresses import HostPort
from server.cli_options import (
    ConfigOption,
    PasswordOption,
    ServerOption,
    SetOption,
    UserOption,
    client_password,
    effective,
    run,
)
from server.config import Settings
from server.errors import ServerError
from server.notify_view import PIDF_TYPE, notify_block
from server.parts import dns_client
from server.presence_body import presence_body
from server.subscribers import parse_address
from sip.errors import SipError
from sip.transport.client import DEFAULT_EXPIRES, UserAgent
from sip.transport.client_subscription import ClientSubscription, Notify
from sip.transport.dns_resolver import DnsResolver
from xcap.diff import request
from xcap.diff.package import NAME as XCAP_DIFF

REFRESH_AFTER: Final = 0.5
"""Of the granted time: then a subscription is refreshed."""
WHOLE_ROOT: Final = "./"
"""The collection of all documents."""
FAREWELL_LIMIT: Final = 2.0
"""Seconds to unsubscribe at the end."""


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"


class Basic(StrEnum):  # RFC 3863 §4.1.4
    OPEN = "open"
    CLOSED = "closed"


AorArgument = Annotated[str, typer.Argument(metavar="AOR", help="For example alice@example.com.")]
TransportOption = Annotated[Transport, typer.Option("--transport", help="How to reach the server.")]
ExpiresOption = Annotated[int, typer.Option("--expires", min=0, help="Seconds asked for.")]


def register(
    aor: AorArgument,
    contact: Annotated[
        str | None, typer.Option("--contact", help="URI to register; default: where we are.")
    ] = None,
    expires: ExpiresOption = DEFAULT_EXPIRES,
    password: PasswordOption = None,
    server: ServerOption = None,
    transport: TransportOption = Transport.UDP,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Register a contact of AOR (REGISTER) and print all its bindings."""
    settings = effective(config, set_)
    wanted = f"<{contact}>" if contact else None

    async def work() -> None:
        async with _agent(aor, password, server, transport, settings) as agent:
            response = await agent.register(expires, contact=wanted)
            print(f"{agent.aor}: {response.status} {response.reason}")
            for binding in response.values("contact"):
                print(f"  {binding}")

    run(work())


def publish(
    aor: AorArgument,
    status: Annotated[Basic, typer.Option("--status", help="Basic status.")] = Basic.OPEN,
    note: Annotated[str | None, typer.Option("--note", help="A line of text.")] = None,
    body: Annotated[
        Path | None, typer.Option("--body", help="A file to publish instead of status and note.")
    ] = None,
    event: Annotated[str, typer.Option("--event", help="Event package.")] = "presence",
    content_type: Annotated[str, typer.Option("--type", help="Media type of --body.")] = PIDF_TYPE,
    if_match: Annotated[
        str | None, typer.Option("--if-match", help="Entity-tag of the publication to replace.")
    ] = None,
    expires: ExpiresOption = DEFAULT_EXPIRES,
    password: PasswordOption = None,
    server: ServerOption = None,
    transport: TransportOption = Transport.UDP,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Publish the state of AOR (PUBLISH); --expires 0 with --if-match removes it."""
    settings = effective(config, set_)

    async def work() -> None:
        async with _agent(aor, password, server, transport, settings) as agent:
            document = _document(agent.aor, status, note, body) if expires else b""
            tag = await agent.publish(
                event, document, content_type, expires=expires, if_match=if_match
            )
            what = "published" if expires else "removed"
            print(f"{agent.aor}: {what}, entity-tag {tag}" if tag else f"{agent.aor}: {what}")

    run(work())


def watch(
    aor: AorArgument,
    event: Annotated[str, typer.Option("--event", help="Event package.")] = "presence",
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="End after so many NOTIFYs.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--timeout", min=0, help="End after so many seconds.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Print bodies only, as they came.")] = False,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", help="Media type to accept; may repeat.")
    ] = None,
    follow: Annotated[
        list[str] | None,
        typer.Option(
            "--follow", help="xcap-diff: an XCAP URI to follow; may repeat; default: all."
        ),
    ] = None,
    expires: ExpiresOption = DEFAULT_EXPIRES,
    user: UserOption = None,
    password: PasswordOption = None,
    server: ServerOption = None,
    transport: TransportOption = Transport.UDP,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Subscribe to AOR (SUBSCRIBE) and print what is notified, until Ctrl-C.

    Without --user AOR watches itself. --expires 0 fetches the state once. For patches:
    --event "xcap-diff;diff-processing=aggregate".
    """
    settings = effective(config, set_)
    target = parse_address(aor)
    show = _print_body if raw else _block_printer(target)

    async def work() -> None:
        async with _agent(user or aor, password, server, transport, settings) as agent:
            following = Following(show, count, seconds)
            headers, body = _followed(event, follow)
            subscription = await agent.subscribe(
                target, event, accept=accept or (), expires=expires, headers=headers, body=body
            )
            try:
                await following.follow(subscription)
            finally:
                await _unsubscribe(subscription)
            following.check(expected_end=expires == 0)

    run(work())


def _followed(event: str, uris: list[str] | None) -> tuple[list[tuple[str, str]], bytes]:
    """What makes a SUBSCRIBE to xcap-diff follow `uris`; nothing for other packages."""
    if uris is None and event.partition(";")[0].strip() != XCAP_DIFF:
        return [], b""
    return [("Content-Type", request.MEDIA_TYPE)], request.write_uris(uris or [WHOLE_ROOT])


@dataclass
class Following:
    """Shows the NOTIFYs of a subscription until there have been enough."""

    show: Callable[[Notify], None]
    count: int | None
    seconds: float | None
    shown: int = 0
    ended: str | None = None
    """The reason, once the server has ended the subscription."""

    async def follow(self, subscription: ClientSubscription) -> None:
        """Until `count`, `seconds` or the end of the subscription; refreshes it on the way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                while self.count is None or self.shown < self.count:
                    notify = await _next(subscription)
                    if notify is None:
                        return
                    self.show(notify)
                    self.shown += 1
                    if not subscription.active:
                        self.ended = notify.state.reason or "no reason given"

    def check(self, *, expected_end: bool) -> None:
        """Raise ServerError when not all came that was waited for."""
        if self.count is not None and self.shown < self.count:
            raise ServerError(f"{self.shown} of {self.count} NOTIFYs came")
        if self.ended is not None and not expected_end and self.count is None:
            raise ServerError(f"the server ended the subscription: {self.ended}")


async def _next(subscription: ClientSubscription) -> Notify | None:
    """The next NOTIFY, None after the last; the subscription is refreshed while it is awaited."""
    while True:
        granted = subscription.expires * REFRESH_AFTER or None
        try:
            async with asyncio.timeout(granted):
                return await anext(subscription, None)
        except TimeoutError:
            await subscription.refresh()


async def _unsubscribe(subscription: ClientSubscription) -> None:
    """Say that nothing more is wanted; whether that is heard does not matter now."""
    if subscription.active and subscription.expires:
        with suppress(SipError, TimeoutError):
            async with asyncio.timeout(FAREWELL_LIMIT):
                await subscription.unsubscribe()


@asynccontextmanager
async def _agent(
    aor: str, password: str | None, server: str | None, transport: Transport, settings: Settings
) -> AsyncIterator[UserAgent]:
    """A user agent for `aor`; what goes wrong within becomes the operator's line."""
    address = parse_address(aor)
    known = client_password(password, address)
    where = _server(server, transport, settings)
    try:
        async with UserAgent(
            address,
            known,
            server=(where.host, where.port),
            transport=transport.value,
            resolver=DnsResolver(dns_client(settings)),
        ) as agent:
            yield agent
    except SipError as error:
        raise ServerError(str(error)) from error


def _server(given: str | None, transport: Transport, settings: Settings) -> HostPort:
    """Where the server is: as given, or where the settings let it listen."""
    if given is not None:
        try:
            return HostPort.parse(given)
        except ValueError as error:
            raise ServerError(f"--server: {error}") from error
    for listen in settings.sip.listen:
        name, _, address = listen.partition(":")
        if name == transport:
            return HostPort.parse(address).reachable()
    raise ServerError(f"sip.listen: has no {transport} listener; say --server or --transport")


def _document(aor: str, status: Basic, note: str | None, file: Path | None) -> bytes:
    if file is None:
        return presence_body(aor, status, note)
    try:
        return file.read_bytes()
    except OSError as error:
        raise ServerError(f"{file}: cannot be read: {error.strerror}") from error


def _block_printer(resource: str) -> Callable[[Notify], None]:
    """Prints a block and an empty line for each NOTIFY."""
    console = Console()

    def show(notify: Notify) -> None:
        console.print(notify_block(notify.request, resource), soft_wrap=True)
        console.print()
        console.file.flush()

    return show


def _print_body(notify: Notify) -> None:
    sys.stdout.buffer.write(notify.body)
    sys.stdout.buffer.flush()
