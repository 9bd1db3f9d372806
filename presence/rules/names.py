"""Namespaces, and which permission governs which element of a presence document (RFC 5025 §3.3.2).

Pure. An element that is governed here is not an unknown attribute, and provide-unknown-attribute
does not reach it (§3.3.2.14).
"""

from collections.abc import Mapping
from typing import Final

POLICY: Final = "urn:ietf:params:xml:ns:common-policy"
RULES: Final = "urn:ietf:params:xml:ns:pres-rules"
DIALOG_RULES: Final = "http://openxcap.org/ns/dialog-rules"
OMA_POLICY: Final = "urn:oma:xml:xdm:common-policy"
OMA_RULES: Final = "urn:oma:xml:prs:pres-rules"

PIDF: Final = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL: Final = "urn:ietf:params:xml:ns:pidf:data-model"
RPID: Final = "urn:ietf:params:xml:ns:pidf:rpid"
GEOPRIV: Final = "urn:ietf:params:xml:ns:pidf:geopriv10"
OMA_PRESENCE: Final = "urn:oma:xml:prs:pidf:oma-pres"
XML: Final = "http://www.w3.org/XML/1998/namespace"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

TUPLE: Final = f"{{{PIDF}}}tuple"
STATUS: Final = f"{{{PIDF}}}status"
BASIC: Final = f"{{{PIDF}}}basic"
CONTACT: Final = f"{{{PIDF}}}contact"
NOTE: Final = f"{{{PIDF}}}note"
PERSON: Final = f"{{{DATA_MODEL}}}person"
DEVICE: Final = f"{{{DATA_MODEL}}}device"
DEVICE_ID: Final = f"{{{DATA_MODEL}}}deviceID"
CLASS: Final = f"{{{RPID}}}class"
SPHERE: Final = f"{{{RPID}}}sphere"
USER_INPUT: Final = f"{{{RPID}}}user-input"
SERVICE_DESCRIPTION: Final = f"{{{OMA_PRESENCE}}}service-description"
SERVICE_ID: Final = f"{{{OMA_PRESENCE}}}service-id"

_TIMESTAMP: Final = f"{{{DATA_MODEL}}}timestamp"
ALWAYS: Final[Mapping[str, frozenset[str]]] = {
    STATUS: frozenset({BASIC}),
    TUPLE: frozenset({STATUS, CONTACT, f"{{{PIDF}}}timestamp", f"{{{RPID}}}service-class"}),
    PERSON: frozenset({_TIMESTAMP}),
    DEVICE: frozenset({_TIMESTAMP, DEVICE_ID}),
}
"""What is shown of each component that is shown, and of the status in it (§3.3.2)."""

_OF_RPID: Final = (
    "activities",
    "class",
    "mood",
    "place-is",
    "place-type",
    "privacy",
    "relationship",
    "sphere",
    "status-icon",
    "time-offset",
)
_OF_OMA: Final = (
    "willingness",
    "network-availability",
    "session-participation",
    "registration-state",
    "barring-state",
)

GOVERNED: Final[Mapping[str, frozenset[str]]] = {
    **{f"{{{RULES}}}provide-{name}": frozenset({f"{{{RPID}}}{name}"}) for name in _OF_RPID},
    f"{{{RULES}}}provide-deviceID": frozenset({DEVICE_ID, f"{{{RPID}}}deviceID"}),
    f"{{{RULES}}}provide-note": frozenset({NOTE, f"{{{DATA_MODEL}}}note"}),
    **{
        f"{{{OMA_RULES}}}provide-{name}": frozenset({f"{{{OMA_PRESENCE}}}{name}"})
        for name in _OF_OMA
    },
    f"{{{OMA_RULES}}}provide-geopriv": frozenset({f"{{{GEOPRIV}}}geopriv"}),
}
"""Permissions that are granted or not, and what they show."""

KNOWN: Final = frozenset({USER_INPUT, BASIC}).union(*GOVERNED.values(), *ALWAYS.values())
"""Elements with a permission of their own."""
