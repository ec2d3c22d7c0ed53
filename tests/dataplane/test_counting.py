"""Streams that are counted though their clients have not asked for it."""

import json

import pytest

from multillama.core.translate import Way
from tests.core.samples import endpoint
from tests.core.toy_dialect import toy
from tests.dataplane.routed import (
    DONE,
    HELLO,
    STREAM,
    Routed,
    begun,
    body_of,
    chunk,
    framed,
    head_of,
    local,
    text_of,
)
from tests.dataplane.stage import ok, post

ASKED = {"include_usage": True}
COUNTS = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
WORDS = begun("ho", " ho") + chunk({}, "stop")


def usage(counts=COUNTS):
    """The chunk that comes for the asking."""
    return framed(
        b"data: %b\n\n" % json.dumps({"id": "c1", "choices": [], "usage": counts}).encode()
    )


def stream(**members):
    return post(HELLO | {"stream": True} | members)


def counting(*endpoints, **policy):
    return Routed(*endpoints, count_usage=True, **policy)


def events_of(client):
    """The body of a stream's answer, without its framing."""
    return client.answers()[-1][1]


def test_usage_is_asked_for_and_counted_and_not_seen():
    stage = counting(*local("a"))
    client = stage.ask(stream())

    transport = stage.answer(WORDS + usage() + DONE)

    assert body_of(transport)["stream_options"] == ASKED
    assert b"usage" not in client.received
    assert events_of(client).endswith(b"data: [DONE]\n\n")
    assert (stage.records[0].input_tokens, stage.records[0].output_tokens) == (9, 2)
    assert stage.stories[0].edits == ("stream_options",)


def test_every_other_event_goes_on_as_it_came():
    asked, unasked = counting(*local("a")), Routed(*local("a"))
    client, other = asked.ask(stream()), unasked.ask(stream())

    asked.answer(WORDS + usage() + DONE)
    unasked.answer(WORDS + DONE)

    assert events_of(client) == events_of(other)


@pytest.mark.parametrize("size", [1, 7, 60])
def test_the_chunk_is_hidden_however_the_bytes_are_cut(size):
    stage = counting(*local("a"))
    client = stage.ask(stream())
    data = WORDS + usage() + DONE
    transport = stage.answer(data[:size])

    for at in range(size, len(data), size):
        transport.protocol.data_received(data[at : at + size])

    assert text_of(client) == "ho ho"
    assert b"usage" not in client.received
    assert stage.records[0].output_tokens == 2


def test_a_client_that_asks_itself_gets_what_it_asked_for():
    stage = counting(*local("a"))
    client = stage.ask(stream(stream_options=ASKED))

    stage.answer(WORDS + usage() + DONE)

    assert b'"completion_tokens": 2' in client.received
    assert stage.records[0].output_tokens == 2
    assert stage.stories[0].edits == ()


def test_without_the_policy_nothing_is_asked_and_nothing_hidden():
    stage = Routed(*local("a"))
    client = stage.ask(stream())

    transport = stage.answer(WORDS + usage() + DONE)

    assert "stream_options" not in body_of(transport)
    assert b'"completion_tokens": 2' in client.received


def test_what_is_no_stream_is_not_touched():
    stage = counting(*local("a"))
    client = stage.ask()

    transport = stage.answer(ok(b'{"choices":[],"usage":{"prompt_tokens":1}}'))

    assert "stream_options" not in body_of(transport)
    assert client.answers() == [(200, b'{"choices":[],"usage":{"prompt_tokens":1}}')]


def test_an_error_that_is_no_stream_passes():
    stage = counting(*local("a"), retry={"max_attempts": 1})
    client = stage.ask(stream())

    stage.answer(ok(b'{"error":{"message":"no \\"usage\\""}}', b"400 Bad Request"))

    assert client.answers() == [(400, b'{"error":{"message":"no \\"usage\\""}}')]


def test_a_stream_whose_length_is_told_becomes_shorter():
    stage = counting(*local("a"))
    client = stage.ask(stream())
    hidden = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}\n\n'
    body = b'data: {"choices":[{}]}\n\n' + hidden + b"data: [DONE]\n\n"

    stage.answer(ok(body).replace(b"\r\n", b"\r\nContent-Type: text/event-stream\r\n", 1))

    assert client.answers() == [(200, b'data: {"choices":[{}]}\n\ndata: [DONE]\n\n')]


def test_a_stream_that_breaks_off_is_continued_and_counted_as_one():
    stage = counting(*local("a", "b"), resume=True)
    client = stage.ask(stream())
    stage.answered_by("a", begun("ho")).lose()

    rest = STREAM + chunk({"role": "assistant"}) + chunk({"content": " ho"}) + chunk({}, "stop")
    transport = stage.answered_by(
        "b", rest + usage({"prompt_tokens": 10, "completion_tokens": 1}) + DONE
    )

    assert body_of(transport)["stream_options"] == ASKED
    assert text_of(client) == "ho ho"
    assert b"usage" not in client.received
    assert (stage.records[0].input_tokens, stage.records[0].output_tokens) == (9, 2)


def test_another_target_is_asked_the_same():
    stage = counting(*local("a", "b"))
    client = stage.ask(stream())
    stage.answered_by("a", ok(b"{}", b"503 Service Unavailable"))

    stage.answered_by("b", WORDS + usage() + DONE)

    assert text_of(client) == "ho ho"
    assert b"x-multillama-attempts: 2" in head_of(client)
    assert stage.records[0].output_tokens == 2


def test_a_translated_stream_is_the_dialects_business():
    way = Way(toy("openai.chat"), toy("toy.b", "other"), "messages")
    stage = Routed(endpoint("a", ways={"chat": way}), count_usage=True)

    stage.ask(post({"model": "m1", "stream": True, "messages": []}))

    assert "stream_options" not in body_of(stage.connect())
