"""RFC 3261 §20.2, §20.12, §21.4.13: bodies that are compressed."""

import gzip
import zlib

import pytest

from presence.coding import Coding, compress, decoded, preferred
from presence.errors import BadBody, BodyTooLarge, PresenceError, UnsupportedEncoding
from presence.subscriptions.rates import NO_RATES, Rates
from presence.subscriptions.wishes import Wishes, read_wishes
from presence.view import rendered
from sip.message import Request
from tests.presence.fakes import ALICE, compose

TEXT = b"presence " * 400


@pytest.mark.parametrize(
    ("lines", "coding"),
    [
        ([], ""),
        (["gzip"], "gzip"),
        (["deflate"], "deflate"),
        (["X-GZIP"], "gzip"),
        (["deflate, gzip"], "gzip"),
        (["deflate;q=1.0, gzip;q=0.5"], "deflate"),
        (["gzip;q=0, deflate"], "deflate"),
        (["gzip;q=0"], ""),
        (["identity"], ""),
        (["identity, gzip;q=0.5"], ""),
        (["identity;q=0.5", "gzip"], "gzip"),
        (["*"], "gzip"),
        (["gzip;q=0, *"], "deflate"),
        (["br, zstd"], ""),
        ([""], ""),
        ([",,gzip;q=bad,"], ""),
    ],
)
def test_accept_encoding_chooses(lines: list[str], coding: str) -> None:
    assert preferred(tuple(lines)) == coding


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_a_body_is_compressed_when_it_is_worth_it(name: str) -> None:
    packed = compress(TEXT, Coding(name, 1024))
    assert packed is not None
    unpacked = gzip.decompress(packed) if name == "gzip" else zlib.decompress(packed)
    assert unpacked == TEXT
    assert compress(TEXT, Coding(name, 1024)) == packed
    assert compress(TEXT[:1000], Coding(name, 1024)) is None
    assert compress(bytes(range(64)), Coding(name, 1)) is None


def test_the_entity_tag_is_that_of_the_state() -> None:
    """RFC 5839 §4: it names the state, in whatever coding."""
    plain = rendered("application/pidf+xml", TEXT)
    packed = rendered("application/pidf+xml", TEXT, coding=Coding("gzip", 1024))
    assert packed.etag == plain.etag
    assert packed.body == plain.body
    assert b"Content-Encoding: gzip\r\n" in packed.tail
    assert len(packed.tail) < len(plain.tail) / 10


def request(body: bytes, coding: str | None = "gzip", key: str = "Content-Encoding") -> Request:
    lines = ["Content-Type: text/plain", *([f"{key}: {coding}"] if coding else [])]
    return compose("SUBSCRIBE", ALICE, lines, body)


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        pytest.param(gzip.compress(TEXT), "gzip", id="gzip"),
        pytest.param(gzip.compress(TEXT), " X-Gzip", id="x-gzip"),
        pytest.param(zlib.compress(TEXT), "deflate", id="deflate"),
        pytest.param(bare(TEXT), "deflate", id="bare-deflate"),
        pytest.param(TEXT, "identity", id="identity"),
        pytest.param(TEXT, None, id="none"),
    ],
)
def test_a_body_is_read_in_its_coding(body: bytes, coding: str | None) -> None:
    plain = decoded(request(body, coding), most=len(TEXT))
    assert plain.body == TEXT
    assert plain.content_type == "text/plain"
    assert plain.get("content-encoding") in (None, "identity")


def test_the_compact_form_is_heeded() -> None:
    assert decoded(request(gzip.compress(TEXT), key="e"), most=len(TEXT)).body == TEXT


@pytest.mark.parametrize(
    ("body", "coding", "error"),
    [
        pytest.param(TEXT, "br", UnsupportedEncoding, id="unknown"),
        pytest.param(gzip.compress(TEXT), "gzip, gzip", UnsupportedEncoding, id="twice"),
        pytest.param(TEXT, "gzip", BadBody, id="not-compressed"),
        pytest.param(gzip.compress(TEXT)[:-9], "gzip", BadBody, id="cut-short"),
        pytest.param(gzip.compress(TEXT) + b"x", "gzip", BadBody, id="something-behind"),
        pytest.param(gzip.compress(bytes(10**8), 9), "gzip", BodyTooLarge, id="bomb"),
        pytest.param(zlib.compress(TEXT + b"x"), "deflate", BodyTooLarge, id="one-too-many"),
    ],
)
def test_other_bodies_are_refused(body: bytes, coding: str, error: type[PresenceError]) -> None:
    with pytest.raises(error) as refusal:
        decoded(request(body, coding), most=len(TEXT))
    if error is UnsupportedEncoding:
        assert refusal.value.headers == (("Accept-Encoding", "gzip, deflate"),)


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes(""),
        Wishes("application/pidf+xml, */*;q=0.5"),
        Wishes("", "gzip"),
        Wishes("a/b", "", Rates(most=0.25)),
        Wishes("a/b", "deflate", Rates(0.5, 0.125, 0.25)),
    ],
)
def test_what_a_watcher_takes_is_kept_in_one_text(wishes: Wishes) -> None:
    assert read_wishes(str(wishes)) == wishes
    if not wishes.coding and wishes.rates == NO_RATES:
        assert str(wishes) == wishes.accept
