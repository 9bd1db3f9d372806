"""RFC 3261 §16.7 steps 6 and 7: which response goes upstream, and what is added to it."""

import pytest

from proxy.best_response import Outcome, best_of, upstream
from sip.message import Response, build_response, parse_message
from tests.proxy.proxykit import request


def outcome(status: int, *headers: tuple[str, str]) -> Outcome:
    sent = request("INVITE", "sip:bob@example.com")
    message = parse_message(build_response(sent, status, headers=headers, to_tag="b"))
    assert isinstance(message, Response)
    return Outcome(status, message)


@pytest.mark.parametrize(
    ("statuses", "best"),
    [
        pytest.param([486, 603, 302], 603, id="6xx-before-all"),
        pytest.param([603, 600], 603, id="the-first-6xx"),
        pytest.param([500, 486, 404], 486, id="lowest-class"),
        pytest.param([404, 301], 301, id="3xx-before-4xx"),
        pytest.param([503, 407, 501, 404], 407, id="the-example-of-the-rfc"),
        pytest.param([486, 401], 401, id="challenge-first"),
        pytest.param([486, 484], 484, id="then-what-the-sender-can-mend"),
        pytest.param([408, 487, 480], 480, id="time-out-and-cancelled-last"),
        pytest.param([408, 487], 487, id="an-answer-before-silence"),
        pytest.param([503, 500], 500, id="503-last-of-its-class"),
        pytest.param([430, 480], 480, id="430-says-little"),
        pytest.param([503], 503, id="alone"),
        pytest.param([], 408, id="none"),
    ],
)
def test_best_of_several(statuses: list[int], best: int) -> None:
    """§16.7 step 6."""
    assert best_of([outcome(status) for status in statuses]).status == best


@pytest.mark.parametrize(
    ("statuses", "best"), [([486, 487], 487), ([], 487), ([600, 487], 600), ([486], 486)]
)
def test_best_for_who_gave_up(statuses: list[int], best: int) -> None:
    """RFC 3261 §9.1: the answer to a cancelled request is 487."""
    assert best_of([outcome(status) for status in statuses], cancelled=True).status == best


def test_answer_of_a_peer_is_better_than_our_own() -> None:
    real = outcome(408)
    assert best_of([Outcome(408, None), real]) is real
    real = outcome(487)
    assert best_of([Outcome(487, None), real], cancelled=True) is real


def test_contacts_of_all_redirections() -> None:
    """§16.7 step 4: each once."""
    outcomes = [
        outcome(302, ("Contact", "<sip:a@h>")),
        outcome(301, ("Contact", "<sip:a@h>, <sip:b@h>")),
        outcome(404, ("Contact", "<sip:c@h>")),
    ]
    response = upstream(best_of(outcomes), outcomes)
    assert response is not None
    assert [contact.uri for contact in response.contacts] == ["sip:a@h", "sip:b@h"]


def test_one_alone_goes_as_it_is() -> None:
    one = outcome(401, ("WWW-Authenticate", "Digest a"))
    assert upstream(one, [one]) is one.response


def test_what_nobody_answered_has_no_response() -> None:
    made = Outcome(408, None)
    assert upstream(made, [made, outcome(503)]) is None
