"""RFC 4825 §7.11 and RFC 9110 §13.1: If-Match and If-None-Match."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from tests.rawxcap import resource_list
from tests.xcap.kit import CONFIG, LISTS, LOOPBACK, Served, serving
from xcap.conditions import BARE_TAG, Conditions, parse_conditions
from xcap.errors import BadRequest


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "expected"),
    [
        ([], [], Conditions(None, None)),
        (['"a"'], [], Conditions(("a",), None)),
        (['"a", "b"'], [], Conditions(("a", "b"), None)),
        (['"a"', '"b"'], [], Conditions(("a", "b"), None)),
        (["*"], ["*"], Conditions(("*",), ("*",))),
        pytest.param(['W/"a", "b"'], [], Conditions(("b",), None), id="weak never matches"),
        pytest.param(['W/"a"'], [], Conditions((), None), id="only weak: can never hold"),
        pytest.param([], ['W/"a"'], Conditions(None, ("a",)), id="weak is fine here"),
        pytest.param(['"a,b"'], [], Conditions(("a,b",), None), id="a comma in a tag"),
        pytest.param(['"", ,"b",'], [], Conditions(("", "b"), None), id="empty list elements"),
        pytest.param(['"\xe9"'], [], Conditions((), None), id="a tag that cannot be ours"),
        pytest.param(['"' + "x" * 999 + '"'], [], Conditions((), None), id="nor one so long"),
        pytest.param(['"*"'], [], Conditions((), None), id="a quoted star is a tag like others"),
    ],
)
def test_reading(if_match: list[str], if_none_match: list[str], expected: Conditions) -> None:
    assert parse_conditions(if_match, if_none_match) == expected


@pytest.mark.parametrize("line", ["a", '"a', '"a" "b"', 'w/"a"', "*, x", '"\x01"', '"a" x'])
def test_what_is_no_entity_tag_is_refused(line: str) -> None:
    with pytest.raises(BadRequest):
        parse_conditions([line], [])


@pytest.mark.parametrize(
    ("line", "tags"), [("a", ("a",)), ('""a""', ("a",)), ("a, b", ("a", "b")), ('"a"', ("a",))]
)
def test_compatibility_takes_bare_and_doubly_quoted_tags(line: str, tags: tuple[str, ...]) -> None:
    assert parse_conditions([line], [], form=BARE_TAG).if_match == tags


@pytest.mark.parametrize(
    ("conditions", "missing", "same", "other"),
    [
        # whether a request goes on when there is no document, one tagged "a", one tagged "b"
        (Conditions(), True, True, True),
        (Conditions(if_match=("a",)), False, True, False),
        (Conditions(if_match=("*",)), False, True, True),
        (Conditions(if_match=()), False, False, False),
        (Conditions(if_none_match=("a",)), True, False, True),
        (Conditions(if_none_match=("*",)), True, False, False),
    ],
)
def test_holding(conditions: Conditions, missing: bool, same: bool, other: bool) -> None:
    for etag, expected in ((None, missing), ("a", same), ("b", other)):
        assert (conditions.match(etag) and conditions.none_match(etag)) is expected


async def test_reads_are_304_or_412(served: Served) -> None:
    client = served.client()
    etag = (await client.put(LISTS, resource_list("a"))).etag
    known = await client.get(LISTS, if_none_match=etag)
    assert (known.status, known.etag, known.body) == (304, etag, b"")
    assert (await client.get(LISTS, if_none_match=f"W/{etag}")).status == 304
    assert (await client.get(LISTS, if_none_match='"other"')).status == 200
    assert (await client.get(LISTS, if_match='"other"')).status == 412
    assert (await client.get(LISTS, if_match=etag)).status == 200


async def test_writes_are_412_when_the_document_moved_on(served: Served) -> None:
    client = served.client()
    assert (await client.put(LISTS, resource_list("a"), if_match='"never"')).status == 412
    old = (await client.put(LISTS, resource_list("a"), if_none_match="*")).etag
    assert (await client.put(LISTS, resource_list("b"), if_none_match="*")).status == 412
    new = (await client.put(LISTS, resource_list("b"), if_match=old)).etag
    assert (await client.put(LISTS, resource_list("c"), if_match=old)).status == 412
    assert (await client.put(LISTS, resource_list("c"), if_match=f"W/{new}")).status == 412
    assert (await client.put(LISTS, resource_list("c"), if_none_match=new)).status == 412
    assert (await client.delete(LISTS, if_match=old)).status == 412
    assert (await client.delete(LISTS, if_none_match=new)).status == 412
    assert (await client.delete(LISTS, if_none_match="*")).status == 412
    assert (await client.get(LISTS)).body == resource_list("b")
    assert (await client.delete(LISTS, if_match=new)).status == 200


async def test_a_body_in_conflict_comes_before_a_condition(served: Served) -> None:
    """RFC 9110 §13.2.1: conditions count only where the request would have succeeded."""
    assert (await served.client().put(LISTS, b"<", if_match='"never"')).status == 409


async def test_of_100_conditional_puts_one_wins() -> None:
    """XCP-02: the entity-tag is compared in the statement that writes."""
    async with serving(replace(CONFIG, trusted_peers=LOOPBACK)) as served:
        client = served.asserting("sip:alice@example.com")
        etag = (await client.put(LISTS, resource_list("start"))).etag
        answers = await asyncio.gather(
            *(client.put(LISTS, resource_list(f"n{n}"), if_match=etag) for n in range(100))
        )
        assert Counter(answer.status for answer in answers) == {200: 1, 412: 99}
        winner = next(n for n, answer in enumerate(answers) if answer.status == 200)
        assert (await client.get(LISTS)).body == resource_list(f"n{winner}")
