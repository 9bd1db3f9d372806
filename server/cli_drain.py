"""`presentity drain`: ask a server that runs to move its subscriptions elsewhere. Shell."""

import asyncio
import json
from http import HTTPStatus
from typing import Annotated, Any, Final

import aiohttp
import typer

from server.addresses import HostPort
from server.cli_options import ConfigOption, SetOption, effective, run
from server.config import Settings
from server.drain_api import PATH
from server.errors import ServerError

TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
LOOK: Final = 1.0
"""Seconds between two looks at how far it is."""

AdminOption = Annotated[
    str | None,
    typer.Option("--admin", metavar="HOST:PORT", help="The admin listener; default: admin.listen."),
]


def drain(
    rate: Annotated[
        float | None,
        typer.Option(help="Subscriptions a second; default: presence.drain_rate.", min=0.001),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when none is left.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Only say how far it is.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Call it off.")] = False,
    admin: AdminOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Refuse new dialogs and move subscriptions to other servers (RFC 6665)."""
    if sum((wait, status, cancel)) > 1:
        raise ServerError("--wait, --status and --cancel exclude each other")
    url = f"http://{listener(effective(config, set_), admin)}{PATH}"
    method = "GET" if status else "DELETE" if cancel else "POST"
    body = {} if rate is None else {"rate": rate}
    run(_drain(method, url, body if method == "POST" else None, wait))


def listener(settings: Settings, named: str | None) -> HostPort:
    """Where the admin listener is to be asked."""
    try:
        return HostPort.parse(named or settings.admin.listen).reachable()
    except ValueError as error:
        raise ServerError(f"--admin: {error}") from error


async def _drain(method: str, url: str, body: dict[str, float] | None, wait: bool) -> None:
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        said = await _ask(session, method, url, body)
        print(line(said))
        while wait and said["state"] == "moving":
            await asyncio.sleep(LOOK)
            said = await _ask(session, "GET", url, None)
            print(line(said))


async def _ask(
    session: aiohttp.ClientSession, method: str, url: str, body: dict[str, float] | None
) -> dict[str, Any]:
    try:
        async with session.request(method, url, json=body) as response:
            text = await response.text()
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise ServerError(f"{url}: {response.status} {text.strip()}")
            answer: dict[str, Any] = json.loads(text)
            return answer
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ServerError(f"{url}: {error or type(error).__name__}") from error


def line(said: dict[str, Any]) -> str:
    """How far it is, in a line."""
    return f"{said['state']}: {said['moved']} moved, {said['left']} left"
