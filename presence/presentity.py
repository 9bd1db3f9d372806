"""Which user a URI names: `sip:`, `sips:`, `pres:` and `tel:` (RFC 3856 §5, PRS-11). Pure.

Whatever it is spelled like, a resource has one name in the store, its AoR. A global number is the
user of that name in one domain of ours, without the visual separators; a local one in the domain
that is its context, if that is a domain (RFC 3966 §5.1.5, RFC 3261 §19.1.6).
"""

import re
from typing import Final

from sip.errors import ParseError
from sip.uri import AoR, aor_of

TEL: Final = "tel:"
SEPARATORS: Final = str.maketrans("", "", "-.()")
"""RFC 3966 §5.1.1: they say nothing."""
GLOBAL: Final = re.compile(r"\+[0-9]+")
LOCAL: Final = re.compile(r"[0-9A-Fa-f*]*[0-9*][0-9A-Fa-f*]*")
"""Without "#", which no user part of a SIP URI has."""
CONTEXT: Final = "phone-context"


def presentity_of(text: str, tel_domain: str) -> AoR:
    """The AoR that `text` names; ParseError when it names none."""
    try:
        return aor_of(text)
    except ParseError:
        if not is_number(text):
            raise
    number, _, parameters = text[len(TEL) :].partition(";")
    digits = number.translate(SEPARATORS)
    if GLOBAL.fullmatch(digits):
        return aor_of(f"sip:{digits}@{tel_domain}")
    if LOCAL.fullmatch(digits):
        return aor_of(f"sip:{digits}@{_context(text, parameters)}")
    raise ParseError("telephone number", text)


def is_number(uri: str) -> bool:
    """Whether `uri` is a tel: URI."""
    return uri[: len(TEL)].lower() == TEL


def _context(text: str, parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.lower() == CONTEXT and value and not value.startswith("+"):
            return value
    raise ParseError("context of a local number", text)
