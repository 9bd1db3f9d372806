"""RFC 4575 §4, PKG-05: conference documents of several publishers, told in full and in parts."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.package import PackageState, Telling, Told
from presence.packages.conference.document import CONTENT_TYPE
from presence.packages.conference.package import compose, over
from presence.packages.conference.telling import tell
from presence.view import View
from store.values import Publication
from tests.presence.fakes import ALICE
from xmldoc.parse import parse
from xmldoc.schema import schema

NS = "urn:ietf:params:xml:ns:conference-info"
Q = f"{{{NS}}}"
PADDING = "<free-text>" + "so that a part is always shorter than the whole " * 40 + "</free-text>"
DESCRIPTION = f"<conference-description><subject>tea</subject>{PADDING}</conference-description>"


def document(
    users: str = "", *, state: str = "full", subject: str = DESCRIPTION, more: str = ""
) -> bytes:
    return (
        f'<conference-info xmlns="{NS}" entity="{ALICE}" state="{state}" version="3">{subject}'
        f"<users>{users}</users>{more}</conference-info>"
    ).encode()


def user(name: str, *endpoints: str, text: str = "") -> str:
    shown = f"<display-text>{text}</display-text>" if text else ""
    return f'<user entity="sip:{name}@x" state="full">{shown}{"".join(endpoints)}</user>'


def endpoint(name: str, status: str = "connected") -> str:
    return f'<endpoint entity="sip:{name}"><status>{status}</status></endpoint>'


def published(*bodies: bytes) -> tuple[Publication, ...]:
    return tuple(
        Publication(f"p{n}", f"p{n}.1", 0, CONTENT_TYPE, body, float(n))
        for n, body in enumerate(bodies)
    )


def told(bodies: Sequence[bytes], memory: object, version: int, *, full: bool = False) -> Told:
    state = PackageState(published(*bodies))
    shown = compose(ALICE, state)
    view = View(CONTENT_TYPE)
    out = tell(
        Telling(ALICE, "", "", state, view, version, full or memory is None, memory, shown=shown)
    )
    assert out is not None
    if out.body:
        assert schema("conference-info").check(parse(out.body)) is None
    return out


Users = dict[str, tuple[str, dict[str, str]]]


class Subscriber:
    """One that builds a coherent state as RFC 4575 §4.6 says."""

    def __init__(self) -> None:
        self.memory: object = None
        self.version = -1
        self.atoms: dict[str, str] = {}
        self.users: Users = {}
        self.states: list[str] = []

    def hear(self, *bodies: bytes, full: bool = False) -> bool:
        """Whether there was anything to hear."""
        out = told(bodies, self.memory, self.version + 1, full=full)
        self.memory = out.memory
        if not out.body:
            return False
        root = parse(out.body)
        state = root.get("state", "full")
        assert int(root.get("version", "")) == self.version + 1
        self.version += 1
        self.states.append(state)
        if state == "full":
            self.atoms, self.users = {}, {}
        for child in root:
            if child.tag == f"{Q}users":
                self._users(child)
            else:
                self.atoms[str(child.tag)] = text(child)
        return True

    def _users(self, element: etree._Element) -> None:
        if element.get("state", "full") == "full":
            self.users = {}
        for one in element:
            name, state = one.get("entity", ""), one.get("state", "full")
            if state == "deleted":
                self.users.pop(name, None)
            elif state == "full":
                self.users[name] = read_user(one)
            else:
                for end in one.iter(f"{Q}endpoint"):
                    self._endpoint(name, end)

    def _endpoint(self, name: str, element: etree._Element) -> None:
        ends = self.users[name][1]
        if element.get("state", "full") == "deleted":
            ends.pop(element.get("entity", ""), None)
        else:
            ends[element.get("entity", "")] = element.findtext(f"{Q}status") or ""

    def knows(self) -> tuple[Mapping[str, str], Users]:
        return self.atoms, self.users


def text(element: etree._Element) -> str:
    return etree.tostring(element, method="c14n", with_tail=False).decode()


def read_user(element: etree._Element) -> tuple[str, dict[str, str]]:
    ends = {
        one.get("entity", ""): one.findtext(f"{Q}status") or ""
        for one in element.iter(f"{Q}endpoint")
    }
    return element.findtext(f"{Q}display-text") or "", ends


def test_full_first_then_the_users_that_differ() -> None:
    watcher = Subscriber()
    watcher.hear(document(user("a", endpoint("a1")) + user("b", endpoint("b1"))))
    watcher.hear(document(user("a", endpoint("a1")) + user("b", endpoint("b1", "on-hold"))))
    assert watcher.states == ["full", "partial"]
    assert watcher.users == {
        "sip:a@x": ("", {"sip:a1": "connected"}),
        "sip:b@x": ("", {"sip:b1": "on-hold"}),
    }


def test_one_endpoint_of_a_user_is_told_alone() -> None:
    """RFC 4575 §4.4: partial within partial."""
    first = told([document(user("a", endpoint("a1"), endpoint("a2")))], None, 0)
    body = told([document(user("a", endpoint("a1"), endpoint("a3")))], first.memory, 1).body
    said = parse(body).find(f"{Q}users/{Q}user")
    assert said is not None
    assert said.get("state") == "partial"
    assert [(one.get("entity"), one.get("state")) for one in said] == [
        ("sip:a3", None),
        ("sip:a2", "deleted"),
    ]


def test_a_user_who_left_is_deleted() -> None:
    first = told([document(user("a") + user("b"))], None, 0)
    body = told([document(user("b"))], first.memory, 1).body
    assert b'<user entity="sip:a@x" state="deleted"></user>' in body
    assert b"sip:b@x" not in body


def test_an_atom_that_changed_is_told_whole_and_one_that_is_gone_makes_a_full_document() -> None:
    watcher = Subscriber()
    host = "<host-info><display-text>h</display-text></host-info>"
    locked = "<conference-state><locked>true</locked></conference-state>"
    watcher.hear(document(subject=DESCRIPTION + host))
    watcher.hear(document(subject=DESCRIPTION + host + locked))
    assert watcher.atoms.keys() >= {f"{Q}host-info", f"{Q}conference-state"}
    watcher.hear(document(subject=DESCRIPTION + locked))
    assert watcher.states == ["full", "partial", "full"]
    assert f"{Q}host-info" not in watcher.atoms


def test_users_without_keys_are_told_whole() -> None:
    """RFC 4575 §4.5: what has no key cannot be told in parts."""
    first = told([document("<user/>")], None, 0)
    assert b'state="full"' in told([document("<user/>" + user("a"))], first.memory, 1).body


def test_a_part_that_is_no_shorter_is_told_whole() -> None:
    small = "<conference-description/>"
    first = told([document(user("a") + user("b"), subject=small)], None, 0)
    body = told([document(subject=small)], first.memory, 1).body
    assert b'state="full"' in body


def test_nothing_new_is_not_told() -> None:
    watcher = Subscriber()
    watcher.hear(document(user("a")))
    assert not watcher.hear(document(user("a")))


names = st.sampled_from("abc")
ends = st.dictionaries(names, st.sampled_from(["connected", "on-hold"]), max_size=3)
bodies = st.builds(
    lambda users, locked: document(
        "".join(
            user(name, *(endpoint(end, status) for end, status in its.items()), text=shown)
            for name, (shown, its) in users.items()
        ),
        more="",
        subject=DESCRIPTION + (f"<conference-state><locked>{locked}</locked></conference-state>"),
    ),
    st.dictionaries(names, st.tuples(st.sampled_from(["", "n"]), ends), max_size=3),
    st.sampled_from(["true", "false"]),
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(bodies, max_size=2), st.booleans()), min_size=1, max_size=8))
def test_documents_in_order_make_the_servers_full_state(
    said: list[tuple[list[bytes], bool]],
) -> None:
    """RFC 4575 §4.6."""
    watcher = Subscriber()
    for views, refreshed in said:
        watcher.hear(*views, full=refreshed)
        fresh = Subscriber()
        fresh.hear(*views)
        assert watcher.knows() == fresh.knows()


def whole(*bodies: bytes) -> etree._Element:
    return parse(compose(ALICE, PackageState(published(*bodies))))


def test_publishers_of_one_conference_are_united() -> None:
    """PKG-05: users by entity, their endpoints by entity, the newest publication first."""
    counted = "<conference-state><user-count>1</user-count></conference-state>"
    older = document(user("a", endpoint("a1")), subject=DESCRIPTION + counted)
    newer = document(user("a", endpoint("a2"), text="A") + user("b"), subject=DESCRIPTION + counted)
    root = whole(older, newer)
    users = {one.get("entity"): read_user(one) for one in root.iter(f"{Q}user")}
    assert users == {
        "sip:a@x": ("A", {"sip:a1": "connected", "sip:a2": "connected"}),
        "sip:b@x": ("", {}),
    }
    assert root.findtext(f"{Q}conference-state/{Q}user-count") == "2"


def test_what_is_not_of_this_namespace_survives() -> None:
    extension = '<x:seat xmlns:x="urn:x">3</x:seat>'
    seated = '<user entity="sip:b@x" state="full" xmlns:x="urn:x" x:row="1"><x:hat/></user>'
    root = whole(document(user("a") + seated + extension, more=extension))
    assert len(root.findall("{urn:x}seat")) == 2
    own = root.find(f"{Q}users/{Q}user[@entity='sip:b@x']")
    assert own is not None
    assert (own.get("{urn:x}row"), own[0].tag) == ("1", "{urn:x}hat")
    assert schema("conference-info").check(root) is None


@pytest.mark.parametrize(
    ("bodies", "ended"),
    [
        pytest.param([], True, id="nobody publishes"),
        pytest.param([document()], False, id="one focus"),
        pytest.param([document(state="deleted")], True, id="deleted"),
        pytest.param([document(state="deleted"), document()], False, id="deleted by one of two"),
    ],
)
def test_when_a_conference_is_over(bodies: list[bytes], ended: bool) -> None:
    """RFC 4575 §3.3."""
    assert over(PackageState(published(*bodies))) is ended


def test_a_full_document_has_what_the_standard_wants() -> None:
    """RFC 4575 §5.2."""
    assert [child.tag for child in whole()] == [f"{Q}conference-description", f"{Q}users"]
