"""Documents and filters that the tests of filters share."""

from typing import Final

from presence.filters.content import filtered
from presence.filters.filter_set import FilterSet, Trigger
from presence.filters.keeping import updated, wanted
from presence.filters.reading import read_filters
from sip.uri import AoR

PIDF: Final = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL: Final = "urn:ietf:params:xml:ns:pidf:data-model"
RPID: Final = "urn:ietf:params:xml:ns:pidf:rpid"
WATCHERINFO: Final = "urn:ietf:params:xml:ns:watcherinfo"
PRESENTITY: Final = AoR("sip:presentity@example.com")

BINDINGS: Final = "".join(
    f'<ns-binding prefix="{prefix}" urn="{urn}"/>'
    for prefix, urn in (("pidf", PIDF), ("dm", DATA_MODEL), ("rpid", RPID), ("wi", WATCHERINFO))
)

TWO_TUPLES: Final = f"""<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="{PIDF}" xmlns:rpid="{RPID}" xmlns:dm="{DATA_MODEL}"
 entity="{PRESENTITY}"><tuple id="a432sd"><status><basic>closed</basic></status>\
<rpid:class>IM</rpid:class><contact priority="0.8">im:presentity@example.com</contact></tuple>\
<tuple id="thr76jk"><status><basic>open</basic></status><rpid:class>voice</rpid:class>\
<contact>tel:2224055555</contact><note xml:lang="en">at my desk</note></tuple>\
<note>here</note><dm:person id="p1"><rpid:activities><rpid:busy/></rpid:activities></dm:person>\
</presence>""".encode()
"""The presentity of RFC 4660 §7.1, with a person and notes."""

WATCHERS: Final = f"""<?xml version="1.0"?>
<watcherinfo xmlns="{WATCHERINFO}" version="0" state="full"><watcher-list
 resource="{PRESENTITY}" package="presence"><watcher status="active" id="w1"
 duration-subscribed="509" event="approved">sip:a@example.com</watcher><watcher status="pending"
 id="w2" duration-subscribed="500" event="subscribe">sip:b@example.com</watcher>\
</watcher-list></watcherinfo>""".encode()


def filter_set(*filters: str, more: str = "") -> bytes:
    """A body of filters, each given whole."""
    return (
        f'<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter"{more}>'
        f"<ns-bindings>{BINDINGS}</ns-bindings>{''.join(filters)}</filter-set>"
    ).encode()


def one_filter(content: str, attributes: str = "") -> bytes:
    """A body with one filter."""
    return filter_set(f'<filter id="1"{attributes}>{content}</filter>')


def what(*rules: str) -> bytes:
    """A body with one filter that is all content."""
    return one_filter(f"<what>{''.join(rules)}</what>")


def include(expression: str) -> str:
    """An include element."""
    return f"<include>{expression}</include>"


def exclude(expression: str) -> str:
    """An exclude element."""
    return f"<exclude>{expression}</exclude>"


def kept(body: bytes, resource: AoR = PRESENTITY) -> str:
    """What is stored of the filters in `body`."""
    return str(updated(FilterSet(), read_filters(body, "presence"), resource))


def shown(document: bytes, *rules: str) -> bytes:
    """`document` with `rules`."""
    return filtered(document, wanted(kept(what(*rules)), PRESENTITY).what)


def triggers(*events: str) -> tuple[Trigger, ...]:
    """Triggers, each given by what is inside."""
    body = one_filter("".join(f"<trigger>{event}</trigger>" for event in events))
    return wanted(kept(body), PRESENTITY).triggers
