"""WIN-01, XCP-11: who watches a user right now, as clients of OpenXCAP read it."""

import pytest

from store.values import SubscriptionRow, WatcherRow
from tests.xcap.computedkit import Listed, listed, subscription
from tests.xcap.kit import DocumentsInMemory, Served, serving
from xcap.errors import AnswerTooLarge
from xcap.usages.watchers import MAX_WATCHERS, NAMESPACE, watchers
from xmldoc.parse import parse

OWN = "org.openxcap.watchers/users/sip:alice@example.com/"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([], [], id="nobody"),
        pytest.param(
            [subscription("sip:bob@example.com")],
            [("bob@example.com", "allow", "true", ["presence"])],
            id="active",
        ),
        pytest.param(
            [subscription("sip:bob@example.com", "pending")],
            [("bob@example.com", "confirm", "true", ["presence"])],
            id="pending, RFC 6665 §4.2.1.2",
        ),
        pytest.param(
            [subscription("sip:bob@example.com", "waiting")],
            [("bob@example.com", "confirm", "true", ["presence"])],
            id="waiting, RFC 3857 §4.7.1",
        ),
        pytest.param(
            [subscription("sip:bob@example.com", "terminated")],
            [("bob@example.com", "deny", "true", ["presence"])],
            id="terminated",
        ),
        pytest.param(
            [
                subscription("sip:bob@example.com", "pending"),
                subscription("sip:bob@example.com", "active", "dialog"),
            ],
            [("bob@example.com", "allow", "true", ["dialog", "presence"])],
            id="one watcher of two packages is listed once",
        ),
        pytest.param(
            [subscription("sip:bob@example.com", "active", "dialog")],
            [("bob@example.com", "allow", "false", ["dialog"])],
            id="not of presence",
        ),
        pytest.param(
            [subscription("sip:alice@example.com", "active", "presence.winfo")],
            [],
            id="watcher information is no state of the user",
        ),
        pytest.param(
            [subscription("tel:+15551234"), subscription(""), subscription("sip:a&b@example.com")],
            [
                ("a&b@example.com", "allow", "true", ["presence"]),
                ("anonymous@anonymous.invalid", "allow", "true", ["presence"]),
                ("tel:+15551234", "allow", "true", ["presence"]),
            ],
            id="odd names, in order",
        ),
    ],
)
def test_who_is_listed_and_how(rows: list[SubscriptionRow], expected: list[Listed]) -> None:
    assert listed(watchers(rows)) == expected


def waiting(watcher: str, package: str = "presence") -> WatcherRow:
    row = subscription(watcher, "pending", package)
    return WatcherRow(row.id, row.resource, watcher, "waiting", "timeout", 0.0, "", 0.0)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], [("bob@example.com", "confirm", "false", ["presence"])]),
        (
            [subscription("sip:bob@example.com", "active", "dialog")],
            [("bob@example.com", "allow", "false", ["dialog", "presence"])],
        ),
        (
            [subscription("sip:bob@example.com", "pending")],
            [("bob@example.com", "confirm", "true", ["presence"])],
        ),
    ],
)
def test_who_waits_is_listed_and_not_online(
    rows: list[SubscriptionRow], expected: list[Listed]
) -> None:
    """RFC 3857 §4.7.1: so that the user can decide at any time."""
    assert listed(watchers(rows, [waiting("sip:bob@example.com")])) == expected


def test_packages_of_an_operators_own_have_dots_too() -> None:
    rows = [subscription("sip:bob@example.com", "active", "com.example.doors")]
    assert listed(watchers(rows)) == [("bob@example.com", "allow", "false", ["com.example.doors"])]


def test_too_many_are_refused_rather_than_cut_off() -> None:
    rows = [subscription(f"sip:{number}@example.com") for number in range(MAX_WATCHERS + 1)]
    assert watchers(rows[:-1]).count(b"<watcher>") == MAX_WATCHERS
    with pytest.raises(AnswerTooLarge):
        watchers(rows)


@pytest.mark.parametrize("name", ["index", "watchers.xml"])
async def test_the_user_reads_it_as_it_is_now(name: str) -> None:
    store = DocumentsInMemory()
    async with serving(store=store) as served:
        client = served.client()
        empty = await client.get(OWN + name)
        assert (empty.status, empty.headers["Content-Type"]) == (200, "application/xml")
        assert listed(empty.body) == []
        store.subscriptions.append(subscription("sip:bob@example.com"))
        one = await client.get(OWN + name)
        assert len(listed(one.body)) == 1
        assert one.etag != empty.etag
        status = await client.get(OWN + name + "/~~/watchers/watcher%5B1%5D/status")
        assert status.body == b"<status>allow</status>"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", OWN + "other", 404),
        ("GET", "org.openxcap.watchers/global/index", 404),
        ("GET", "org.openxcap.watchers/users/sip:bob@example.com/index", 403),
        ("PUT", OWN + "index", 405),
        ("DELETE", OWN + "index", 405),
    ],
)
async def test_it_is_read_only_and_the_users_own(
    served: Served, method: str, path: str, status: int
) -> None:
    assert (await served.client().ask(method, path)).status == status


def test_the_namespace_is_that_of_openxcap() -> None:
    assert parse(watchers([])).tag == f"{{{NAMESPACE}}}watchers"
