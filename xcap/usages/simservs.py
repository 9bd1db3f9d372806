"""Settings of a user's telephony services: diversion, barring and others (3GPP TS 24.623).

They are kept for the telephony server that carries them out; this server reads nothing of
them.
"""

from typing import Final

from xcap.usage import Usage

NAMESPACE: Final = "http://uri.etsi.org/ngn/params/xml/simservs/xcap"
DOCUMENT: Final = "simservs.xml"
SHORT_NAME: Final = "simservs"
"""What some handsets call the same document; it is stored so, and shown under the other name."""

USAGE: Final = Usage(
    auid="simservs.ngn.etsi.org",
    media_type="application/vnd.etsi.simservs+xml",
    default_namespace=NAMESPACE,
    schema="simservs",
    root=f"{{{NAMESPACE}}}simservs",
    documents=frozenset({DOCUMENT, SHORT_NAME}),
    renamed=(DOCUMENT, SHORT_NAME),
)
