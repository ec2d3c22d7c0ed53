from hypothesis import given, strategies as st

from multillama.core.canonical import (
    Answer,
    Choice,
    Fault,
    Foreign,
    Image,
    Logprob,
    Namespace,
    Reasoning,
    Refusal,
    Source,
    Stop,
    Text,
    ToolCall,
    Usage,
)  # fmt: skip
from multillama.core.deltas import (
    Broken,
    Close,
    Count,
    Delta,
    End,
    Finish,
    More,
    Open,
    Other,
    Sign,
    Start,
)
from multillama.core.join import MORE, Joiner, add_usage, events_of


def joined(events):
    joiner = Joiner()
    for event in events:
        joiner.take([event])
    return joiner


def test_a_stream_makes_one_answer():
    joiner = joined([
        Start("id", "m", 7, Usage(input_tokens=3), {"a": 1}),
        Open(0, Reasoning("")), Delta(0, "hm"), Sign(0, "s"), Close(0),
        Open(1, Text("")), Delta(1, "He", [Logprob("He", -1.0)]), Open(2, ToolCall("c", "f")), Delta(2, "{"),
        Delta(1, "llo", [Logprob("llo", -2.0)]), More(1, "cite", 5), Close(1, {"b": 2}), Delta(2, "}"), Close(2),
        Finish(Stop.CALLS, 0, "x", {"c": 3}), Count(Usage(output_tokens=4)), Other("x", 1), End({"d": 4}),
    ])  # fmt: skip

    assert joiner.answer == Answer(
        "id", "m", 7,
        [
            Choice(
                [
                    Reasoning("hm", "s"),
                    Text("Hello", None, [Logprob("He", -1.0), Logprob("llo", -2.0)], {MORE: [("cite", 5)], "b": 2}),
                    ToolCall("c", "f", "{}"),
                ],
                Stop.CALLS, "x", {"c": 3},
            )
        ],
        Usage(input_tokens=3, output_tokens=4), extras={"a": 1, "d": 4},
    )  # fmt: skip
    assert joiner.is_whole


def test_a_stream_that_breaks_is_not_whole():
    broken = Broken(Fault(500, "no"))

    joiner = joined([Start(), Open(0, Text("")), Delta(0, "a"), broken])

    assert (joiner.is_whole, joiner.broken) == (False, broken)


def test_choices_are_found_by_their_number():
    joiner = joined([Start(), Finish(Stop.END, 1), End()])

    assert [choice.stop for choice in joiner.answer.choices] == [None, Stop.END]


def test_parts_without_extras_lose_what_comes_of_them():
    joiner = joined([
        Open(0, Refusal("")), Delta(0, "no"), More(0, "k", 1), Sign(0, "s"), Close(0, {"a": 1}),
        Open(1, Foreign("f", {})), Close(1), Open(2, Text("")), Delta(2, "t"),
        Delta(2, "", [Logprob("t", 0.0)]), Close(2),
        Open(3, Refusal("")), Delta(3, "n", [Logprob("n", 0.0)]), Close(3),
    ])  # fmt: skip

    assert joiner.answer.choices[0].parts == [
        Refusal("no"), Foreign("f", {}), Text("t", None, [Logprob("t", 0.0)]), Refusal("n"),
    ]  # fmt: skip


def test_the_later_usage_has_the_last_word_on_each_figure():
    first = Usage(input_tokens=3, output_tokens=1, extras={"a": 1})

    assert add_usage(first, Usage(output_tokens=5, extras={"b": 2})) == Usage(
        input_tokens=3, output_tokens=5, extras={"a": 1, "b": 2}
    )


TEXTS = st.text(max_size=5)
EXTRAS = st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=2)
PARTS = st.one_of(
    st.builds(Text, TEXTS, st.none(), st.lists(st.builds(Logprob, TEXTS, st.just(-1.0)), max_size=2), EXTRAS),
    st.builds(Text, TEXTS, st.just("5m"), st.just([]), st.just({MORE: [("cite", 1)]})),
    st.builds(Reasoning, TEXTS, st.none() | TEXTS, st.just(False), st.none() | TEXTS, EXTRAS),
    st.builds(Reasoning, st.just(""), TEXTS, st.just(True)),
    st.builds(Refusal, TEXTS),
    st.builds(ToolCall, TEXTS, TEXTS, TEXTS, st.booleans(), st.none() | TEXTS, EXTRAS),
    st.builds(Image, st.just(Source(url="u"))),
    st.builds(Foreign, TEXTS, st.integers()),
)  # fmt: skip
CHOICES = st.builds(
    Choice, st.lists(PARTS, max_size=4), st.sampled_from(list(Stop)), st.none() | TEXTS, EXTRAS
)
ANSWERS = st.builds(
    Answer, TEXTS, TEXTS, st.integers(0, 9), st.lists(CHOICES, max_size=3),
    st.none() | st.builds(Usage, st.none() | st.integers(0, 9)), st.none(), st.just(""), EXTRAS,
)  # fmt: skip


@given(ANSWERS)
def test_an_answer_made_a_stream_and_joined_again_is_the_same(answer):
    assert joined(events_of(answer)).answer == answer


def test_a_choice_without_a_reason_to_stop_has_just_ended():
    assert Finish(Stop.END) in events_of(Answer(choices=[Choice()]))


def test_a_part_of_one_family_gets_the_members_that_come_at_its_end():
    value = {"type": "x", "input": {}}

    joiner = joined(
        [Start(family="anthropic"), Open(0, Foreign("x", value)), Close(0, {"input": {"a": 1}})]
    )

    assert joiner.answer.family == "anthropic"
    assert joiner.answer.choices[0].parts == [Foreign("x", {"type": "x", "input": {"a": 1}})]
    assert value == {"type": "x", "input": {}}


def test_a_part_of_one_family_that_has_no_members_stays_as_it_is():
    joiner = joined([Open(0, Foreign("x", 7)), Close(0, {"a": 1})])

    assert joiner.answer.choices[0].parts == [Foreign("x", 7)]


def test_whose_words_they_are_and_the_tier_survive_both_ways():
    answer = Answer(
        "id", "m", 7, [Choice([], Stop.END)], None, "flex", "openai", {}, "openai.responses"
    )

    assert joined(events_of(answer)).answer == answer


def test_where_a_part_stands_survives_both_ways():
    group = Namespace("crm", "get")
    parts = [
        Text("a", item_id="msg_1"), Refusal("no", "msg_1"), ToolCall("c", "crm__get", "{}", False, "fc_1", {}, group),
        Reasoning("hm", id="rs_1", is_summary=True),
    ]  # fmt: skip

    assert (
        joined(events_of(Answer(choices=[Choice(parts, Stop.END)]))).answer.choices[0].parts
        == parts
    )
