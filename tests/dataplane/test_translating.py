"""Exchanges whose endpoint speaks another dialect: what goes out, what comes back, and what goes wrong."""

import gzip
import json

import msgspec
import pytest

from multillama.core.operations import BY_NAME
from multillama.core.translate import CountWay, EmbedWay, EstimateWay, ShowWay, Way
from multillama.dataplane.translating import MAX_DROPPED, MAX_FAULT_BYTES
from multillama.dialects.catalog import CODECS, UNFRAMED
from tests.core.samples import endpoint
from tests.core.toy_dialect import told, toy, toy_count, toy_embed
from tests.dataplane.stage import STREAM, Stage, ok, post

CHAT = Way(toy("openai.chat"), toy("toy.b", "other"), "messages")
WAYS = {
    "chat": CHAT,
    "embeddings": EmbedWay(toy_embed(), toy_embed("toy.e"), "ollama_embed"),
    "count_tokens": CountWay(toy_count(), toy_count("toy.c"), "input_tokens"),
    "input_tokens": EstimateWay(toy_count()),
    "ollama_show": ShowWay(),
}
HELLO = {"model": "m1", "messages": [["user", [{"kind": "text", "text": "hi"}]]]}
ANSWER = ok(b'{"parts":[{"kind":"text","text":"ho"}],"in":3}')


def staged(**facts):
    return Stage(endpoint("here", ways=WAYS, **facts), rows={"ollama": {"m1": b'{"show":1}'}})


def headers_of(client):
    return client.received.partition(b"\r\n\r\n")[0].decode("latin-1").lower().split("\r\n")


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_the_endpoint_reads_its_own_dialect_at_its_own_path():
    stage = staged()
    stage.client().send(
        post(
            json.dumps(HELLO).encode(), b"anthropic-beta: x\r\nX-Mine: 1\r\nContent-Length: 73\r\n"
        )
    )

    head, _, body = stage.connect().sent.partition(b"\r\n\r\n")

    assert head.startswith(b"POST /v1/messages HTTP/1.1\r\nhost: here\r\n")
    assert b"content-type: application/json" in head
    assert b"X-Mine: 1" in head
    assert b"anthropic-beta" not in head
    assert json.loads(body)["parts"] == [["text", "hi"]]


def test_the_client_reads_its_own_dialect_with_the_way_it_took():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(ANSWER)

    assert client.statuses == [200]
    assert json.loads(client.answers()[0][1]) == {"model": "m1", "parts": [["text", "ho"]]}
    assert "x-multillama-path: openai.chat->toy.b" in headers_of(client)
    assert "content-type: application/json" in headers_of(client)
    assert (stage.records[0].outcome, stage.records[0].input_tokens) == ("ok", 3)


def test_what_was_lost_is_named():
    stage = staged()
    client = stage.client()
    client.send(post({**HELLO, "top_k": 3, "extras": {"é\n": 1}}))

    stage.answer(ANSWER)

    assert "x-multillama-dropped: top_k, \\xe9" in headers_of(client)


def test_very_much_that_was_lost_is_named_in_part():
    stage = staged()
    client = stage.client()
    client.send(post({**HELLO, "extras": {f"member-{number}": 1 for number in range(1000)}}))

    stage.answer(ANSWER)

    line = next(line for line in headers_of(client) if line.startswith("x-multillama-dropped"))
    assert line.endswith(" ...")
    assert len(line) < MAX_DROPPED + 50


def test_an_endpoint_that_must_be_told_all_is_not_asked():
    stage = staged(rejects_losses=True)
    client = stage.client()

    client.send(post({**HELLO, "top_k": 3}))

    assert (client.statuses, client.error["code"], client.error["param"]) == (
        [400],
        "not_translatable",
        "top_k",
    )
    assert stage.pool.waiting == []


def test_one_that_need_not_be_told_in_another_dialect_is_asked_instead():
    whole = endpoint("whole")
    stage = Stage(endpoint("here", ways=WAYS, rejects_losses=True), whole)
    client = stage.client()
    client.send(post({**HELLO, "top_k": 3}))

    sent = stage.answer(ANSWER).sent

    assert sent.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nhost: whole\r\n")
    assert client.statuses == [200]
    assert stage.records[0].tried == ("here: not_translatable",)
    state = stage.endpoints[0].state
    assert (state.failures, state.is_up, state.blocked("m1", 0.0)) == (0, None, None)


def test_nobody_who_may_be_told_all_is_asked_once_more():
    stage = Stage(*(endpoint(name, ways=WAYS, rejects_losses=True) for name in ("a", "b")))
    client = stage.client()

    client.send(post({**HELLO, "top_k": 3}))

    assert (client.statuses, client.error["code"]) == ([400], "not_translatable")
    assert stage.records[0].attempts == 2


def test_a_request_that_is_not_its_dialect_is_the_clients_fault():
    stage = staged()
    client = stage.client()

    client.send(post({"model": "m1", "bad": 1}))

    assert (client.statuses, client.error["code"]) == ([400], "bad_request")


# streams


def test_a_stream_is_translated_as_it_comes():
    stage = staged()
    client = stage.client()
    client.send(post({**HELLO, "stream": True}))

    transport = stage.answer(STREAM + chunk(b"start\nopen text 0\nsay 0 h"))
    first = client.received
    transport.protocol.data_received(chunk(b"o\nclose 0\nfinish\nend\n") + b"0\r\n\r\n")

    assert first.endswith(b"data: Start\n\ndata: Open Text\n\n\r\n")
    assert told(client.answers()[0][1]) == "Start | Open Text | Delta ho | Close | Finish | End"
    assert "content-type: text/event-stream" in headers_of(client)
    assert stage.records[0].outcome == "ok"


def test_a_client_that_leaves_at_the_last_event_has_all_of_it():
    stage = staged()
    client = stage.client()
    client.send(post({**HELLO, "stream": True}))

    transport = stage.answer(STREAM + chunk(b"start\nopen text 0\nsay 0 ho\nclose 0\n"))
    transport.protocol.data_received(chunk(b"finish\nusage 3\nend\n"))
    client.transport.lose()

    assert (stage.records[0].outcome, stage.records[0].output_tokens) == ("ok", 3)


def test_a_stream_that_ends_too_early_ends_in_an_error_of_the_clients_dialect():
    stage = staged()
    client = stage.client()
    client.send(post({**HELLO, "stream": True}))

    stage.answer(STREAM + chunk(b"start\n") + b"0\r\n\r\n")

    body = client.answers()[0][1]
    assert body.startswith(b"data: Start\n\n\n\ndata: ")
    assert b'"code":"endpoint_truncated"' in body
    assert stage.records[0].error == "endpoint_truncated"


def test_events_that_cannot_be_read_end_the_stream_in_an_error():
    stage = staged()
    client = stage.client()
    client.send(post({**HELLO, "stream": True}))

    transport = stage.answer(STREAM + chunk(b"start\n"))
    transport.protocol.data_received(chunk(b"nonsense\n"))

    assert b'"code":"endpoint_malformed"' in client.answers()[0][1]


def test_a_stream_is_joined_for_a_client_that_wants_none():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(
        STREAM + chunk(b"start\nopen text 0\nsay 0 ho\nclose 0\nfinish\nend\n") + b"0\r\n\r\n"
    )

    assert json.loads(client.answers()[0][1])["parts"] == [["text", "ho"]]
    assert any(line.startswith("content-length:") for line in headers_of(client))


def test_an_error_in_a_stream_that_is_joined_keeps_its_status_and_words():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    upstream = stage.answer(STREAM + chunk(b"start\nbroken 504\n"))

    assert client.answers() == [(504, b'{"fault": "it broke", "status": 504}')]
    assert "retry-after: 3" in headers_of(client)
    assert "content-type: application/json" in headers_of(client)
    assert upstream.is_closing()
    assert stage.records[0].status == 504
    assert stage.endpoints[0].state.in_flight == 0


def test_after_an_error_in_a_stream_that_is_joined_another_endpoint_is_asked():
    stage = Stage(endpoint("here", ways=WAYS), endpoint("there", ways=WAYS))
    client = stage.client()
    client.send(post(HELLO))
    stage.answer(STREAM + chunk(b"start\nbroken 529\n"))

    stage.answer(ANSWER)

    assert client.statuses == [200]
    assert stage.records[0].tried == ("here: overloaded",)


OPENROUTERS = (
    b'{"error":{"message":"Not so","code":400,"metadata":{"provider_name":"x"}},"user_id":"u"}'
)
CLAUDES = b'{"type":"error","error":{"type":"invalid_request_error","message":"Not so"}}'
GOOGLES = b'{"error":{"code":400,"message":"Not so","status":"INVALID_ARGUMENT"}}'
OLLAMAS = b'{"error":"Not so","status_code":400}'
RESPONSES = b'{"status":"failed","error":{"code":"invalid_prompt","message":"Not so"}}'


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("openai.chat", OPENROUTERS), ("openai.chat", OPENROUTERS[:-1] + b',"choices":[]}'),
        ("openai.completions", OPENROUTERS), ("openai.responses", OPENROUTERS), ("openai.responses", RESPONSES),
        ("anthropic.messages", CLAUDES), ("gemini", GOOGLES), ("gemini", b"[" + GOOGLES + b"]"),
        ("ollama.chat", OLLAMAS), ("ollama.generate", OLLAMAS),
    ],
)  # fmt: skip
def test_an_error_with_the_status_of_an_answer_is_an_error_in_the_clients_words(
    target, body, stream
):
    source = "openai.chat" if target == "anthropic.messages" else "anthropic.messages"
    way = Way(CODECS[source], CODECS[target], "chat")
    stage = Stage(endpoint("here", ways={"chat": way}))
    client = stage.client()
    asked = {"role": "user", "content": "hi"}
    client.send(post({"model": "m1", "messages": [asked], "max_tokens": 5, "stream": stream}))

    stage.answer(ok(body))

    [(status, said)] = client.answers()
    error = json.loads(said)["error"]
    assert (status, error["type"], error["message"]) == (400, "invalid_request_error", "Not so")
    assert "content-type: application/json" in headers_of(client)
    assert stage.records[0].status == 400


def test_after_an_error_with_the_status_of_an_answer_another_endpoint_is_asked():
    ways = {"chat": Way(toy("openai.chat"), CODECS["openai.chat"], "chat")}
    stage = Stage(endpoint("here", ways=ways), endpoint("there", ways=WAYS))
    client = stage.client()
    client.send(post(HELLO))
    stage.answer(ok(OPENROUTERS.replace(b"400", b"529")))

    stage.answer(ANSWER)

    assert client.statuses == [200]
    assert stage.records[0].tried == ("here: overloaded",)


def test_what_is_the_requests_own_fault_is_not_asked_elsewhere():
    stage = Stage(endpoint("here", ways=WAYS), endpoint("there", ways=WAYS))
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(STREAM + chunk(b"start\nbroken 400\n"))

    assert client.statuses == [400]
    assert stage.pool.waiting == []


def test_lines_of_json_are_a_stream_too():
    stage = staged()
    client = stage.client()
    client.send(post({**HELLO, "stream": True}))

    stage.answer(
        STREAM.replace(b"text/event-stream", b"application/x-ndjson")
        + chunk(b"end\n")
        + b"0\r\n\r\n"
    )

    assert told(client.answers()[0][1]) == "End"


# failures


def test_an_error_is_told_in_the_clients_words_and_judged_by_the_endpoints():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(ok(b"no such thing", b"400 Bad Request"))

    assert client.statuses == [400]
    assert json.loads(client.answers()[0][1]) == {"fault": "no such thing", "status": 400}


def test_when_to_try_again_stands_in_a_header_though_the_endpoint_told_it_in_the_body():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(ok(b"later", b"400 Bad Request"))

    assert "retry-after: 7" in headers_of(client)


def test_a_header_that_the_endpoint_sent_has_the_last_word():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(ok(b"later", b"400 Bad Request\r\nRetry-After: 3"))

    assert [line for line in headers_of(client) if line.startswith("retry-after")] == [
        "retry-after: 3"
    ]


CODED = b"\r\nContent-Encoding: gzip"


def test_what_is_compressed_though_nobody_asked_is_refused_by_that_name():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(ok(gzip.compress(b'{"parts":[]}'), b"200 OK" + CODED))

    assert (client.statuses, client.error["code"]) == ([502], "endpoint_malformed")
    assert client.error["message"] == (
        "The endpoint here compressed an answer that was asked for uncompressed."
    )


def test_of_a_compressed_error_nothing_but_its_status_is_told():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(ok(gzip.compress(b"no such thing"), b"400 Bad Request" + CODED))

    assert client.statuses == [400]
    assert json.loads(client.answers()[0][1]) == {"fault": "", "status": 400}


def test_an_error_of_any_length_is_read_in_part():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(ok(b"x" * (MAX_FAULT_BYTES + 9), b"400 Bad Request"))

    assert len(json.loads(client.answers()[0][1])["fault"]) == MAX_FAULT_BYTES


def test_an_answer_without_a_body_is_told_as_an_error_is():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(b"HTTP/1.1 204 No Content\r\n\r\n")

    assert client.statuses == [204]
    assert client.received.endswith(b"\r\n\r\n")


def test_an_error_that_breaks_off_has_said_enough():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    transport = stage.answer(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\nno, because")
    transport.protocol.connection_lost(None)

    assert client.statuses == [400]


def test_another_endpoint_is_asked_in_its_own_dialect():
    stage = Stage(endpoint("one", ways=WAYS), endpoint("two"))
    client = stage.client()
    client.send(post(HELLO))

    stage.answer(ok(b'{"parts":', b"200 OK"))
    assert stage.pool.waiting
    second = stage.answer(ok(b'{"mine":1}'))

    assert second.sent.startswith(b"POST /v1/chat/completions ")
    assert client.answers()[-1] == (200, b'{"mine":1}')
    assert "x-multillama-attempts: 2" in headers_of(client)


def test_a_lost_connection_is_a_lost_answer():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO))

    transport = stage.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
    transport.protocol.connection_lost(None)

    assert client.statuses == [502]


# embeddings, counts, models


def test_embeddings_are_translated():
    stage = staged()
    client = stage.client()
    client.send(post({"model": "m1", "inputs": ["a"]}, target=b"/v1/embeddings"))

    transport = stage.answer(ok(b'{"vectors":[[1.0]],"in":2}'))

    assert b'"inputs": ["a"]' in transport.sent
    assert json.loads(client.answers()[0][1]) == {"model": "m1", "vectors": [[1.0]]}


def test_a_count_is_translated():
    stage = staged()
    client = stage.client()
    client.send(post(HELLO, target=b"/v1/messages/count_tokens"))

    stage.answer(ok(b'{"n":7}'))

    assert json.loads(client.answers()[0][1]) == {"tokens": 7}


def test_a_count_that_nobody_makes_is_estimated():
    stage = staged()
    client = stage.client()

    client.send(post(HELLO, target=b"/v1/responses/input_tokens"))

    assert json.loads(client.answers()[0][1]) == {"tokens": 5}
    assert "x-multillama-path: estimate" in headers_of(client)
    assert stage.pool.waiting == []
    assert stage.records[0].outcome == "ok"


def test_what_asks_nothing_of_a_model_is_answered_here():
    source = msgspec.structs.replace(
        toy("openai.chat"), answer_here=lambda request, at: b'{"done":true}'
    )
    stage = Stage(endpoint("here", ways={"chat": Way(source, toy("toy.b"), "messages")}))
    client = stage.client()

    client.send(post(HELLO))

    assert client.answers() == [(200, b'{"done":true}')]
    assert "x-multillama-path: gateway" in headers_of(client)
    assert stage.pool.waiting == []


@pytest.mark.parametrize("member", ["model", "name"])
def test_a_model_is_shown_from_what_is_known(member):
    stage = staged()
    client = stage.client()

    client.send(post({member: "m1"}, target=b"/api/show"))

    assert client.answers() == [(200, b'{"show":1}')]


# Gemini, whose paths name the model


def test_a_stream_of_gemini_is_asked_for_by_its_own_path_and_as_events():
    way = Way(toy("openai.chat"), toy("gemini"), "generate_content", "stream_generate_content")
    paths = {name: f"/v1beta{row.path}".encode() for name, row in BY_NAME.items()}
    stage = Stage(endpoint("here", ways={"chat": way}, paths=paths, query=b"a=1"))

    stage.client().send(post({**HELLO, "stream": True}))

    sent = stage.connect().sent
    assert sent.startswith(b"POST /v1beta/models/m1:streamGenerateContent?a=1&alt=sse HTTP/1.1\r\n")


@pytest.mark.parametrize(("query", "dialect"), [(b"?alt=sse", "framed"), (b"", "unframed")])
def test_a_client_of_gemini_gets_events_only_if_it_asks_for_them(query, dialect):
    way = Way(toy("framed"), toy("toy.b"), "chat", unframed=toy("unframed"))
    stage = Stage(endpoint("here", ways={"stream_generate_content": way}))
    client = stage.client()
    body = json.dumps({"messages": HELLO["messages"]}).encode()

    client.send(post(body, target=b"/v1beta/models/m1:streamGenerateContent" + query))
    stage.answer(STREAM + chunk(b"end\n") + b"0\r\n\r\n")

    assert f"x-multillama-path: {dialect}->toy.b" in headers_of(client)
    assert told(client.answers()[0][1]) == "End"


GEMINI_CALL = b"/v1beta/models/m1:streamGenerateContent"


@pytest.mark.parametrize("target", [GEMINI_CALL, b"/models/m1:streamGenerateContent"])
def test_a_stream_of_gemini_that_is_an_array_is_ended_by_an_error(target):
    stage = Stage(endpoint("here", speaks=("gemini",)))
    client = stage.client()
    client.send(post({"contents": []}, target=target))
    upstream = stage.answer(STREAM.replace(b"text/event-stream", b"application/json"))
    upstream.protocol.data_received(chunk(b'[{"candidates": []}\n,\r\n{"cand'))

    upstream.protocol.connection_lost(None)

    [(status, body)] = client.answers()
    first, last = json.loads(body)
    assert (status, first) == (200, {"candidates": []})
    assert (last["error"]["code"], last["error"]["status"]) == (502, "UNAVAILABLE")
    assert "The endpoint here" in last["error"]["message"]
    assert stage.records[0].outcome == "truncated"


def test_a_translated_stream_that_is_an_array_is_ended_by_an_error_too():
    way = Way(CODECS["gemini"], toy("toy.b", "other"), "messages", unframed=UNFRAMED["gemini"])
    stage = Stage(endpoint("here", ways={"stream_generate_content": way}))
    client = stage.client()
    client.send(post({"contents": []}, target=GEMINI_CALL))
    upstream = stage.answer(STREAM + chunk(b"start\nopen text 0\nsay 0 ho\n"))

    upstream.protocol.connection_lost(None)

    *_, last = json.loads(client.answers()[0][1])
    assert last["error"]["status"] == "UNAVAILABLE"


def test_an_array_that_comes_whole_keeps_every_byte():
    stage = Stage(endpoint("here", speaks=("gemini",)))
    client = stage.client()
    client.send(post({"contents": []}, target=GEMINI_CALL))
    upstream = stage.answer(STREAM.replace(b"text/event-stream", b"application/json"))

    for piece in (b'[{"a', b'": 1}\n', b",\r\n", b'{"b": "]"}\n]', b"\n"):
        upstream.protocol.data_received(chunk(piece))
    upstream.protocol.data_received(b"0\r\n\r\n")

    assert client.answers() == [(200, b'[{"a": 1}\n,\r\n{"b": "]"}\n]\n')]
