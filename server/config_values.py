"""Kinds of values that settings have, read from TOML, environment or `--set`. Pure.

A checker returns the value in the form that is kept, or raises ValueError that says what is
wrong with it.
"""

import json
import re
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.networks import IPvAnyNetwork

from server.addresses import (
    check_dns_server,
    check_domain,
    check_http_listen,
    check_origin,
    check_public_root,
    check_route,
    check_sip_listen,
    check_xcap_listen,
)
from server.errors import ServerError
from server.subscribers import parse_address
from sip.uri import AoR

MAX_DELTA_SECONDS: Final = 2**31 - 1
"""Largest expiry that is offered, seconds."""
MASK: Final = "********"
_AUID: Final = re.compile(r"[A-Za-z0-9_]+(?:[.\-][A-Za-z0-9_]+)+")
_PACKAGE: Final = re.compile(r"[A-Za-z0-9\-!%*_+`'~]+(?:\.[A-Za-z0-9\-!%*_+`'~]+)*")
"""RFC 6665 §8.4: event-type, a package and its templates."""
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9][\w.+\-]*/[A-Za-z0-9][\w.+\-]*", re.ASCII)
_DOCUMENT_NAME: Final = re.compile(r"(?!\.{1,2}$|~~$)[A-Za-z0-9:@+_.=;,$&!*'()~\-]{1,255}")


class DefaultPolicy(StrEnum):
    """What happens to a watcher of a presentity that has no rules."""

    ALLOW = "allow"
    ALLOW_SAME_DOMAIN = "allow-same-domain"
    CONFIRM = "confirm"
    BLOCK = "block"


class DigestAlgorithm(StrEnum):
    MD5 = "MD5"
    SHA_256 = "SHA-256"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    LOGFMT = "logfmt"
    JSON = "json"


def list_from_text(value: Any) -> Any:
    """A list out of JSON or comma separated text, which is what environment and `--set` give."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"is not a JSON list: {error}") from error
    return [part.strip() for part in value.split(",") if part.strip()]


def table_from_text(value: Any) -> Any:
    """A table out of JSON, which is what environment and `--set` give."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "{}")
    except json.JSONDecodeError as error:
        raise ValueError(f"is not a JSON object: {error}") from error


def check_store_url(value: str) -> str:
    scheme = urlsplit(value).scheme
    if scheme == "sqlite" and value.startswith("sqlite:///") and len(value) > len("sqlite:///"):
        return value
    if scheme == "postgresql" and urlsplit(value).path.strip("/"):
        return value
    raise ValueError("is neither sqlite:///FILE nor postgresql://USER:PASSWORD@HOST/DATABASE")


def check_user(value: str) -> AoR:
    try:
        return parse_address(value)
    except ServerError as error:
        raise ValueError(str(error)) from error


def check_root(value: str) -> str:
    if not value.startswith("/") or value == "/":
        raise ValueError(f"{value!r} is not a path such as /xcap-root")
    return value.rstrip("/")


def check_auid(value: str) -> str:
    if _AUID.fullmatch(value) is None:
        raise ValueError(f"{value!r} is no AUID: want com.example.name (RFC 4825 §5.1)")
    return value


def check_package_name(value: str) -> str:
    if _PACKAGE.fullmatch(value) is None:
        raise ValueError(f"{value!r} is no event package: want com.example.lamp (RFC 6665 §8.4)")
    return value


def check_media_type(value: str) -> str:
    if _MEDIA_TYPE.fullmatch(value) is None:
        raise ValueError(f"{value!r} is not a media type such as application/xml")
    return value.lower()


def check_document_name(value: str) -> str:
    if _DOCUMENT_NAME.fullmatch(value) is None:
        raise ValueError(f"{value!r} is no name of a document: one segment of a path")
    return value


AsList = BeforeValidator(list_from_text)
Networks = Annotated[tuple[IPvAnyNetwork, ...], AsList]
Algorithms = Annotated[tuple[DigestAlgorithm, ...], AsList, Field(min_length=1)]
Seconds = Annotated[int, Field(ge=0, le=MAX_DELTA_SECONDS)]
PublicRoot = Annotated[str, AfterValidator(check_public_root)]
HttpListen = Annotated[str, AfterValidator(check_http_listen)]
XcapListen = Annotated[str, AfterValidator(check_xcap_listen)]
Origin = Annotated[str, AfterValidator(check_origin)]
Auid = Annotated[str, AfterValidator(check_auid)]
PackageName = Annotated[str, AfterValidator(check_package_name)]
MediaType = Annotated[str, AfterValidator(check_media_type)]
DocumentName = Annotated[str, AfterValidator(check_document_name)]
Routes = Annotated[tuple[Annotated[str, AfterValidator(check_route)], ...], AsList]
SipListen = Annotated[str, AfterValidator(check_sip_listen)]
DnsServers = Annotated[tuple[Annotated[str, AfterValidator(check_dns_server)], ...], AsList]
Domain = Annotated[str, AfterValidator(check_domain)]
Users = Annotated[tuple[Annotated[AoR, AfterValidator(check_user)], ...], AsList]
BOTH: Final = (DigestAlgorithm.MD5, DigestAlgorithm.SHA_256)


def masked_url(url: str) -> str:
    """`url` with its password, if it has one, made unreadable."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:{MASK}@{host}"))
