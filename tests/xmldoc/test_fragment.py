"""One element on its own, with the bindings around it (RFC 4825 §8.2.2)."""

import pytest

from xmldoc.errors import Forbidden, NotUtf8, NotWellFormed, TooDeep, TooLarge, XmlError
from xmldoc.fragment import bare, parse_fragment
from xmldoc.parse import Limits

SCOPE: dict[str | None, str] = {None: "urn:d", "p": "urn:p?a&b"}


@pytest.mark.parametrize(
    ("fragment", "tag"),
    [
        (b"<b/>", "{urn:d}b"),
        (b"<b><!-- c --><?d?>text</b>", "{urn:d}b"),
        (b"<p:b/>", "{urn:p?a&b}b"),
        (b'<p:b xmlns:p="urn:q"/>', "{urn:q}b"),
        (b'<b xmlns=""/>', "b"),
        (b"<b--/>", "{urn:d}b--"),
    ],
)
def test_a_fragment_is_read_with_the_bindings_around_it(fragment: bytes, tag: str) -> None:
    assert parse_fragment(fragment, SCOPE).tag == tag


@pytest.mark.parametrize(
    ("fragment", "error"),
    [
        pytest.param(b"", NotWellFormed, id="nothing"),
        pytest.param(b"text", NotWellFormed, id="text"),
        pytest.param(b"<b/>text", NotWellFormed, id="text after it"),
        pytest.param(b"<b/><c/>", NotWellFormed, id="two elements"),
        pytest.param(b"<!-- c --><b/>", NotWellFormed, id="comment before it"),
        pytest.param(b"<b/><!-- c -->", NotWellFormed, id="comment after it"),
        pytest.param(b"<!-- c -->", NotWellFormed, id="only a comment"),
        pytest.param(b"<?c?><b/>", NotWellFormed, id="processing instruction before it"),
        pytest.param(b"<![CDATA[x]]>", NotWellFormed, id="only a cdata section"),
        pytest.param(b'<?xml version="1.0"?><b/>', NotWellFormed, id="xml declaration"),
        pytest.param(b"<b>", NotWellFormed, id="not closed"),
        pytest.param(b"</a><a>", NotWellFormed, id="out of the wrapping element"),
        pytest.param(b"<b/></a><a><b/>", NotWellFormed, id="out of it and in again"),
        pytest.param(b"<b/></a><!--", NotWellFormed, id="out of it and commented out"),
        pytest.param(b"<q:b/>", NotWellFormed, id="undeclared prefix"),
        pytest.param(b"<b>&c;</b>", NotWellFormed, id="unknown entity"),
        pytest.param(b"<b>\x00</b>", NotWellFormed, id="a character that no XML has"),
        pytest.param(b"<b>\xff</b>", NotUtf8, id="not UTF-8"),
        pytest.param(b'<!DOCTYPE b [<!ENTITY c "d">]><b>&c;</b>', Forbidden, id="a DTD"),
        pytest.param(b"<b>" * 10_000 + b"</b>" * 10_000, TooDeep, id="10,000 deep"),
        pytest.param(b"<b>" + b"<c/>" * 50_000 + b"</b>", TooLarge, id="50,000 elements"),
    ],
)
def test_what_is_no_fragment(fragment: bytes, error: type[XmlError]) -> None:
    with pytest.raises(error):
        parse_fragment(fragment, SCOPE)


def test_the_limits_of_a_fragment() -> None:
    with pytest.raises(TooLarge):
        parse_fragment(b"<b>123456</b>", {}, limits=Limits(octets=12))


def test_a_mark_and_white_space_around_an_element_are_no_part_of_it() -> None:
    assert bare(b"\xef\xbb\xbf\r\n <b> </b>\n\t") == b"<b> </b>"
