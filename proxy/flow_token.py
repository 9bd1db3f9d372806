"""Flow tokens: the user part of a URI that names one flow of one process (RFC 5626 §5.2).

Pure. A token is base64url without padding of a keyed digest, then worker and flow name, so
only a process of the deployment can make one, and it survives a restart of its maker. It has
none but letters, digits, "-" and "_".
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import Final, NamedTuple

DIGEST_OCTETS: Final = 12
"""Of the keyed digest: too many to guess, few enough for a Route."""
MAX_TOKEN: Final = 255
"""Characters; longer ones are nobody's."""
_BETWEEN: Final = "\0"
_PERSON: Final = b"flow-token"


class FlowToken(NamedTuple):
    """What a token says."""

    flow: str
    """The flow's name within its process."""
    worker: str
    """The process that holds the flow."""


def mint(flow_name: str, worker: str, key: bytes) -> str:
    """The token of the flow `flow_name` that `worker` holds; the same each time."""
    named = f"{worker}{_BETWEEN}{flow_name}".encode()
    return urlsafe_b64encode(_digest(named, key) + named).rstrip(b"=").decode("ascii")


def read(token: str, key: bytes) -> FlowToken | None:
    """What `token` names; None when nobody of the deployment made it."""
    if len(token) > MAX_TOKEN or len(token) * 3 // 4 <= DIGEST_OCTETS:
        return None
    try:
        octets = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    digest, named = octets[:DIGEST_OCTETS], octets[DIGEST_OCTETS:]
    if not compare_digest(digest, _digest(named, key)):
        return None
    worker, _, flow = named.decode("utf-8", "replace").partition(_BETWEEN)
    return FlowToken(flow, worker)


def _digest(named: bytes, key: bytes) -> bytes:
    return blake2b(named, key=key[:64], digest_size=DIGEST_OCTETS, person=_PERSON).digest()
