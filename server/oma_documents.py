"""The rules and lists of a user who has none, as OMA and RCS clients expect them (AUT-08). Pure.

Names of rules and lists are those of OMA Presence XDM and OMA Shared List XDM. Such a client lets
somebody in, or keeps somebody out, by putting one entry into a list, and never writes a rule.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from sip.uri import AoR
from store.values import Document, DocumentKey
from xcap.computed import etag_of
from xcap.uri import PCHAR
from xcap.usages import pres_rules, resource_lists

GRANTED: Final = "oma_grantedcontacts"
BLOCKED: Final = "oma_blockedcontacts"
BUDDIES: Final = "oma_buddylist"
LISTS: Final = (BUDDIES, "oma_pocbuddylist", GRANTED, BLOCKED)
ALL_CONTACTS: Final = "oma_allcontacts"
"""A list of lists."""
INDEX: Final = "index"
EVERYTHING: Final = (
    "<cp:transformations>"
    "<pr:provide-devices><pr:all-devices/></pr:provide-devices>"
    "<pr:provide-persons><pr:all-persons/></pr:provide-persons>"
    "<pr:provide-services><pr:all-services/></pr:provide-services>"
    "<pr:provide-all-attributes/>"
    "</cp:transformations>"
)
RULES: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy"'
    ' xmlns:pr="urn:ietf:params:xml:ns:pres-rules" xmlns:ocp="urn:oma:xml:xdm:common-policy">\n'
    "%s</cp:ruleset>\n"
)
LIST_DOCUMENT: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">\n%s</resource-lists>\n'
)


def default_document(key: DocumentKey, root_url: str) -> Document | None:
    """What a user has under `key` until it writes something else; None for other documents.

    `root_url` is the URL of the XCAP root with a slash at its end.
    """
    makes = {pres_rules.USAGE.auid: rules, resource_lists.USAGE.auid: lists}.get(key.auid)
    if makes is None or not key.owner or key.path != INDEX:
        return None
    usage = pres_rules.USAGE if makes is rules else resource_lists.USAGE
    body = makes(AoR(key.owner), root_url)
    return Document(key, etag_of(body), usage.media_type, body, 0.0)


def rules(owner: AoR, root_url: str) -> bytes:
    """Who is granted sees everything, who is blocked nothing; others wait for an answer."""
    me = f"<cp:identity><cp:one id={quoteattr(owner)}/></cp:identity>"
    parts = (
        _rule("wp_prs_allow_own", me, "allow", EVERYTHING),
        _rule("wp_prs_grantedcontacts", _on(owner, root_url, GRANTED), "allow", EVERYTHING),
        _rule("wp_prs_blockedcontacts", _on(owner, root_url, BLOCKED), "block"),
        _rule("wp_prs_unlisted", "<ocp:other-identity/>", "confirm"),
        _rule("wp_prs_block_anonymous", "<ocp:anonymous-request/>", "block"),
    )
    return (RULES % "".join(parts)).encode()


def lists(owner: AoR, root_url: str) -> bytes:
    """The lists, all empty, and the one that takes them in."""
    inside = "".join(
        f"    <external anchor={quoteattr(anchor(owner, root_url, name))}/>\n" for name in LISTS
    )
    parts = [f"  <list name={quoteattr(name)}/>\n" for name in LISTS]
    parts.append(f"  <list name={quoteattr(ALL_CONTACTS)}>\n{inside}  </list>\n")
    return (LIST_DOCUMENT % "".join(parts)).encode()


def anchor(owner: AoR, root_url: str, name: str) -> str:
    """The URI of list `name` of `owner`."""
    path = f"resource-lists/users/{quote(owner, safe=PCHAR)}/{INDEX}"
    return f"{root_url}{path}/~~/resource-lists/list%5B@name=%22{quote(name)}%22%5D"


def _on(owner: AoR, root_url: str, *names: str) -> str:
    entries = _entries(anchor(owner, root_url, name) for name in names)
    return f"<ocp:external-list>{entries}</ocp:external-list>"


def _entries(anchors: Iterable[str]) -> str:
    return "".join(f"<ocp:entry anc={quoteattr(each)}/>" for each in anchors)


def _rule(name: str, conditions: str, handling: str, transformations: str = "") -> str:
    return (
        f'  <cp:rule id="{name}">\n'
        f"    <cp:conditions>{conditions}</cp:conditions>\n"
        f"    <cp:actions><pr:sub-handling>{handling}</pr:sub-handling></cp:actions>\n"
        + (f"    {transformations}\n" if transformations else "")
        + "  </cp:rule>\n"
    )
