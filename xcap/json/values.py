"""JSON bodies as values that are safe to write into XML. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from xcap.errors import BadRequest
from xcap.nodes.selector import NOT_XML

MEDIA_TYPE: Final = "application/json"
CARRIAGE_RETURN: Final = {"\r": "&#13;"}
"""The one character of text that a parser would change (XML 1.0 §2.11)."""

JsonObject = Mapping[str, Any]


def parse_object(body: bytes) -> JsonObject:
    """The JSON object that `body` is; an empty body is an empty object. Raises BadRequest."""
    if not body.strip():
        return {}
    try:
        return checked_object(json.loads(body), "the body")
    except (ValueError, RecursionError):
        raise BadRequest("the body is no JSON") from None


def print_object(values: JsonObject) -> bytes:
    """`values` as a body."""
    return json.dumps(values, ensure_ascii=False, indent=1).encode() + b"\n"


def checked_object(value: object, name: str) -> JsonObject:
    """`value` if it is an object. Raises BadRequest."""
    if not isinstance(value, dict):
        raise BadRequest(f"{name} must be an object")
    return value


def check_keys(values: JsonObject, known: frozenset[str]) -> None:
    """Refuse keys that mean nothing here, misspelt ones among them. Raises BadRequest."""
    unknown = sorted(values.keys() - known)
    if unknown:
        names = ", ".join(sorted(known))
        raise BadRequest(f"{unknown[0]!r} is no key here, there are {names}")


def check_same(values: JsonObject, key: str, wanted: str) -> None:
    """Refuse a value that says another name than the URI. Raises BadRequest."""
    if values.get(key, wanted) != wanted:
        raise BadRequest(f"{key!r} differs from what the URI says")


def text(values: JsonObject, key: str) -> str | None:
    """The string under `key`; None when there is none. Raises BadRequest."""
    value = values.get(key)
    return None if value is None else _text(value, key)


def texts(values: JsonObject, key: str) -> tuple[str, ...]:
    """The strings of the array under `key`; () when there is none. Raises BadRequest."""
    return tuple(_text(value, key) for value in _array(values, key))


def objects(values: JsonObject, key: str) -> tuple[JsonObject, ...]:
    """The objects of the array under `key`; () when there is none. Raises BadRequest."""
    return tuple(checked_object(value, f"each of {key!r}") for value in _array(values, key))


def flag(values: JsonObject, key: str) -> bool:
    """The boolean under `key`, False when there is none. Raises BadRequest."""
    value = values.get(key, False)
    if not isinstance(value, bool):
        raise BadRequest(f"{key!r} must be true or false")
    return value


def escaped(content: str) -> str:
    """`content` as the text of an element."""
    return escape(content, CARRIAGE_RETURN)


def _array(values: JsonObject, key: str) -> list[object]:
    value = values.get(key, [])
    if not isinstance(value, list):
        raise BadRequest(f"{key!r} must be an array")
    return value


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or NOT_XML.search(value):
        raise BadRequest(f"{key!r} must be text without control characters")
    return value
