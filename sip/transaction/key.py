"""What a request is matched to its server transaction by (RFC 3261 §17.2.3).

Pure. A key is bytes, so that hundreds of thousands of them stay small and hash once.
"""

from sip.message import Request, parse_message
from sip.via import MAGIC_COOKIE

COOKIE = MAGIC_COOKIE.encode()


def branch_key(branch: bytes, sent_by: bytes, method: bytes) -> bytes:
    """The key of a request whose branch has the magic cookie; an ACK has that of its INVITE."""
    if method == b"ACK":
        method = b"INVITE"
    return b" ".join((branch, sent_by.lower(), method))


def key_of(request: Request) -> bytes:
    """The key of any request, by its branch or as RFC 2543 did; ParseError when it has none."""
    via = request.via
    branch = via.branch or ""
    if branch.startswith(MAGIC_COOKIE):
        return branch_key(
            branch.encode(errors="surrogateescape"),
            via.sent_by.encode(errors="surrogateescape"),
            request.method.encode(),
        )
    return _rfc2543_key(request)


def _rfc2543_key(request: Request) -> bytes:
    """Request-URI, From tag, To tag, Call-ID, CSeq number, top Via and method, in one.

    The To tag is left out for INVITE, ACK and CANCEL, since an ACK bears the tag of the response;
    that one is compared by `acknowledges` when the ACK has found its INVITE.
    """
    method = "INVITE" if request.method == "ACK" else request.method
    parts = (
        request.uri_text,
        request.from_.tag or "",
        "" if method in ("INVITE", "CANCEL") else request.to.tag or "",
        request.call_id,
        str(request.cseq.number),
        str(request.via),
    )
    return "\0".join(parts).encode(errors="surrogateescape") + b" " + method.encode()


def invite_key(cancel_key: bytes) -> bytes:
    """The key of the INVITE that a CANCEL with `cancel_key` is for (RFC 3261 §9.2)."""
    return cancel_key.rpartition(b" ")[0] + b" INVITE"


def acknowledges(ack: Request, response: bytes) -> bool:
    """Whether `ack` is for the `response` sent: by its To tag, unless its branch said so."""
    if (ack.via.branch or "").startswith(MAGIC_COOKIE):
        return True
    return bool(response) and ack.to.tag == parse_message(response).to.tag
