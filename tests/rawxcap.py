"""An XCAP client on plain HTTP with digest, for tests of the real server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from tests.rawdigest import Login

RESOURCE_LISTS: Final = "application/resource-lists+xml"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    challenges: tuple[str, ...] = ()

    @property
    def etag(self) -> str:
        return self.headers["ETag"]


@dataclass
class XcapClient:
    """Requests of one user below one XCAP root."""

    session: aiohttp.ClientSession
    root: str
    login: Login | None = None
    asserted: str | None = None
    """The user that a trusted front end asserts, instead of a login."""

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, and once more when it is challenged and there is a login."""
        answer = await self._ask_once(method, path, body, headers or {})
        if answer.status == 401 and self.login is not None:
            self.login.learn(answer.challenges)
            answer = await self._ask_once(method, path, body, headers or {})
        return answer

    async def _ask_once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        url = URL(f"{self.root}/{path}", encoded=True)
        sent = dict(headers)
        if self.login is not None and self.login.challenge is not None:
            sent["Authorization"] = self.login.authorization(method, url.raw_path_qs)
        if self.asserted is not None:
            sent["X-3GPP-Asserted-Identity"] = f'"{self.asserted}"'
        async with self.session.request(method, url, data=body, headers=sent) as answer:
            challenges = tuple(answer.headers.getall("WWW-Authenticate", ()))
            return Answer(answer.status, answer.headers, await answer.read(), challenges)

    async def put(
        self, path: str, body: bytes, media_type: str = RESOURCE_LISTS, **conditions: str
    ) -> Answer:
        """PUT; `if_match="…"` and `if_none_match="…"` become headers."""
        return await self.ask("PUT", path, body, {"Content-Type": media_type} | _named(conditions))

    async def get(self, path: str, **conditions: str) -> Answer:
        return await self.ask("GET", path, headers=_named(conditions))

    async def delete(self, path: str, **conditions: str) -> Answer:
        return await self.ask("DELETE", path, headers=_named(conditions))


def _named(conditions: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-").title(): value for name, value in conditions.items()}


def resource_list(name: str, entries: int = 1) -> bytes:
    """A resource-lists document (RFC 4826 §3) with one list of this name."""
    rows = "".join(f'<entry uri="sip:friend{number}@example.com"/>' for number in range(entries))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
        f'<list name="{name}">{rows}</list></resource-lists>'
    ).encode()
