"""An XCAP client (RFC 4825 §7) on aiohttp: URLs, media types, one request. Shell."""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import aiohttp
from lxml import etree
from yarl import URL

from server.addresses import HTTPS, HostPort
from server.config import Settings
from server.errors import ServerError
from xcap.config import XcapConfig
from xcap.errors import XcapError
from xcap.nodes.node import ATTRIBUTE_TYPE, ELEMENT_TYPE
from xcap.nodes.selector import Name, parse_selector
from xcap.registry import usages
from xmldoc.errors import XmlError
from xmldoc.parse import parse

TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
NODE_SEPARATOR: Final = "/~~/"
"""Between document selector and node selector (RFC 4825 §6)."""
UNRESERVED: Final = "/!$&'()*+,;=:@-._~%"
"""What stands in a path as it is, escapes that are there already among it (RFC 3986 §3.3)."""
IN_QUERY: Final = UNRESERVED + "?"
SHOWN: Final = 200
"""Characters of the server's own words that are repeated."""
EVERYTHING: Final = XcapConfig(domains=(), test_app=True)
"""What turns every application usage on that a server may have."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks; without a user nobody is authenticated."""

    user: str | None
    password: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    reason: str
    etag: str | None
    content_type: str
    body: bytes


async def exchange(
    method: str,
    url: URL,
    account: Account,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    *,
    tls: ssl.SSLContext | bool = True,
) -> Answer:
    """One request, with digest when the server asks for it; `tls` is how it is verified.

    ServerError when nobody answers.
    """
    digest = (
        ()
        if account.user is None
        else (aiohttp.DigestAuthMiddleware(account.user, account.password),)
    )
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, middlewares=digest) as session,
            session.request(method, url, headers=headers, data=body, ssl=tls) as response,
        ):
            return Answer(
                response.status,
                response.reason or "",
                response.headers.get("ETag"),
                response.content_type,
                await response.read(),
            )
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ServerError(f"{url.origin()}: {error or 'no answer in time'}") from error


def document_url(path: str, settings: Settings, namespaces: Sequence[str] = ()) -> URL:
    """The URL of `path`: absolute as it is, else below the XCAP root of the settings.

    What must be percent-encoded is, brackets and quotes of a node selector above all.
    `namespaces` are bindings of prefixes, "p=urn:example" (RFC 4825 §6.4).
    """
    scheme, separator, rest = path.partition("://")
    if separator and scheme in ("http", "https"):
        host, slash, path = rest.partition("/")
        origin, path = f"{scheme}://{host}", slash + path
    else:
        origin = _own_origin(settings)
        path = path if path.startswith("/") else f"{settings.http.xcap_root}/{path}"
    path, _, query = path.partition("?")
    query += "".join(f"xmlns({binding})" for binding in namespaces)
    written = origin + quote(path, safe=UNRESERVED)
    return URL(f"{written}?{quote(query, safe=IN_QUERY)}" if query else written, encoded=True)


def _own_origin(settings: Settings) -> str:
    """Where a server of these settings is found from here, without TLS if it can be."""
    listen = settings.http.listen
    plain = next((address for address in listen if not address.startswith(HTTPS)), None)
    if plain is not None:
        return f"http://{HostPort.parse(plain).reachable()}"
    return f"https://{HostPort.parse(listen[0].removeprefix(HTTPS)).reachable()}"


def guessed_type(url: URL, settings: Settings) -> str:
    """The media type of what `url` names, from its AUID or node selector (RFC 4825 §7)."""
    document, separator, node = url.path.partition(NODE_SEPARATOR)
    if separator:
        return ATTRIBUTE_TYPE if _is_attribute(node) else ELEMENT_TYPE
    types = {auid: usage.media_type for auid, usage in settings.xcap.usages.items()}
    types |= {usage.auid: usage.media_type for usage in usages(EVERYTHING)}
    for segment in document.split("/"):
        if segment in types:
            return types[segment]
    raise ServerError(f"{url.path}: no media type is known for it; say --type")


def _is_attribute(node: str) -> bool:
    try:
        return isinstance(parse_selector(node).terminal, Name)
    except XcapError as error:
        raise ServerError(f"{node}: {error}") from error


def explanation(answer: Answer) -> str:
    """What the server says was wrong: the conflicts of RFC 4825 §11, or its own words."""
    said = f"{answer.status} {answer.reason}"
    if answer.content_type == "text/plain":
        words = answer.body.decode("utf-8", "replace").strip()[:SHOWN]
        return f"{said}: {words}" if words else said
    if not answer.content_type.endswith("xcap-error+xml"):
        return said
    try:
        root = parse(answer.body)
    except XmlError:
        return said
    return f"{said}: {'; '.join(map(_conflict, root))}"


def _conflict(condition: etree._Element) -> str:
    """One condition with its phrase and whatever it names."""
    named = [etree.QName(condition).localname, condition.get("phrase") or ""]
    for detail in condition.iter():
        if detail is not condition:
            named += [detail.get("field") or "", (detail.text or "").strip()]
    return " ".join(filter(None, named))
