"""Flow tokens: the user part of a URI that names one flow of one process (RFC 5626 §5.2).

Pure. A token is sealed: only a process of the deployment can make or read one, it survives a
restart of its maker, and tells nobody the client's address. It is bound to what it was made for:
a Path, or one dialog. It has none but letters, digits, "-" and "_".
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from proxy.sealed import Seal

MAX_TOKEN: Final = 320
"""Characters; longer ones are nobody's."""
DEPLOYMENTS: Final = 8
"""Secrets whose seals are kept; a process has one."""
_BETWEEN: Final = b"\0"
_KIND: Final = b"flow-token"


class FlowToken(NamedTuple):
    """What a token says."""

    flow: str
    """The flow's name within its process."""
    worker: str
    """The process that holds the flow."""


def mint(flow_name: str, worker: str, secret: bytes, dialog: Sequence[str] = ()) -> str:
    """The token of the flow `flow_name` that `worker` holds; the same each time.

    `dialog` is all that tells the dialog it is for from others; without, it is for a Path.
    """
    plain = worker.encode() + _BETWEEN + flow_name.encode()
    return _seal(secret).seal(plain, _bound(dialog))


def read(token: str, secret: bytes, dialog: Sequence[str] = ()) -> FlowToken | None:
    """What `token` names; None when nobody of the deployment made it, or not for `dialog`."""
    if len(token) > MAX_TOKEN:
        return None
    plain = _seal(secret).open(token, _bound(dialog))
    if plain is None:
        return None
    worker, _, flow = plain.decode("utf-8", "replace").partition("\0")
    return FlowToken(flow, worker)


def _bound(dialog: Sequence[str]) -> list[bytes]:
    if not dialog:
        return [b"path"]
    return [b"dialog", *(each.encode("utf-8", "surrogateescape") for each in dialog)]


@lru_cache(DEPLOYMENTS)
def _seal(secret: bytes) -> Seal:
    return Seal(secret, _KIND)
