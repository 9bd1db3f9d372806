"""A small document of every application usage, for the tests of this folder."""

from base64 import b64encode
from typing import NamedTuple

POLICY = "xmlns(cp=urn:ietf:params:xml:ns:common-policy)"
RULES = (
    '<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"><rule id="a"><conditions/></rule>'
    "</ruleset>"
)
ICON = b64encode(b"\x89PNG\r\n\x1a\n").decode()


class Example(NamedTuple):
    """A document of a usage, and where something is in it."""

    auid: str
    path: str
    body: str
    selector: str
    selected: str
    query: str = ""


EXAMPLES = [
    Example(
        "resource-lists",
        "index",
        '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="a">'
        '<entry uri="sip:b@c"/></list></resource-lists>',
        'resource-lists/list[@name="a"]/entry[@uri="sip:b@c"]',
        '<entry uri="sip:b@c"/>',
    ),
    Example(
        "rls-services",
        "index",
        '<rls-services xmlns="urn:ietf:params:xml:ns:rls-services">'
        '<service uri="sip:s@example.com"><list/></service></rls-services>',
        'rls-services/service[@uri="sip:s@example.com"]/list',
        "<list/>",
    ),
    Example("pres-rules", "index", RULES, "cp:ruleset/cp:rule/cp:conditions", "<conditions/>",
            POLICY),
    Example("org.openmobilealliance.pres-rules", "pres-rules", RULES, "ruleset/rule/conditions",
            "<conditions/>"),
    Example("org.openxcap.dialog-rules", "index", RULES, "cp:ruleset/cp:rule/cp:conditions",
            "<conditions/>", POLICY),
    Example(
        "pidf-manipulation",
        "index",
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com">'
        '<tuple id="t"><status><basic>open</basic></status></tuple></presence>',
        "presence/tuple/status/basic",
        "<basic>open</basic>",
    ),
    Example(
        "org.openmobilealliance.pres-content",
        "oma_status-icon/me",
        '<content xmlns="urn:oma:xml:prs:pres-content"><mime-type>image/png</mime-type>'
        f"<encoding>base64</encoding><data>{ICON}</data></content>",
        "content/mime-type",
        "<mime-type>image/png</mime-type>",
    ),
    Example(
        "org.openmobilealliance.user-profile",
        "user-profile",
        '<user-profiles xmlns="urn:oma:xml:xdm:user-profile">'
        '<user-profile uri="sip:alice@example.com"><gender>f</gender></user-profile>'
        "</user-profiles>",
        "user-profiles/user-profile/gender",
        "<gender>f</gender>",
    ),
    Example(
        "org.openmobilealliance.groups",
        "team",
        '<group xmlns="urn:oma:xml:poc:list-service"><list-service uri="sip:team@example.com">'
        '<list><entry uri="sip:b@c"/></list></list-service></group>',
        'group/list-service/list/entry[@uri="sip:b@c"]',
        '<entry uri="sip:b@c"/>',
    ),
    Example(
        "simservs.ngn.etsi.org",
        "simservs.xml",
        '<simservs xmlns="http://uri.etsi.org/ngn/params/xml/simservs/xcap">'
        '<communication-waiting active="true"/></simservs>',
        "simservs/communication-waiting",
        '<communication-waiting active="true"/>',
    ),
    Example(
        "test-app",
        "index",
        '<root xmlns="test-app"><el1 att="first"/><el2/></root>',
        'root/*[@att="first"]',
        '<el1 att="first"/>',
    ),
]  # fmt: skip
