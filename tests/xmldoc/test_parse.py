"""XML from strangers: what is read, and what is refused before it can do harm (XCP-17)."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmldoc.errors import (
    Forbidden,
    NotUtf8,
    NotWellFormed,
    TooDeep,
    TooLarge,
    XmlError,
)
from xmldoc.parse import DEFAULT_LIMITS, Limits, parse

BILLION_LAUGHS = (
    b'<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;">'
    b'<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;">]><lolz>&lol3;</lolz>'
)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"<a>b</a>", "b"),
        (b'<?xml version="1.0"?><a>b</a>', "b"),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n<a>b</a>', "b"),
        (b"<?xml version='1.0' encoding='utf-8' standalone='yes'?><a>b</a>", "b"),
        (b'<?xml version="1.0" encoding="US-ASCII"?><a>b</a>', "b"),
        (b"\xef\xbb\xbf<a>b</a>", "b"),
        (b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?><a>b</a>', "b"),
        ("<a>\u00e4\U0001f600</a>".encode(), "\u00e4\U0001f600"),
        (b"<a>&lt;&amp;&#x41;&#66;</a>", "<&AB"),
        (b"<a><![CDATA[<b/>]]></a>", "<b/>"),
        (b"<a>b<!-- c -->d<?pi e?>f</a>", "bdf"),
    ],
)
def test_what_is_read(data: bytes, text: str) -> None:
    root = parse(data)
    assert (root.tag, root.text, len(root)) == ("a", text, 0)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", NotWellFormed, id="nothing"),
        pytest.param(b"   ", NotWellFormed, id="blank"),
        pytest.param(b"text", NotWellFormed, id="text"),
        pytest.param(b"<a>", NotWellFormed, id="not closed"),
        pytest.param(b"<a></b>", NotWellFormed, id="closed by another"),
        pytest.param(b"<a/><b/>", NotWellFormed, id="two roots"),
        pytest.param(b"<a/>x", NotWellFormed, id="text after the root"),
        pytest.param(b"<a b='1' b='2'/>", NotWellFormed, id="an attribute twice"),
        pytest.param(b"<a b=1/>", NotWellFormed, id="no quotes"),
        pytest.param(b"<p:a/>", NotWellFormed, id="unbound prefix"),
        pytest.param(b"<a p:b=''/>", NotWellFormed, id="unbound prefix of an attribute"),
        pytest.param(b"<a>&b;</a>", NotWellFormed, id="unknown entity"),
        pytest.param(b"<a b='&c;'/>", NotWellFormed, id="unknown entity in an attribute"),
        pytest.param(b"<a>&#0;</a>", NotWellFormed, id="reference to NUL"),
        pytest.param(b"<a>\x00</a>", NotWellFormed, id="NUL"),
        pytest.param(b"<a>\x08</a>", NotWellFormed, id="control character"),
        pytest.param(b"<a><![CDATA[</a>", NotWellFormed, id="open CDATA"),
        pytest.param(b"<a>\xe4</a>", NotUtf8, id="latin-1"),
        pytest.param(b"<a>\xc0\xaf</a>", NotUtf8, id="overlong"),
        pytest.param(b"<a>\xed\xa0\x80</a>", NotUtf8, id="surrogate"),
        pytest.param("<a/>".encode("utf-16"), NotUtf8, id="UTF-16 with its mark"),
        pytest.param(b'<?xml version="1.0" encoding="latin1"?><a/>', NotUtf8, id="says latin-1"),
        pytest.param(b'<?xml version="1.0" encoding="UTF-16"?><a/>', NotUtf8, id="says UTF-16"),
        pytest.param(b'<?xml version="1.0" encoding="UTF-7"?><a/>', NotUtf8, id="says UTF-7"),
        pytest.param("<a/>".encode("utf-16-le"), NotWellFormed, id="UTF-16 without its mark"),
        pytest.param("<a/>".encode("utf-32-be"), NotWellFormed, id="UTF-32"),
        pytest.param(b"<!DOCTYPE a><a/>", Forbidden, id="empty declaration"),
        pytest.param(BILLION_LAUGHS, Forbidden, id="billion laughs"),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'">]><a>' + b"&b;" * 1000 + b"</a>",
            Forbidden,
            id="quadratic blow-up",
        ),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
            Forbidden,
            id="external entity",
        ),
        pytest.param(
            b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', Forbidden, id="external DTD"
        ),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/"> %b;]><a/>',
            Forbidden,
            id="parameter entity",
        ),
        pytest.param(b"<a>" * 65 + b"</a>" * 65, TooDeep, id="one level too deep"),
        pytest.param(b"<a>" * 3000 + b"</a>" * 3000, TooDeep, id="much too deep"),
        pytest.param(
            b"<a " + b" ".join(b"b%d=''" % n for n in range(65)) + b"/>",
            TooLarge,
            id="one attribute too many",
        ),
        pytest.param(b"<a xmlns='" + b"u" * 513 + b"'/>", TooLarge, id="a long default namespace"),
        pytest.param(
            b'<a xmlns:\xc3\xa4.-1 \r\n= "' + b"u" * 513 + b'"/>', TooLarge, id="a long namespace"
        ),
        pytest.param(b"<a>" + b"<b/>" * 40_000 + b"</a>", TooLarge, id="too many elements"),
        pytest.param(b"<a>" + b" " * 262_144 + b"</a>", TooLarge, id="too many octets"),
    ],
)
def test_what_is_refused(data: bytes, error: type[XmlError]) -> None:
    with pytest.raises(XmlError) as refused:
        parse(data)
    assert type(refused.value) is error
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        b"<a>" * 64 + b"</a>" * 64,
        b"<a " + b" ".join(b"b%d=''" % n for n in range(64)) + b"/>",
        b"<a>" + b"<b/>" * 19_999 + b"</a>",
        b"<a>" + b"=" * 1000 + b"</a>",
        b"<a xmlns:p='" + b"u" * 512 + b"' xmlns:q='" + b"v" * 512 + b"'/>",
        b"<a axmlns='" + b"u" * 513 + b"' b='xmlns:c " + b"d" * 513 + b"'>xmlns=e</a>",
        b"<a>" + b" " * (262_144 - 7) + b"</a>",
    ],
)
def test_the_limits_themselves_are_allowed(data: bytes) -> None:
    assert parse(data).tag == "a"


def test_limits_are_the_callers() -> None:
    assert parse(b"<a><b/></a>", limits=Limits(depth=2)).tag == "a"
    with pytest.raises(TooDeep):
        parse(b"<a><b/></a><!-- <<< -->", limits=Limits(depth=1))
    with pytest.raises(TooLarge):
        parse(b"<a/>", limits=Limits(octets=3))
    assert DEFAULT_LIMITS.octets == 262_144


def test_an_include_is_not_followed() -> None:
    """XInclude is an element like others."""
    target = Path(__file__).as_uri()
    data = f'<a xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="{target}"/></a>'
    assert len(parse(data.encode())[0]) == 0


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"<a " + b"x" * 260_000, id="endless name"),
        pytest.param(b"<" * 39_000, id="only openings"),
        pytest.param(b"<a b='" + b"&#65;" * 50_000 + b"'/>", id="many references"),
        pytest.param(
            b"<a>" + b"".join(b'<b xmlns:n%d="u"/>' % n for n in range(9_000)) + b"</a>",
            id="many namespaces",
        ),
        pytest.param(
            b"<a " + b" ".join(b'xmlns:n%d="u%d"' % (n, n) for n in range(9_000)) + b"/>",
            id="many namespaces on one element",
        ),
        pytest.param(b"<a>" + b"xmlns" * 52_000, id="what might declare a namespace"),
        pytest.param(b"<a>" + b"xmlns:" * 43_000, id="what might declare a prefix"),
        pytest.param(b"<a>" + b"xmlns= 'u" * 29_000, id="quotation marks after it"),
        pytest.param(b"<a>" + b"xmlns  " * 37_000, id="white space after it"),
        pytest.param(b"<!--" + b"-" * 250_000, id="endless comment"),
        pytest.param(b"<a>" + b"<![CDATA[]]>" * 3_000 + b"</a>", id="many CDATA sections"),
    ],
)
def test_nothing_within_the_bounds_takes_long(data: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(XmlError):
        parse(data)
    assert time.process_time() - began < 1.0


@given(st.binary(max_size=200))
def test_any_octets_are_a_document_or_an_xml_error(data: bytes) -> None:
    with contextlib.suppress(XmlError):
        parse(data)


@given(st.text(alphabet="<>/ab='\"&;! \x00-[]?", max_size=60))
def test_near_misses_are_a_document_or_an_xml_error(text: str) -> None:
    with contextlib.suppress(XmlError):
        parse(text.encode())


def test_one_parser_serves_several_threads() -> None:
    """The parser is shared; lxml serialises its use."""
    barrier = threading.Barrier(4)

    def work(number: int) -> set[str | None]:
        barrier.wait()
        return {parse(b"<a>%d</a>" % number).text for _ in range(500)}

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [{"0"}, {"1"}, {"2"}, {"3"}]
