"""RFC 3842 §3.5, §3.10, §5.2: bodies of message-summary, and several mailboxes as one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.package import PackageState
from presence.packages.message_summary.body import (
    CLASSES,
    CONTENT_TYPE,
    MAX_COUNT,
    BadSummary,
    Counts,
    Summary,
    read,
    write,
)
from presence.packages.message_summary.package import compose
from store.values import Publication
from tests.presence.fakes import ALICE

YES = "Messages-Waiting: yes\r\n"
ACCOUNT = "Message-Account: sip:alice@vmail.example.com\r\n"
HEADERS = "\r\nTo: <alice@example.com>\r\nSubject: a\r\n b\r\n\r\nFrom: <bob@example.com>\r\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param(YES, YES, id="the status alone"),
        pytest.param("messages-waiting :\tNO\r\n", "Messages-Waiting: no\r\n", id="any case"),
        pytest.param(YES + ACCOUNT, YES + ACCOUNT, id="account"),
        pytest.param(YES + "Voice-Message: 2/8\r\n", YES + "Voice-Message: 2/8\r\n", id="counts"),
        pytest.param(
            YES + ACCOUNT + "voice-message: 2 / 8 ( 0/ 2 )\r\nFAX-MESSAGE:0/1\r\n",
            YES + ACCOUNT + "Voice-Message: 2/8 (0/2)\r\nFax-Message: 0/1\r\n",
            id="urgent, white space, two classes",
        ),
        pytest.param(
            YES + "Voice-Message:\r\n 2/8\r\n", YES + "Voice-Message: 2/8\r\n", id="a folded line"
        ),
        pytest.param(
            f"{YES}Text-Message: {MAX_COUNT}/0\r\n",
            f"{YES}Text-Message: {MAX_COUNT}/0\r\n",
            id="the largest count",
        ),
        pytest.param(
            YES + "Voice-Message: 1/0\r\n" + HEADERS,
            YES + "Voice-Message: 1/0\r\n",
            id="headers of messages are for nobody",
        ),
    ],
)
def test_a_body_is_read_and_written_in_one_spelling(text: str, written: str) -> None:
    assert write(read(text.encode())) == written.encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "no end", id="empty"),
        pytest.param("Messages-Waiting: yes", "no end", id="no end of the line"),
        pytest.param("Messages-Waiting: yes\n", "no end", id="a bare line feed"),
        pytest.param("Voice-Message: 1/0\r\n", "line 1", id="no status"),
        pytest.param("Messages-Waiting: maybe\r\n", "line 1", id="another status"),
        pytest.param(YES + "Voice-Message: 1\r\n", "not a count", id="one number"),
        pytest.param(YES + "Voice-Message: 1/x\r\n", "not a count", id="no number"),
        pytest.param(YES + "Voice-Message: -1/0\r\n", "not a count", id="a negative number"),
        pytest.param(YES + "Voice-Message: ١/0\r\n", "not a count", id="other digits"),
        pytest.param(YES + "Voice-Message: 1/0 (1\r\n", "not a count", id="an open bracket"),
        pytest.param(YES + "Smell-Message: 1/0\r\n", "no class", id="no such class"),
        pytest.param(YES + f"Voice-Message: {MAX_COUNT + 1}/0\r\n", "more than", id="too many"),
        pytest.param(YES + "Voice-Message: 1/0\r\n" * 2, "twice", id="a class twice"),
        pytest.param(YES + "Message-Account: <sip:a@b>\r\n", "not a count", id="angle brackets"),
        pytest.param(YES + "Message-Account: a b\r\n", "not a count", id="no URI"),
        pytest.param(YES + "Message-Account: nowhere\r\n", "not a URI", id="no scheme"),
        pytest.param(YES + "Voice-Message: 1/0\r\n" + ACCOUNT, "not a count", id="account late"),
        pytest.param(YES + "\r\nno header\r\n", "not a header", id="a header that is none"),
        pytest.param(YES + "\r\nTo: a", "no end", id="a header without end"),
        pytest.param(YES + "a" + " " * 60_000 + "x\r\n", "not a count", id="much white space"),
    ],
)
def test_what_the_grammar_does_not_allow(text: str, reason: str) -> None:
    with pytest.raises(BadSummary, match=reason):
        read(text.encode())


counts = st.builds(
    lambda a, b, urgent: Counts(a, b, *(urgent or (None, None))),
    st.integers(0, MAX_COUNT),
    st.integers(0, MAX_COUNT),
    st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)),
)


@settings(deadline=None)
@given(
    st.booleans(),
    st.sampled_from(["", ALICE]),
    st.dictionaries(st.sampled_from([*CLASSES]), counts),
)
def test_what_is_written_is_read_again(
    waiting: bool, account: str, said: dict[str, Counts]
) -> None:
    summary = Summary(waiting, account, tuple((CLASSES[name], one) for name, one in said.items()))
    assert read(write(summary)) == summary


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_nothing_else_comes_out_of_any_octets(body: bytes) -> None:
    try:
        read(body)
    except BadSummary:
        return
    assert read(write(read(body))) == read(body)


def combined(*texts: str) -> str:
    publications = tuple(
        Publication(str(n), f"{n}.1", 0, CONTENT_TYPE, text.encode(), float(n))
        for n, text in enumerate(texts)
    )
    return compose(ALICE, PackageState(publications)).decode()


NO = "Messages-Waiting: no\r\n"
OF_ALICE = f"Message-Account: {ALICE}\r\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([], NO, id="nobody published"),
        pytest.param([YES + ACCOUNT], YES + ACCOUNT, id="one mailbox keeps its account"),
        pytest.param([YES, NO], YES + OF_ALICE, id="waits in one"),
        pytest.param([NO, NO], NO + OF_ALICE, id="waits in none"),
        pytest.param(
            [YES + "Voice-Message: 1/2 (1/0)\r\n", YES + "Voice-Message: 2/0 (0/3)\r\n"],
            YES + OF_ALICE + "Voice-Message: 3/2 (1/3)\r\n",
            id="counts are added",
        ),
        pytest.param(
            [YES + "Fax-Message: 1/0\r\n", YES + "Voice-Message: 2/0\r\n"],
            YES + OF_ALICE + "Voice-Message: 2/0\r\nFax-Message: 1/0\r\n",
            id="classes side by side",
        ),
        pytest.param(
            [YES + "Voice-Message: 1/2 (1/0)\r\n", YES + "Voice-Message: 2/0\r\n"],
            YES + OF_ALICE + "Voice-Message: 3/2\r\n",
            id="urgent only where all count it",
        ),
        pytest.param(
            [YES, YES + "Voice-Message: 2/0\r\n"],
            YES + OF_ALICE,
            id="no counts where one has none",
        ),
        pytest.param(
            [f"{YES}Voice-Message: {MAX_COUNT}/0\r\n"] * 2,
            f"{YES}{OF_ALICE}Voice-Message: {MAX_COUNT}/0\r\n",
            id="never more than the largest count",
        ),
    ],
)
def test_mailboxes_as_one(texts: list[str], expected: str) -> None:
    """RFC 3842 §3.5: a group is told under its own name; §3.10: how states are merged."""
    assert combined(*texts) == expected
