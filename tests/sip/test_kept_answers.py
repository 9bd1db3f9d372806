"""RFC 3261 §17.2.2, timer J: answers are kept for 32 seconds, cheaply, and within a bound."""

from sip.transaction.answers import GENERATION, Answers
from sip.transaction.timers import TRANSACTION


def test_an_answer_is_kept_for_timer_j_and_then_forgotten() -> None:
    answers = Answers(limit=100)
    answers.keep(b"a", 10.0)
    assert answers.expired(10.0 + TRANSACTION) == []
    assert answers.next_at() == 10.0 + GENERATION + TRANSACTION
    assert answers.expired(10.0 + GENERATION + TRANSACTION) == [b"a"]
    assert len(answers) == 0
    assert answers.next_at() is None


def test_the_last_of_a_generation_has_its_full_time() -> None:
    answers = Answers(limit=100)
    answers.keep(b"a", 10.0)
    last = 10.0 + GENERATION - 0.1
    answers.keep(b"b", last)
    assert answers.expired(last + TRANSACTION) == []


def test_generations_go_one_by_one() -> None:
    answers = Answers(limit=100)
    answers.keep(b"a", 10.0)
    answers.keep(b"b", 10.0 + GENERATION)
    assert answers.expired(10.0 + GENERATION + TRANSACTION) == [b"a"]
    assert len(answers) == 1


def test_past_the_bound_the_oldest_go_first() -> None:
    answers = Answers(limit=2)
    for number in range(3):
        answers.keep(b"%d" % number, 10.0 + number * GENERATION)
    assert answers.expired(10.0 + 2 * GENERATION) == [b"0"]
