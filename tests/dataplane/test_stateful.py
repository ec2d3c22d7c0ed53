"""Responses that go on from earlier ones, at the gateway's own store and at endpoints that keep them."""

import json

import pytest

from multillama.core.stored_responses import ResponseStore, StoreLimits
from multillama.core.translate import Way
from multillama.dataplane import stateful
from tests.core.samples import endpoint
from tests.core.toy_dialect import toy
from tests.dataplane.routed import body_of, framed
from tests.dataplane.stage import STREAM, Stage, get, ok, post

SAID = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Ho"}],
}
KEY = b"Authorization: Bearer secret-1\r\n"
OTHER_KEY = b"Authorization: Bearer secret-2\r\n"


def response(name="resp_1", **members):
    whole = {"id": name, "object": "response", "status": "completed", "output": [SAID]}
    return json.dumps(whole | members).encode()


def event(kind, **members):
    return b"event: %b\ndata: %b\n\n" % (
        kind.encode(),
        json.dumps({"type": kind, **members}).encode(),
    )


def streamed(name="resp_1", kind="response.completed"):
    opening = event("response.created", response={"id": name})
    return opening + event(kind, response=json.loads(response(name)))


def ask(*lines, path=b"/v1/responses", **members):
    body = json.dumps({"model": "m1", "input": "Hi"} | members).encode()
    return post(body, b"Content-Length: %d\r\n" % len(body), *(lines or (KEY,)), target=path)


def staged(*endpoints, responses=10, **facts):
    """A data plane with a store, and one endpoint that keeps nothing."""
    stage = Stage(*(endpoints or (endpoint("here", provider="llama.cpp"),)), **facts)
    if responses:
        limits = StoreLimits(responses=responses, bytes=1_000_000, age_s=100.0)
        stage.listener.responses = ResponseStore(limits)
    return stage


def asked(stage, *lines, **members):
    """A client that has asked."""
    client = stage.client()
    client.send(ask(*lines, **members))
    return client


def with_one(stage, **members):
    """A stage whose endpoint has answered once."""
    asked(stage, **members)
    stage.answer(ok(response()))
    return stage


def read(stage, path, *lines, method=b"GET"):
    """What is answered to a plain request: its status and its body."""
    client = stage.client()
    client.send(get(path, *(lines or (KEY,)), method=method))
    [(status, body)] = client.answers(method.decode())
    return status, json.loads(body) if body else None


def inputs(transport):
    """The items of the last request that an endpoint got."""
    last = transport.sent.rpartition(b"\r\n\r\n")[2]
    return json.loads(last)["input"]


# the conversation


def test_the_first_request_and_its_answer_pass_byte_for_byte():
    stage = staged()
    client = asked(stage)
    body = response(x=1.50)

    transport = stage.answer(ok(body))

    assert transport.sent.endswith(b'\r\n\r\n{"model": "m1", "input": "Hi"}')
    assert client.answers() == [(200, body)]


def test_the_next_request_holds_what_was_said_before():
    stage = with_one(staged())

    client = asked(stage, input="And?", previous_response_id="resp_1")
    transport = stage.answer(ok(response("resp_2")))

    assert [item["content"][0]["text"] for item in inputs(transport)] == ["Hi", "Ho", "And?"]
    assert "previous_response_id" not in json.loads(transport.sent.rpartition(b"\r\n\r\n")[2])
    assert client.statuses == [200]


def test_the_edit_is_told_to_whoever_asks_why():
    stage = with_one(staged())
    stories = []
    stage.listener.on_story = lambda record, story: stories.append(story.tell(record))

    asked(stage, previous_response_id="resp_1")
    stage.answer(ok(response("resp_2")))

    assert stories[0].edits == ("previous_response_id",)


@pytest.mark.parametrize("size", [1, 30, 10_000])
@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete"])
def test_a_stream_is_stored_however_its_bytes_are_cut(size, kind):
    stage = staged()
    client = asked(stage, stream=True)
    body = streamed(kind=kind)
    data = STREAM + framed(body) + b"0\r\n\r\n"

    transport = stage.answer(data[:1])
    for at in range(1, len(data), size):
        transport.protocol.data_received(data[at : at + size])

    assert client.answers()[0] == (200, body)
    assert read(stage, b"/v1/responses/resp_1")[1]["output"] == [SAID]


def test_a_response_is_there_as_soon_as_its_event_is():
    stage = staged()
    asked(stage, stream=True)
    stage.answer(STREAM + framed(streamed()))

    transport = stage.pool.transports[-1]
    asked(stage, previous_response_id="resp_1", input="And?")

    assert len(inputs(stage.connect())) == 3
    assert transport is not stage.pool.transports[-1]


def test_tokens_are_counted_of_the_whole_conversation():
    stage = with_one(staged())

    asked(stage, path=b"/v1/responses/input_tokens", previous_response_id="resp_1", input="And?")

    assert len(inputs(stage.answer(ok(b'{"input_tokens":9}')))) == 3
    assert len(stage.listener.responses) == 1


@pytest.mark.parametrize(
    "answer",
    [
        ok(response(), b"400 Bad Request"),
        ok(b'{"id":"resp_1","status":"failed","output":[]}'),
        ok(b"nonsense"),
    ],
)
def test_what_is_no_whole_response_is_not_stored(answer):
    stage = staged()
    asked(stage)

    stage.answer(answer)

    assert len(stage.listener.responses) == 0


def test_nothing_is_stored_against_the_clients_will():
    stage = with_one(staged(), store=False)

    assert len(stage.listener.responses) == 0


def test_a_very_long_answer_is_not_stored(monkeypatch):
    monkeypatch.setattr(stateful, "MAX_ANSWER_BYTES", 100)

    stage = with_one(staged())

    assert len(stage.listener.responses) == 0


def test_a_client_that_leaves_before_the_end_leaves_nothing():
    stage = staged()
    client = asked(stage, stream=True)
    stage.answer(STREAM + framed(event("response.created", response={"id": "resp_1"})))

    client.transport.abort()

    assert len(stage.listener.responses) == 0


# whose it is


def test_another_key_finds_neither_response_nor_item():
    stage = with_one(staged())

    by_id = asked(stage, OTHER_KEY, previous_response_id="resp_1")
    by_item = asked(stage, OTHER_KEY, input=[{"type": "item_reference", "id": "msg_1"}])

    assert [row.error["code"] for row in (by_id, by_item)] == ["previous_response_not_found"] * 2
    assert [row.error["param"] for row in (by_id, by_item)] == ["previous_response_id", "input"]
    for method in (b"GET", b"DELETE"):
        assert read(stage, b"/v1/responses/resp_1", OTHER_KEY, method=method)[0] == 404
    assert read(stage, b"/v1/responses/resp_1/input_items", OTHER_KEY)[0] == 404
    assert stage.pool.waiting == []


# endpoints that keep responses themselves


def test_an_endpoint_that_keeps_responses_gets_the_reference_untouched():
    stage = staged(endpoint("cloud", keeps_responses=True), responses=0)

    asked(stage, previous_response_id="resp_9")

    assert stage.connect().sent.endswith(
        b'{"model": "m1", "input": "Hi", "previous_response_id": "resp_9"}'
    )


def test_what_it_keeps_is_not_kept_here_too():
    stage = with_one(staged(endpoint("cloud", keeps_responses=True)))

    assert len(stage.listener.responses) == 0


def test_of_several_only_those_that_keep_responses_are_asked_for_what_is_not_here():
    rows = (endpoint("here"), endpoint("cloud", keeps_responses=True))
    stage = staged(*rows)

    asked(stage, previous_response_id="resp_9")

    assert [row.endpoint.name for row in stage.pool.begun] == ["cloud"]


def test_what_the_store_has_it_wins():
    stage = with_one(staged(endpoint("here"), endpoint("cloud", keeps_responses=True)))

    asked(stage, previous_response_id="resp_1", input="And?")

    assert len(inputs(stage.answer(ok(response("resp_2"))))) == 3


def test_a_client_that_has_chosen_an_endpoint_without_memory_is_refused():
    stage = staged(endpoint("here"), endpoint("cloud", keeps_responses=True))

    client = asked(stage, KEY, b"x-multillama-only: here\r\n", previous_response_id="resp_9")

    assert (client.statuses, client.error["code"]) == ([400], "previous_response_not_found")


# without a store


def test_without_a_store_the_client_is_told_which_setting_helps():
    stage = staged(responses=0)

    client = asked(stage, previous_response_id="resp_9")

    assert (client.statuses, client.error["param"]) == ([400], "previous_response_id")
    assert client.error["code"] == "previous_response_not_found"
    assert "--responses-store" in client.error["message"]
    assert stage.pool.waiting == []
    assert stage.records[0].outcome == "refused"


def test_without_a_store_a_request_without_a_reference_is_as_ever():
    stage = staged(responses=0)
    client = asked(stage, input="what is previous_response_id?")

    stage.answer(ok(response()))

    assert client.answers() == [(200, response())]


@pytest.mark.parametrize("method", [b"GET", b"DELETE"])
def test_without_a_store_a_read_is_told_which_setting_helps(method):
    status, body = read(staged(responses=0), b"/v1/responses/resp_1", method=method)

    assert (status, body["error"]["code"]) == (404, "response_not_found")
    assert "--responses-store" in body["error"]["message"]


# endpoints of another dialect


def test_what_the_gateway_stores_is_no_loss_of_a_translation():
    way = Way(toy("openai.responses"), toy("toy.b", "other"), "messages")
    stage = staged(endpoint("here", ways={"responses": way}, rejects_losses=True))
    client = stage.client()

    client.send(post({"model": "m1", "messages": [], "store": True}, target=b"/v1/responses"))

    assert "store" not in body_of(stage.connect())
    assert client.received == b""
