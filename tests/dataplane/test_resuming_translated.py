"""Streams that break off where an endpoint speaks another dialect than the client: before the cut, or after it."""

import json
import re

import pytest

from multillama.control.ways import ways_of
from tests.core.samples import endpoint
from tests.dataplane.routed import (
    ASK_STREAM,
    HELLO,
    Routed,
    begun,
    body_of,
    framed,
    local,
    rest,
    text_of,
)
from tests.dataplane.stage import STREAM, post

ASK_MESSAGE = post(HELLO | {"stream": True, "max_tokens": 90}, target=b"/v1/messages")
ASK_COMPLETION = post(
    {"model": "m1", "prompt": "Count:", "stream": True}, target=b"/v1/completions"
)


def speaking(name, provider, *dialects, **facts):
    """An endpoint at home that speaks these dialects, and is asked in them."""
    ways = ways_of(provider, frozenset(dialects))
    return endpoint(name, provider=provider, ways=ways, is_local=True, **facts)


def told(event, **members):
    return framed(
        b"event: %b\ndata: %b\n\n"
        % (event.encode(), json.dumps({"type": event} | members).encode())
    )


def message(*words, is_whole=True, usage=(7, 2)):
    """An answer in Anthropic's dialect."""
    start = {"id": "msg_1", "role": "assistant", "content": [], "model": "m1",
             "usage": {"input_tokens": usage[0], "output_tokens": 1}}  # fmt: skip
    said = STREAM + told("message_start", message=start)
    said += told("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for word in words:
        said += told("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
    if not is_whole:
        return said
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    said += told("content_block_stop", index=0)
    said += told("message_delta", delta=end, usage={"output_tokens": usage[1]})
    return said + told("message_stop") + b"0\r\n\r\n"


def spoken(client):
    """The text that a client of Anthropic's dialect has got."""
    events = [
        json.loads(line[6:]) for line in client.received.split(b"\n") if line.startswith(b"data: {")
    ]
    return "".join(event["delta"].get("text", "") for event in events if "delta" in event)


def test_what_a_translation_has_begun_is_continued_in_the_clients_own_dialect():
    stage = Routed(speaking("a", "anthropic", "anthropic.messages"), *local("b"), resume=True)
    client = stage.ask(ASK_STREAM)
    stage.answered_by("a", message("one", " two", is_whole=False)).lose(ConnectionResetError())

    second = stage.answered_by("b", rest(" three"))

    assert text_of(client) == "one two three"
    assert client.received.count(b"[DONE]") == 1
    assert len(set(re.findall(rb'"id": ?"[^"]+"', client.received))) == 1
    assert body_of(second)["messages"][-1] == {"role": "assistant", "content": "one two"}
    assert (stage.records[0].outcome, stage.records[0].attempts) == ("ok", 2)


def test_a_message_that_a_translation_has_begun_is_continued_as_a_message():
    stage = Routed(speaking("a", "vllm", "openai.chat"), *local("b"), resume=True)
    client = stage.ask(ASK_MESSAGE)
    stage.answered_by("a", begun("one", " two")).lose(ConnectionResetError())

    stage.answered_by("b", message(" three"))

    assert spoken(client) == "one two three"
    assert client.received.count(b"event: message_start") == 1
    assert client.received.count(b"event: content_block_start") == 1
    assert client.received.count(b"event: message_stop") == 1
    assert stage.records[0].outcome == "ok"


def test_a_prefill_is_translated_for_a_model_that_goes_on_with_one():
    (first,) = local("a")
    stage = Routed(first, speaking("b", "llama.cpp", "anthropic.messages"))
    client = stage.ask(ASK_STREAM)
    stage.answered_by("a", begun("one", " two")).lose(ConnectionResetError())

    second = stage.answered_by("b", message(" three"))

    assert text_of(client) == "one two three"
    assert second.sent.startswith(b"POST /v1/messages ")
    assert body_of(second)["messages"][-1] == {"role": "assistant", "content": "one two"}
    assert stage.records[0].outcome == "ok"


def test_the_record_does_not_take_the_rests_usage_for_that_of_all():
    (first,) = local("a")
    stage = Routed(first, speaking("b", "llama.cpp", "anthropic.messages"))
    client = stage.ask(post(HELLO | {"stream": True, "stream_options": {"include_usage": True}}))
    stage.answered_by("a", begun("one", " two")).lose(ConnectionResetError())

    stage.answered_by("b", message(" three", usage=(9, 1)))

    assert text_of(client) == "one two three"
    assert (stage.records[0].input_tokens, stage.records[0].output_tokens) == (7, 3)


NOT_ASKED = [
    # a last assistant message alone is answered from the beginning there
    (ASK_MESSAGE, message("one", is_whole=False), "vllm", "openai.chat"),
    # the prompt would become a user's message
    (ASK_COMPLETION, STREAM + framed(b'data: {"choices":[{"index":0,"text":"one"}]}\n\n'),
     "llama.cpp", "openai.chat"),
    # its model is not one that goes on
    (ASK_STREAM, begun("one"), "anthropic", "anthropic.messages"),
    (ASK_STREAM, begun("one"), "ollama", "ollama.chat"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "said", "provider", "dialect"), NOT_ASKED)
@pytest.mark.parametrize("prefill", [False, True])
def test_who_would_begin_anew_behind_a_translation_is_not_asked(
    data, said, provider, dialect, prefill
):
    (first,) = local("a")
    other = speaking("b", provider, dialect)
    stage = Routed(first, other, resume=True, prefill=prefill)
    client = stage.ask(data)

    stage.answered_by("a", said).lose(ConnectionResetError())
    while stage.pool.waiting:
        stage.pool.waiting[0].fail()

    assert "b" not in stage.asked
    assert b"could not be continued" in client.received
    assert client.received.count(b"one") == 1


def test_an_answer_that_has_said_nothing_is_asked_for_in_any_dialect():
    (first,) = local("a")
    stage = Routed(first, speaking("b", "anthropic", "anthropic.messages"), resume=True)
    client = stage.ask(ASK_STREAM)
    stage.answered_by("a", begun()).lose(ConnectionResetError())

    second = stage.answered_by("b", message("one"))

    assert text_of(client) == "one"
    assert len(body_of(second)["messages"]) == 1
    assert stage.records[0].outcome == "ok"
