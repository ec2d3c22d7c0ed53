import pytest

from multillama.core.decision import Considered, Decision, Tried
from multillama.observe import telling


def decision(**facts):
    known = {"id": "r1", "at": 1.0, "operation": "chat", "status": 200, "total_ms": 120.0}
    return Decision(**(known | facts))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"endpoint": "a"}, "The client has the whole answer: 200 from a, after 120 ms."),
        (
            {"endpoint": "a", "status": 429},
            "The client has the endpoint's own error: 429 from a, after 120 ms.",
        ),
        (
            {"outcome": "failed", "status": 502, "cause": "endpoint_closed", "text": "It closed."},
            "No endpoint gave an answer: 502, after 120 ms. endpoint_closed: It closed.",
        ),
        (
            {"outcome": "cancelled", "status": 499, "cause": "client_gone"},
            "The client left: 499, after 120 ms. client_gone",
        ),
        ({"outcome": "of the future"}, "of the future: 200, after 120 ms."),
    ],
)
def test_the_ending_says_what_the_client_got(facts, expected):
    assert telling.ending(decision(**facts)) == expected


def test_what_is_not_known_is_left_out():
    names = [fact.name for fact in telling.facts(decision())]

    assert names == ["Operation", "Whole", "Bytes"]


def test_all_that_is_known_is_told():
    told = decision(
        model="m1", stream=True, first_byte_ms=40.0, request_bytes=1200, response_bytes=99,
        input_tokens=2318, output_tokens=6, queue_ms=320.0, queue_position=2, edits=("model",),
        attempts=[Tried(endpoint="a", begun_ms=0.0)],
    )  # fmt: skip

    facts = dict(telling.facts(told))

    assert facts == {
        "Operation": "chat, stream",
        "Model": "m1",
        "First byte": "after 40 ms",
        "Whole": "after 120 ms",
        "Bytes": "1.2 kB in, 99 B out",
        "Tokens": "2,318 in, 6 out",
        "Queue": "waited 320 ms for a place, 2 before it",
        "Changed": "model; all else in the body went byte for byte",
    }


def test_a_body_that_nobody_touched_is_said_to_be_so():
    facts = dict(telling.facts(decision(attempts=[Tried(endpoint="a", begun_ms=0.0)])))

    assert facts["Changed"] == "nothing: the body went byte for byte"


def test_a_choice_names_its_strategy_and_whom_it_remembered():
    rows = (Considered("a", "m1", 1.5), Considered("b", "m1"))

    told = telling.choice("ordered", "a", rows)

    assert told == (
        "By strategy ordered: as configured: the next one only when the first cannot."
        " Of scores, the lower one is better. a had the conversation in its cache."
    )


def test_where_nothing_was_chosen_nothing_is_claimed():
    assert telling.choice(None, None, ()) == ""
    assert telling.choice(None, None, (Considered("a", "m1"),)).startswith("One target")
    assert telling.choice("of the future", None, ()) == "By strategy of the future."


def test_candidates_come_in_their_order_with_reasons():
    rows = telling.candidates(
        (
            Considered("a", "m1", 0.123456, now=("local", "full")),
            Considered("b", "m1"),
            Considered("c", "m1", None, "it is not local", ("tier 1",)),
            Considered("d", "m1", None, "it takes no images"),
        )
    )

    assert [tuple(row) for row in rows] == [
        ("1", "a", "m1", "0.1235", "local, full"),
        ("2", "b", "m1", "", ""),
        ("", "c", "m1", "", "left out: it is not local (tier 1)"),
        ("", "d", "m1", "", "left out: it takes no images"),
    ]


def test_an_attempt_tells_when_and_how_it_went():
    failed = Tried(endpoint="a", begun_ms=1.0, over_ms=9.0, cause="overloaded", then="went on")
    good = Tried(endpoint="b", role="next", begun_ms=9.0, first_byte_ms=20.0, status=200)

    first, second = telling.attempts(decision(attempts=[failed, good]))

    assert (first.role, first.status, first.text, first.then) == (
        "first", "-", "overloaded: 529", "went on",
    )  # fmt: skip
    assert (first.begun_ms, first.waited_ms, first.answered_ms, first.is_good) == (1, 8, 0, False)
    assert (second.role, second.begun, second.first_byte, second.over) == (
        "next", "9.0 ms", "20 ms", "120 ms",
    )  # fmt: skip
    assert (second.waited_ms, second.answered_ms, second.is_good) == (11, 100, True)
    assert second.text == "answered"


def test_an_attempt_without_news_is_no_answer():
    (row,) = telling.attempts(decision(attempts=[Tried(endpoint="a", role="new", begun_ms=0.0)]))

    assert (row.role, row.text, row.is_good) == ("new", "no answer", False)
