"""Rule documents for tests, each checked against its schema as a stored one is."""

from collections.abc import Mapping
from typing import Final

from presence.rules.evaluate import Context, Outcome, evaluate
from presence.rules.permissions import Permissions
from presence.rules.ruleset import Ruleset, parse_ruleset
from sip.uri import AoR
from xmldoc.parse import parse
from xmldoc.schema import schema

NOW: Final = 1_072_282_500.0
"""2003-12-24T17:15:00+01:00, the moment of RFC 4745 §10.3."""

OPEN: Final = (
    '<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy"'
    ' xmlns:pr="urn:ietf:params:xml:ns:pres-rules"'
    ' xmlns:ocp="urn:oma:xml:xdm:common-policy" xmlns:opr="urn:oma:xml:prs:pres-rules"'
    ' xmlns:x="urn:example:unknown">'
)


def ruleset(*rules: str) -> Ruleset:
    """The document of these rules, read."""
    root = parse(f"{OPEN}{''.join(rules)}</cp:ruleset>".encode())
    assert schema("pres-rules").check(root) is None
    return parse_ruleset(root)


def rule(
    conditions: str = "", handling: str = "", transformations: str = "", *, name: str = "r"
) -> str:
    """One rule; empty parts are left out."""
    actions = f"<pr:sub-handling>{handling}</pr:sub-handling>" if handling else ""
    return (
        f'<cp:rule id="{name}">'
        + (f"<cp:conditions>{conditions}</cp:conditions>" if conditions else "")
        + (f"<cp:actions>{actions}</cp:actions>" if actions else "")
        + (f"<cp:transformations>{transformations}</cp:transformations>" if transformations else "")
        + "</cp:rule>"
    )


def identity(children: str) -> str:
    """An identity condition."""
    return f"<cp:identity>{children}</cp:identity>"


def one(uri: str) -> str:
    """An identity condition for one watcher."""
    return identity(f'<cp:one id="{uri}"/>')


def request(
    watcher: str | None = "sip:bob@example.com",
    *,
    anonymous: bool | None = None,
    sphere: str | None = None,
    now: float = NOW,
    lists: Mapping[str, frozenset[str]] | None = None,
) -> Context:
    """A request of `watcher`; `sphere` in words; anonymous when there is no watcher."""
    return Context(
        watcher=None if watcher is None else AoR(watcher),
        domain=None if watcher is None else watcher.rpartition("@")[2],
        anonymous=watcher is None if anonymous is None else anonymous,
        sphere=None if sphere is None else frozenset(sphere.split()),
        now=now,
        lists=(lists or {}).get,
    )


def outcome(document: str, context: Context) -> Outcome:
    """What a document of one rule says."""
    return evaluate(ruleset(document), context)


def matches(conditions: str, context: Context) -> bool:
    """Whether a rule with `conditions` matches."""
    return outcome(rule(conditions, "allow"), context).handling is not None


def granted(transformations: str) -> Permissions:
    """What a rule with `transformations` grants everybody."""
    return outcome(rule("", "allow", transformations), request()).permissions
