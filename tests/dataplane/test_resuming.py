import pytest

from tests.core.samples import endpoint
from tests.dataplane.routed import (
    ASK_STREAM,
    HELLO,
    ROLE,
    Routed,
    begun,
    body_of,
    chunk,
    failing,
    framed,
    local,
    rest,
    text_of,
)
from tests.dataplane.stage import STREAM, post

ERROR = framed(b'data: {"error":{"message":"CUDA died"}}\n\n')
USAGE = framed(
    b'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}\n\n'
)


def cut(stage, *words, data=ASK_STREAM):
    """A client whose stream broke off after these words."""
    client = stage.ask(data)
    stage.answered_by("a", begun(*words)).lose(ConnectionResetError())
    return client


def test_a_cut_stream_is_continued_by_the_next_target_and_looks_like_one():
    stage = Routed()
    client = cut(stage, "one", " two")

    second = stage.answered_by("b", rest(" three"))

    assert text_of(client) == "one two three"
    assert client.statuses == [200]
    assert client.received.count(b"[DONE]") == 1
    assert body_of(second)["messages"][-1] == {"role": "assistant", "content": "one two"}
    assert stage.told == [
        ("a", "first", "truncated", "b goes on"),
        ("b", "resume", None, None),
    ]
    assert (stage.records[0].outcome, stage.records[0].attempts) == ("ok", 2)


def test_a_stream_that_has_said_nothing_is_asked_for_again():
    stage = Routed()
    client = cut(stage)

    second = stage.answered_by("b", rest("one"))

    assert text_of(client) == "one"
    assert body_of(second)["messages"] == HELLO["messages"]


def test_the_usage_is_that_of_one_request():
    stage = Routed()
    client = cut(stage, "one", " two")

    said = begun(" three", " four", " five") + chunk({}, "stop") + USAGE
    stage.answered_by("b", said + framed(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    assert b'"prompt_tokens":10,"completion_tokens":5,"total_tokens":15' in client.received
    assert (stage.records[0].input_tokens, stage.records[0].output_tokens) == (10, 5)


def test_a_stream_that_stalls_is_continued():
    stage = Routed()
    client = stage.ask(ASK_STREAM)
    stalled = stage.answered_by("a", begun("one"))

    stage.loop.advance(121.0)
    stage.answered_by("b", rest(" two"))

    assert stalled.ended == "abort"
    assert text_of(client) == "one two"


@pytest.mark.parametrize("wrong", [ERROR, framed(b'data: {"choices": [\n\n')])
def test_an_error_or_garbage_in_the_stream_is_held_back_and_the_stream_continued(wrong):
    stage = Routed()
    client = stage.ask(ASK_STREAM)

    stage.answered_by("a", begun("one") + wrong)
    stage.answered_by("b", rest(" two"))

    assert text_of(client) == "one two"
    assert b"CUDA" not in client.received


def test_an_error_in_the_stream_that_nobody_can_help_is_passed_on():
    stage = Routed()
    client = stage.ask(post(HELLO | {"stream": True, "n": 2}))

    stage.answered_by("a", begun("one") + ERROR)

    assert b'data: {"error":{"message":"CUDA died"}}\n\n' in client.received
    assert client.statuses == [200]
    assert stage.told[0][3].startswith("was not continued: Several answers")


def test_a_stream_that_ends_before_its_last_event_is_continued():
    stage = Routed()
    client = stage.ask(ASK_STREAM)

    stage.answered_by("a", begun("one") + b"0\r\n\r\n")
    stage.answered_by("b", rest(" two"))

    assert text_of(client) == "one two"
    assert client.received.count(b"[DONE]") == 1


def test_a_continuation_that_is_cut_is_continued_by_the_first_again():
    stage = Routed()
    client = cut(stage, "one")

    stage.answered_by("b", begun(" two")).lose(ConnectionResetError())
    third = stage.answered_by("a", rest(" three"))

    assert text_of(client) == "one two three"
    assert body_of(third)["messages"][-1]["content"] == "one two"


@pytest.mark.parametrize("status", [b"400 Bad", b"503 Busy"])
def test_who_refuses_to_continue_is_passed_over(status):
    stage = Routed(*local("a", "b", "c"))
    client = cut(stage, "one")

    stage.answered_by("b", failing(status))
    stage.answered_by("c", rest(" two"))

    assert text_of(client) == "one two"


# where it cannot be


def refused(stage, client):
    """The words for it, and whether the client was told in an event that ends the stream."""
    assert b"[DONE]" not in client.received
    assert client.received.endswith(b"0\r\n\r\n")
    assert stage.asked == ["a"]
    assert stage.records[0].outcome == "truncated"
    return stage.records[0].error_text


TOOL = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{"}}]}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (chunk(TOOL), "It could not be continued: a tool call had begun"),
        (chunk({"content": "one"}).replace(b'"index": 0', b'"index": 1'), "it has several answers"),
    ],
)
def test_an_answer_that_cannot_be_continued_ends_in_an_error(said, why):
    stage = Routed()
    client = stage.ask(ASK_STREAM)

    stage.answered_by("a", STREAM + chunk(ROLE) + said).lose(ConnectionResetError())

    assert why in refused(stage, client)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"n": 2}, "several answers were asked for"),
        ({"logprobs": True}, "log probabilities"),
        ({"response_format": {"type": "json_object"}}, "a grammar"),
        ({"max_tokens": 1}, "all the tokens that were asked for are sent"),
    ],
)
def test_a_request_that_cannot_be_continued_ends_in_an_error(members, why):
    stage = Routed()

    client = cut(stage, "one", data=post(HELLO | {"stream": True} | members))

    assert why in refused(stage, client)


def test_an_endpoint_that_is_not_known_to_continue_is_not_asked():
    stage = Routed(endpoint("a"), endpoint("b"), resume=True)

    client = cut(stage, "one")

    assert "it is not known that this endpoint can continue" in refused(stage, client)


def test_where_the_policy_forbids_it_the_stream_ends_in_an_error():
    stage = Routed(resume=False)

    client = cut(stage, "one")

    assert refused(stage, client) == "The endpoint a broke off its answer."


def test_by_default_a_single_endpoint_continues_nothing():
    stage = Routed(*local("a"))

    client = cut(stage, "one")

    assert "continued" not in refused(stage, client)


def test_if_asked_for_a_single_endpoint_continues_its_own_stream():
    stage = Routed(*local("a"), resume=True)
    client = cut(stage, "one")

    stage.answered_by("a", rest(" two"))

    assert text_of(client) == "one two"


def test_what_lacks_only_its_last_bytes_is_closed():
    stage = Routed()
    client = stage.ask(ASK_STREAM)

    said = chunk(ROLE) + chunk({"content": "one"}, "stop")
    stage.answered_by("a", STREAM + said).lose(ConnectionResetError())

    assert client.received.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert (stage.asked, stage.records[0].outcome) == (["a"], "ok")


def test_it_is_continued_as_long_as_it_grows_and_that_not_for_ever():
    stage = Routed()
    client = cut(stage, "one")

    for name in ("b", "a") * 8:
        stage.answered_by(name, begun(" more")).lose(ConnectionResetError())

    assert text_of(client) == "one" + " more" * 16
    assert (
        stage.told[-1][3]
        == "was not continued: It was tried 16 times, and the retry budget allows no more."
    )


def test_three_continuations_in_a_row_without_anything_new_are_the_last():
    stage = Routed()
    client = cut(stage, "one")

    for name in ("b", "a", "b"):
        stage.answered_by(name, STREAM + chunk(ROLE)).lose(ConnectionResetError())

    assert text_of(client) == "one"
    assert "The last 3 continuations brought nothing new" in stage.told[-1][3]


def test_nobody_who_can_be_reached_ends_it_after_some_tries():
    stage = Routed()
    client = cut(stage, "one")

    while stage.pool.waiting:
        stage.pool.waiting[0].fail()

    assert len(stage.asked) == 9
    assert b'"error"' in client.received
    assert stage.records[0].outcome == "truncated"


def test_a_client_that_leaves_ends_the_continuation():
    stage = Routed()
    client = cut(stage, "one")
    second = stage.waiting("b").come()

    client.transport.lose()

    assert second.ended == "abort"
    assert [here.state.in_flight for here in stage.endpoints] == [0, 0]
    assert stage.records[0].outcome == "cancelled"
