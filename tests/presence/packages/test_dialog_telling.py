"""RFC 4235 §3.3, §3.7, §4.1, §4.3: which dialogs a watcher is told of, and when all of them."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.packages.dialog.virtual import VIRTUAL
from store.values import Publication
from tests.presence.packages.dialogs import Watcher, dialog, info, publication, rows

STATES = ("trying", "proceeding", "early", "confirmed", "terminated")
SDP = '<local><session-description type="application/sdp">v=0</session-description></local>'
TO_BOB = '<remote><target uri="sip:bob@192.0.2.9:5060"/></remote>'


def at(time: float, *dialogs: str, name: str = "p") -> Publication:
    return publication(info(*dialogs), name, time)


def test_everything_after_a_subscribe_then_what_changed() -> None:
    watcher = Watcher()
    one, two = dialog("1", "confirmed"), dialog("2", "trying")
    assert watcher.hear(at(1, one, two)) == {"1": "confirmed", "2": "trying"}
    assert watcher.hear(at(2, one, dialog("2", "early"))) == {"2": "early"}
    assert b'state="partial"' in watcher.bodies[-1]
    assert watcher.hear(at(2, one, dialog("2", "early")), full=True) == {
        "1": "confirmed",
        "2": "early",
    }
    assert [b'state="full"' in body for body in watcher.bodies] == [True, False, True]


def test_versions_count_the_documents_of_a_subscription_from_0() -> None:
    """RFC 4235 §4.1, whatever its publishers count."""
    watcher = Watcher()
    for time, state in enumerate(STATES):
        watcher.hear(at(time, dialog("1", state)))
    assert watcher.versions == [0, 1, 2, 3, 4]


def test_the_end_of_a_dialog_is_told_once_with_its_reason() -> None:
    """PKG-02."""
    watcher = Watcher()
    watcher.hear(at(1, dialog("1", "confirmed")))
    over = dialog("1", "terminated", why=' event="remote-bye"')
    assert watcher.hear(at(2, over)) == {"1": "terminated"}
    assert b'event="remote-bye"' in watcher.bodies[-1]
    assert watcher.hear(at(3, over, dialog("2", "early"))) == {"2": "early"}
    assert watcher.hear(at(3, over, dialog("2", "early")), full=True) == {"2": "early"}


def test_what_is_gone_without_a_word_is_told_to_be_over() -> None:
    """RFC 4235 §4.3: nothing else takes a row out of a watcher's table."""
    watcher = Watcher()
    watcher.hear(at(1, dialog("1", "confirmed"), dialog("2", "early")))
    assert watcher.hear(at(2, dialog("2", "early"))) == {"1": "terminated"}
    assert watcher.hear() == {"2": "terminated"}
    assert watcher.table == {}


def test_a_late_report_makes_no_notify() -> None:
    """PKG-02: it is not even told again."""
    watcher = Watcher()
    now = at(2, dialog("1", "confirmed"))
    watcher.hear(now)
    assert watcher.hear(now, at(1, dialog("1", "early"), name="q")) == {}
    assert len(watcher.bodies) == 1


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("pq"),
            st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(STATES)), max_size=4),
            st.booleans(),
        ),
        max_size=15,
    )
)
@pytest.mark.parametrize("quirks", ["standard", "full+dummy"])
def test_documents_in_order_make_the_servers_full_state(
    quirks: str, said: Sequence[tuple[str, list[tuple[str, str]], bool]]
) -> None:
    """RFC 4235 §4.3, for any publications and any refreshes between."""
    watcher = Watcher(content=f"{quirks}\n")
    stored: dict[str, Publication] = {}
    watcher.hear()
    for time, (name, dialogs, refreshed) in enumerate(said):
        stored[name] = at(float(time), *(dialog(*one) for one in dict(dialogs).items()), name=name)
        watcher.hear(*stored.values(), full=refreshed)
        whole = rows(watcher.tell(*stored.values(), full=True).body)
        assert watcher.table == {k: state for k, state in whole.items() if state != "terminated"}


@pytest.mark.parametrize(
    ("parameters", "seen"),
    [
        pytest.param("", {"1", "2", "3"}, id="all"),
        pytest.param(';call-id="a@x";to-tag=l;from-tag=r1', {"1"}, id="one-dialog"),
        pytest.param(';call-id="a@x";to-tag=l', {"1", "2"}, id="all-of-one-invite"),
        pytest.param(';call-id="a@x";to-tag=other', set(), id="tag-of-another"),
        pytest.param(";sla", {"1", "2", "3"}, id="a-parameter-of-another-draft"),
    ],
)
def test_the_event_header_may_name_dialogs(parameters: str, seen: set[str]) -> None:
    """RFC 4235 §3.2: to-tag is the local tag, from-tag the remote one."""
    watcher = Watcher(parameters=parameters)
    document = at(
        1,
        dialog("1", "confirmed", call="a@x", tags="l/r1"),
        dialog("2", "early", call="a@x", tags="l/r2"),
        dialog("3", "early", call="b@x"),
    )
    assert watcher.hear(document).keys() == seen


def test_session_descriptions_only_where_they_are_asked_for() -> None:
    """RFC 4235 §4.1.6.3."""
    document = at(1, dialog("1", "confirmed", more=SDP))
    plain, asking = Watcher(), Watcher(parameters=";include-session-description")
    plain.hear(document)
    asking.hear(document)
    assert b"v=0" not in plain.bodies[0]
    assert b"v=0" in asking.bodies[0]


def test_a_party_is_not_told_of_its_own_dialog() -> None:
    """RFC 4235 §3.3, unless it names the dialog."""
    document = at(1, dialog("1", "confirmed", more=TO_BOB), dialog("2", "early"))
    contact = "standard\nsip:bob@192.0.2.9:5060"
    assert Watcher(content=contact).hear(document) == {"2": "early"}
    assert Watcher(content="standard\nsip:bob@192.0.2.8").hear(document).keys() == {"1", "2"}
    naming = Watcher(content=contact, parameters=";call-id=1@pbx;to-tag=l")
    assert naming.hear(document).keys() == {"1"}


def test_a_change_of_the_own_dialog_alone_makes_no_notify() -> None:
    """RFC 4235 §3.3: nor does it count."""
    watcher = Watcher(content="standard\nsip:bob@192.0.2.9:5060")
    watcher.hear(at(1, dialog("1", "early", more=TO_BOB)))
    assert watcher.hear(at(2, dialog("1", "confirmed", more=TO_BOB))) == {}
    assert watcher.versions == [0]


@pytest.mark.parametrize("state", STATES[:4])
def test_a_stranger_sees_one_virtual_dialog(state: str) -> None:
    """RFC 4235 §3.6, §3.7.2: confirmed, whatever goes on and however many there are."""
    watcher = Watcher(grant=VIRTUAL)
    assert watcher.hear() == {}
    caller = '<remote><identity display="Bob">sip:bob@example.com</identity></remote>'
    document = at(1, dialog("1", state, more=caller), dialog("2", "terminated"))
    assert watcher.hear(document) == {"virtual": "confirmed"}
    assert b"bob" not in watcher.bodies[-1]
    assert b"pbx" not in watcher.bodies[-1]
    assert watcher.hear(at(2, dialog("1", "terminated"))) == {"virtual": "terminated"}


def test_a_stranger_hears_nothing_of_a_second_call() -> None:
    watcher = Watcher(grant=VIRTUAL)
    watcher.hear(at(1, dialog("1", "early")))
    assert watcher.hear(at(2, dialog("1", "confirmed"), dialog("2", "early"))) == {}


def test_a_stranger_who_names_a_dialog_learns_nothing() -> None:
    """RFC 4235 §3.7.2."""
    watcher = Watcher(grant=VIRTUAL, parameters=";call-id=1@pbx;to-tag=l")
    assert watcher.hear(at(1, dialog("1", "confirmed"))) == {}


def test_the_state_has_one_entity_whatever_is_told_of_it() -> None:
    """RFC 5839 §6.4: what the entity-tag of a NOTIFY is made of."""
    watcher = Watcher()
    first = watcher.tell(at(1, dialog("1", "early")), full=True)
    watcher.memory = first.memory
    publications = (at(2, dialog("1", "early"), dialog("2", "early")),)
    partial = watcher.tell(*publications, version=1)
    assert partial.body != watcher.tell(*publications, full=True, version=2).body
    assert partial.entity == watcher.tell(*publications, full=True, version=2).entity
    assert partial.entity != first.entity


def test_names_have_no_prefix_and_states_the_spelling_of_the_standard() -> None:
    """Phones look for `<state>early</state>`."""
    body = (
        b'<d:dialog-info xmlns:d="urn:ietf:params:xml:ns:dialog-info" xmlns:x="urn:x" version="0"'
        b' state="full" entity="sip:alice@example.com"><d:dialog id="1"><d:state> Early </d:state>'
        b"<x:y/></d:dialog></d:dialog-info>"
    )
    watcher = Watcher()
    watcher.hear(publication(body))
    assert (
        b'<dialog xmlns:x="urn:x" id="1"><state>early</state><x:y/></dialog>' in (watcher.bodies[0])
    )
