"""Random publications, hard state, registrations and calls of one presentity (hypothesis)."""

from collections.abc import Mapping

from hypothesis import strategies as st

from presence.sources.registrations import registered
from presence.sources.state import Sources
from store.values import Binding, Publication
from tests.presence.fakes import ALICE, NOON

NS = "urn:ietf:params:xml:ns:pidf"
IDS = ("a", "b", "a.p1")
"""Few, so that they clash; the last is what a clash could be renamed to."""
SECRET = b"secret"
DAY = 86_400

ROOTS = (
    f'<presence xmlns="{NS}" xmlns:dm="{NS}:data-model" xmlns:r="{NS}:rpid" xmlns:c="{NS}:caps"'
    ' xmlns:x="urn:x" entity="{entity}">{content}</presence>',
    f'<p:presence xmlns:p="{NS}" xmlns:d="{NS}:data-model" xmlns:rpid="{NS}:rpid" xmlns:c="urn:c"'
    ' xmlns:x="urn:other" entity="pres:alice@example.com">{content}</p:presence>',
)
"""Two ways to spell the same, one of them without a default namespace."""
SPELLINGS: tuple[Mapping[str, str], ...] = (
    {"p": "", "d": "dm:", "r": "r:"},
    {"p": "p:", "d": "d:", "r": "rpid:"},
)
TUPLE = (
    '<{p}tuple id="{id}"><{p}status><{p}basic>{basic}</{p}basic></{p}status>{more}'
    "{contact}</{p}tuple>"
)
PERSON = '<{d}person id="{id}">{more}{note}{stamp}</{d}person>'
DEVICE = '<{d}device id="{id}">{more}<{d}deviceID>{device}</{d}deviceID>{stamp}</{d}device>'
EXTENSIONS = (
    "",
    '<x:e k="x:v"><!-- kept --><x:f>&#65;<![CDATA[<]]></x:f></x:e>',
    '<x:t xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="x:type">1</x:t>',
    '<x:e><e xmlns=""><f/></e></x:e>',
)
ACTIVITIES = (
    "",
    "<{r}activities><{r}away/></{r}activities>",
    '<{r}activities id="{nested}"><{r}busy/></{r}activities>',
    '<{r}activities from="2026-01-01T00:00:00Z"><{r}unknown/></{r}activities>',
    "<{r}activities/>",
)
CLASSES = ("", "<{r}class>work</{r}class>", "<{r}class>home</{r}class>")
CONTACTS = (
    "",
    "<{p}contact>sip:alice@192.0.2.5</{p}contact>",
    '<{p}contact priority="0.8">sip:alice@example.com</{p}contact>',
    '<{p}contact priority="0.3">tel:+1</{p}contact>',
)
NOTES = ("", "<{d}note>n1</{d}note>", '<{d}note>n1</{d}note><{d}note xml:lang="de">n2</{d}note>')


def stamps(seconds: int, prefix: str = "{d}") -> str:
    """A timestamp so many seconds after a day."""
    return f"<{prefix}timestamp>2027-01-15T08:00:{seconds:02}Z</{prefix}timestamp>"


@st.composite
def documents(draw: st.DrawFn, entity: str = ALICE) -> bytes:
    """A valid presence document of alice's, whatever ids others use."""
    style = draw(st.integers(0, 1))
    words = SPELLINGS[style]
    ids = list(draw(st.permutations((*IDS, "t1", "n1", "n2", "n3", "q1", "q2"))))
    children: list[str] = []
    for kind in draw(st.lists(st.sampled_from("tpdno"), max_size=4)):
        stamp = draw(st.sampled_from(("", stamps(1), stamps(2))))
        children.append(
            {
                "t": TUPLE,
                "p": PERSON,
                "d": DEVICE,
                "n": "<{p}note>" + draw(st.sampled_from("uv")) + "</{p}note>",
                "o": '<x:top a="' + draw(st.sampled_from("12")) + '"/>',
            }[kind].format(
                **words,
                id=ids.pop(),
                basic=draw(st.sampled_from(("open", "closed"))),
                contact=draw(st.sampled_from(CONTACTS)).format(**words),
                device=draw(st.sampled_from(("urn:uuid:1", "mac:2"))),
                note=draw(st.sampled_from(NOTES)).format(**words),
                stamp=stamp.format(**words),
                more=_extensions(draw, kind, words, ids),
            )
        )
    return ROOTS[style].format(entity=entity, content="\n ".join(children)).encode()


def _extensions(draw: st.DrawFn, kind: str, words: Mapping[str, str], ids: list[str]) -> str:
    more = draw(st.sampled_from(EXTENSIONS))
    if kind == "p":
        more += draw(st.sampled_from(CLASSES)).format(**words)
        more += draw(st.sampled_from(ACTIVITIES)).format(**words, nested=ids.pop())
    return more


@st.composite
def publications(draw: st.DrawFn) -> tuple[Publication, ...]:
    """Those of up to four devices, some of the same instant."""
    names = draw(st.lists(st.sampled_from(("p1", "p2", "p3", "p4")), unique=True, max_size=4))
    return tuple(
        Publication(
            name,
            f"{name}.tag",
            NOON + DAY,
            "application/pidf+xml",
            draw(documents()),
            NOON + draw(st.integers(0, 2)),
        )
        for name in names
    )


def binding(number: int, parameters: str = "", instance: str = "", flow: int = 0) -> Binding:
    """One contact of alice's, as the registrar keeps it."""
    return Binding(
        contact=f"sip:alice@192.0.2.{number}",
        expires_at=NOON + DAY,
        q=None,
        call_id="c",
        cseq=1,
        received="",
        path=(),
        instance=f"<{instance}>" if instance else "",
        reg_id=flow or None,
        user_agent="Phone/1",
        updated_at=NOON,
        flow="",
        worker="",
        parameters=parameters,
        begun_at=NOON - number,
    )


@st.composite
def sources(draw: st.DrawFn) -> Sources:
    """What is known beside publications."""
    bindings = tuple(
        binding(number, draw(st.sampled_from(("", 'audio;methods="INVITE,!BYE"'))), instance)
        for number, instance in draw(
            st.lists(
                st.tuples(st.integers(4, 6), st.sampled_from(("", "urn:uuid:1"))),
                unique_by=lambda one: one[0],
                max_size=2,
            )
        )
    )
    return Sources(
        draw(st.one_of(st.just(b""), documents("sip:somebody@example.org"))),
        registered(ALICE, bindings, SECRET),
        draw(st.booleans()),
    )
