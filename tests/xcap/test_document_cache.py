"""What memory keeps of documents: the newest version, within its bounds."""

import pytest

from store.values import Document, DocumentKey
from xcap.document_cache import DocumentCache, Known, weight
from xmldoc.parse import parse


def known(path: str, etag: str = "e", size: int = 100) -> Known:
    body = b"<a>" + b" " * (size - 7) + b"</a>"
    key = DocumentKey("resource-lists", "sip:alice@example.com", path)
    return Known(Document(key, etag, "text/xml", body, 0.0), parse(body))


def test_a_tree_is_good_for_its_entity_tag_only() -> None:
    cache = DocumentCache()
    old, new = known("index", "1"), known("index", "2")
    cache.put(old)
    assert cache.root(old.document) is old.root
    assert cache.root(new.document) is None
    cache.put(new)
    assert cache.newest(new.document.key) is new
    assert cache.root(old.document) is None
    assert (len(cache), cache.hits, cache.misses) == (1, 1, 2)


def test_what_was_not_used_for_longest_goes_first() -> None:
    first, second, third = known("1"), known("2"), known("3")
    cache = DocumentCache(max_octets=2 * weight(first.document))
    cache.put(first)
    cache.put(second)
    assert cache.newest(first.document.key) is first
    cache.put(third)
    assert cache.newest(second.document.key) is None
    assert cache.newest(first.document.key) is first
    assert cache.newest(third.document.key) is third


def test_memory_is_bounded_whatever_comes() -> None:
    cache = DocumentCache(max_octets=100_000)
    for number in range(200):
        cache.put(known(str(number % 70), str(number), size=100 + number * 50))
        assert cache.octets <= 100_000
    for number in range(70):
        cache.forget(known(str(number)).document.key)
    assert (len(cache), cache.octets) == (0, 0)


def test_a_document_larger_than_all_of_it_is_not_kept() -> None:
    cache = DocumentCache(max_octets=3_000)
    cache.put(known("index", "1"))
    cache.put(known("index", "2", size=1_000))
    assert (len(cache), cache.octets) == (0, 0)


def test_a_document_whose_nodes_nobody_uses_is_not_kept() -> None:
    cache = DocumentCache()
    cache.renew(known("index", "1"))
    assert len(cache) == 0
    cache.put(known("index", "1"))
    renewed = known("index", "2")
    cache.renew(renewed)
    assert cache.newest(renewed.document.key) is renewed


@pytest.mark.parametrize(
    ("part", "octets"),
    [
        (b'<entry uri="sip:friend@example.com"/>', 460),
        (b'<entry uri="sip:friend@example.com"><display-name>F</display-name></entry>', 760),
        (b"<list/>", 135),
        (b"\n <a/>", 265),
        (b'<b a="" b="" c="" d="" e="" f="" g="" h=""/>', 2090),
        (b"<note>%s</note>" % (b"x" * 500), 1340),
    ],
)
def test_an_entry_weighs_about_what_its_tree_takes(part: bytes, octets: int) -> None:
    """Octets of memory for each such part, as measured; nobody gets much more than is counted."""
    key = DocumentKey("resource-lists", "sip:alice@example.com", "index")

    def weighed(count: int) -> int:
        return weight(Document(key, "e", "text/xml", b"<r>" + part * count + b"</r>", 0.0))

    assert 0.75 < (weighed(1001) - weighed(1)) / (1000 * octets) < 1.7
