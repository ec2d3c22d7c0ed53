import itertools

import msgspec
import pytest

from multillama.core.snapshot import Route, Target
from tests.dataplane.stage import BEGUN, STREAM, Stage, get, ok, post

USAGE = b'{"usage":{"prompt_tokens":9,"completion_tokens":12}}'


# the record


def test_a_record_holds_the_facts_of_its_exchange():
    stage = Stage()
    client = stage.client()

    client.send(post({"model": "m1", "stream": True}, target=b"/v1/chat/completions?a=secret"))
    stage.answer(ok(USAGE))

    record = stage.records[0]
    assert (record.id, record.operation, record.method) == ("r1", "chat", "POST")
    assert (record.path, record.model, record.endpoint) == ("/v1/chat/completions", "m1", "here")
    assert (record.status, record.outcome, record.error) == (200, "ok", None)
    assert (record.stream, record.attempts, record.tried) == (True, 1, ())
    assert (record.request_bytes, record.response_bytes) == (31, len(USAGE))
    assert (record.input_tokens, record.output_tokens) == (9, 12)
    assert 0 <= record.first_byte_ms <= record.total_ms
    assert stage.endpoints[0].state.tokens == 21
    assert b"x-request-id: r1\r\n" in client.received


def test_times_are_told_in_whole_microseconds():
    stage = Stage()
    thirds = itertools.count()
    stage.listener.now = lambda: 1000 + next(thirds) / 3
    client = stage.client()

    client.send(post())
    stage.answer(ok(USAGE))
    client.send(get(b"/v1/models"))

    told = [stage.records[0].first_byte_ms, *(record.total_ms for record in stage.records)]
    assert all(told)
    assert max(len(str(ms).partition(".")[2]) for ms in told) == 3


def test_an_event_stream_is_a_stream_also_where_nobody_asked_for_one():
    stage = Stage()
    stage.client().send(post())

    stage.answer(BEGUN + b"0\r\n\r\n")

    assert stage.records[0].stream


def test_the_bytes_of_our_own_answer_are_counted():
    stage = Stage()
    client = stage.client()

    client.send(post(b"{}"))

    assert stage.records[0].response_bytes == len(client.answers()[0][1])


def test_live_state_follows_the_exchange():
    stage = Stage()
    state = stage.endpoints[0].state
    stage.client().send(post())
    asked = (state.requests, state.in_flight, state.first_byte_ms)

    stage.answer()

    assert asked == (1, 1, None)
    assert (state.in_flight, state.is_up) == (0, True)
    assert state.first_byte_ms is not None


# a client that leaves


@pytest.mark.parametrize(
    ("step", "status"), [("body", 499), ("connect", 499), ("wait", 499), ("answer", 200)]
)
def test_a_client_that_leaves_ends_it_wherever_it_stands(pair, step, status):
    client = pair.client()
    client.send(
        post(
            b"{" if step == "body" else None,
            *([b"Content-Length: 9\r\n"] if step == "body" else []),
        )
    )
    if step in ("wait", "answer"):
        upstream = pair.connect()
    if step == "answer":
        upstream.protocol.data_received(BEGUN)

    client.transport.lose()

    (record,) = pair.records
    assert (record.outcome, record.status, record.error) == ("cancelled", status, "client_gone")
    assert pair.pool.waiting == []
    assert [transport.ended for transport in pair.pool.transports] in ([], ["abort"])
    assert [here.state.in_flight for here in pair.endpoints] == [0, 0]
    assert [here.state.failures for here in pair.endpoints] == [0, 0]


def test_a_client_that_left_wakes_nobody_later():
    stage = Stage()
    client = stage.client()
    client.send(post())
    exchange = client.protocol._exchange
    client.transport.lose()

    exchange.wake()
    exchange.cancel()

    assert len(stage.records) == 1


def test_a_name_as_long_as_a_body_is_cut_in_the_record(stage, client):
    client.send(post({"model": "m" * 100_000}))

    (record,) = stage.records
    assert record.model == "m" * 200


def test_in_flight_never_falls_below_zero(stage, client):
    here = stage.endpoints[0]
    renamed = {"m1": Route((Target(here, b'"other"'),))}
    stage.listener.snapshot = msgspec.structs.replace(stage.listener.snapshot, routes=renamed)

    client.send(post(b'{"model":"m1","x":nul,"y":"%b"}' % (b"y" * 20_000)))

    assert client.statuses == [400]
    assert here.state.in_flight == 0


@pytest.mark.parametrize(
    ("event", "outcome"), [(b"data: [DONE]\n\n", "ok"), (b"data: {}\n\n", "cancelled")]
)
def test_a_client_that_leaves_at_the_last_event_has_all(stage, client, event, outcome):
    client.send(post())
    stage.answer(STREAM + b"%x\r\n%b\r\n" % (len(event), event))

    client.transport.lose()

    assert [record.outcome for record in stage.records] == [outcome]
