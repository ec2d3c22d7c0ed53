from multillama.core.canonical import Image, Logprob, Reasoning, Refusal, Source, Text, ToolCall
from multillama.core.deltas import Close, Delta, More, Open, Sign
from multillama.core.parts import Parts


def test_text_of_one_kind_is_one_part():
    parts = Parts()

    parts.say("text", "He")
    parts.say("text", "llo")
    parts.close()

    assert parts.take() == [Open(0, Text("")), Delta(0, "He"), Delta(0, "llo"), Close(0)]


def test_another_kind_begins_another_part():
    parts = Parts()

    for kind in ("reasoning", "text", "refusal"):
        parts.say(kind, "x")

    assert parts.take() == [
        Open(0, Reasoning("")), Delta(0, "x"), Close(0),
        Open(1, Text("")), Delta(1, "x"), Close(1),
        Open(2, Refusal("")), Delta(2, "x"),
    ]  # fmt: skip


def test_an_empty_text_begins_its_part_and_says_nothing():
    parts = Parts()

    parts.say("text", "")

    assert parts.take() == [Open(0, Text(""))]


def test_probabilities_travel_with_an_empty_text():
    parts = Parts()

    parts.say("text", "", logprobs=[Logprob("a", -1.0)])

    assert parts.take() == [Open(0, Text("")), Delta(0, "", [Logprob("a", -1.0)])]


def test_a_signature_goes_to_the_reasoning_that_goes_on():
    parts = Parts()

    parts.say("reasoning", "hm")
    parts.sign("s")

    assert parts.take() == [Open(0, Reasoning("")), Delta(0, "hm"), Sign(0, "s")]


def test_a_signature_alone_makes_a_reasoning_without_text():
    parts = Parts()

    parts.sign("s")

    assert parts.take() == [Open(0, Reasoning("")), Sign(0, "s")]


def test_calls_overlap_and_text_ends_before_them():
    parts = Parts()
    one, two = ToolCall("a", "f"), ToolCall("b", "g")

    parts.say("text", "x")
    parts.call(0, one)
    parts.call(1, two)
    parts.argue(0, "{")
    parts.argue(1, "[")
    parts.argue(0, "")
    parts.call(0, two)
    parts.close()

    assert parts.take() == [
        Open(0, Text("")), Delta(0, "x"), Close(0), Open(1, one), Open(2, two), Delta(1, "{"), Delta(2, "["),
        Close(1), Close(2),
    ]  # fmt: skip


def test_a_call_is_known_until_its_choice_ends():
    parts = Parts()

    parts.call("k", ToolCall("a", "f"))
    before = parts.has_call("k"), parts.has_call("k", 1)
    parts.close()

    assert (before, parts.has_call("k")) == ((True, False), False)


def test_choices_do_not_mix():
    parts = Parts()

    parts.say("text", "a", choice=0)
    parts.say("text", "b", choice=1)
    parts.say("text", "c", choice=0)

    assert parts.take() == [
        Open(0, Text(""), 0), Delta(0, "a"), Open(1, Text(""), 1), Delta(1, "b"), Delta(0, "c"),
    ]  # fmt: skip


def test_a_part_in_one_piece_ends_the_text_before_it():
    parts, image = Parts(), Image(Source(url="u"))

    parts.say("text", "a")
    parts.whole(image)

    assert parts.take() == [Open(0, Text("")), Delta(0, "a"), Close(0), Open(1, image), Close(1)]


def test_what_only_the_family_understands_belongs_to_the_text():
    parts = Parts()

    parts.say("text", "a", choice=1)
    parts.more("annotation", {"url": "u"}, choice=1)
    parts.more("annotation", {}, choice=0)

    assert parts.take() == [
        Open(0, Text(""), 1), Delta(0, "a"), More(0, "annotation", {"url": "u"}),
        Open(1, Text("")), More(1, "annotation", {}),
    ]  # fmt: skip
