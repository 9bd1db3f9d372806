"""What a device says it can do when it registers, as `<servcaps>` (RFC 3840, RFC 5196 §3.2). Pure.

A feature tag in a Contact is a parameter: a flag, a list of tokens and `!`tokens, or a string in
angle brackets (RFC 3840 §9). Tags that RFC 5196 has no element for are not told.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final
from xml.sax.saxutils import escape

from presence.document.pidf import CAPS

MAX_VALUES: Final = 64
"""Tokens told of one feature tag."""


def words(text: str) -> frozenset[str]:
    """The names in `text`."""
    return frozenset(text.split())


EVENTS: Final = words(
    "conference dialog kpml message-summary poc-settings presence reg refer Siemens-RTP-Stats"
    " spirits-INDPs spirits-user-prof winfo"
)
METHODS: Final = words(
    "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE"
    " UPDATE"
)
OPTION_TAGS: Final = words(
    "early-session eventlist from-change gruu hist-info join norefersub path precondition pref"
    " privacy recipient-list-invite recipient-list-subscribe replaces resource-priority sdp-anat"
    " sec-agree tdialog timer"
)
ACTORS: Final = frozenset({"attendant", "information", "msg-taker", "principal"})
CLASSES: Final = frozenset({"business", "personal"})
DUPLEX: Final = frozenset({"full", "half", "receive-only", "send-only"})
SPELLINGS: Final = {"100rel": "rel100"}
"""Option tags that are no names of elements."""

Feature = Callable[[str | None], str]
"""From the value of a feature tag to the content of its element, "" for nothing to tell."""


def servcaps(parameters: Mapping[str, str | None]) -> str:
    """The element that the parameters of a Contact make, "" when they say nothing of it."""
    told = []
    for element, tag, content in FEATURES:
        if tag in parameters:
            said = content(parameters[tag])
            told.append(f"<c:{element}>{said}</c:{element}>" if said else "")
    capabilities = "".join(told)
    return f'<c:servcaps xmlns:c="{CAPS}">{capabilities}</c:servcaps>' if capabilities else ""


def flag(value: str | None) -> str:
    """A boolean: the tag alone is true (RFC 3840 §9)."""
    return "false" if value is not None and value.strip().upper() == "FALSE" else "true"


def text(value: str | None) -> str:
    """A string, which stands in angle brackets."""
    said = (value or "").strip()
    return written(said[1:-1]) if said.startswith("<") and said.endswith(">") else ""


def written(value: str) -> str:
    """`value` as XML, without what cannot be printed: some of that is no character of XML."""
    return escape("".join(filter(str.isprintable, value)))


def names(known: frozenset[str]) -> Feature:
    """Tokens as empty elements, those of `known`; their case makes no difference."""
    spelled = {name.lower(): name for name in known}

    def content(value: str | None) -> str:
        def element(token: str) -> str:
            name = SPELLINGS.get(token.lower()) or spelled.get(token.lower())
            return f"<c:{name}/>" if name else ""

        return pair(value, element)

    return content


def strings(element: str) -> Feature:
    """Tokens as elements of one name, with text."""
    return lambda value: pair(value, lambda token: f"<c:{element}>{written(token)}</c:{element}>")


def pair(value: str | None, element: Callable[[str], str]) -> str:
    """What is supported and what is not (RFC 5196 §4.1)."""
    tokens = [token.strip() for token in (value or "").split(",")][:MAX_VALUES]
    supported = once(element(token) for token in tokens if token[:1] not in ("", "!"))
    other = once(element(token[1:]) for token in tokens if token[:1] == "!")
    told = f"<c:supported>{supported}</c:supported>" if supported else ""
    return told + (f"<c:notsupported>{other}</c:notsupported>" if other else "")


def once(elements: Iterable[str]) -> str:
    """`elements` without what is there twice."""
    return "".join(dict.fromkeys(elements))


FEATURES: Final[tuple[tuple[str, str, Feature], ...]] = (
    ("actor", "actor", names(ACTORS)),
    ("application", "application", flag),
    ("audio", "audio", flag),
    ("automata", "automata", flag),
    ("class", "class", names(CLASSES)),
    ("control", "control", flag),
    ("data", "data", flag),
    ("description", "description", text),
    ("duplex", "duplex", names(DUPLEX)),
    ("event-packages", "events", names(EVENTS)),
    ("extensions", "extensions", names(OPTION_TAGS | {"rel100"})),
    ("isfocus", "isfocus", flag),
    ("message", "message", flag),
    ("methods", "methods", names(METHODS)),
    ("languages", "language", strings("l")),
    ("schemes", "schemes", strings("s")),
    ("text", "text", flag),
    ("type", "type", text),
    ("video", "video", flag),
)
"""Elements in the order of the schema of RFC 5196 §6, with their feature tags (RFC 3840 §10)."""
