import json

import pytest

from multillama.dataplane import sharing
from tests.core.samples import endpoint, offering, target
from tests.dataplane.stage import Stage, ok, post

ASKED = {"model": "m1", "input": "a text"}
ANSWER = b'{"data":[1],"usage":{"prompt_tokens":9,"total_tokens":9}}'


@pytest.fixture
def stage():
    return sharing_stage()


def sharing_stage(*targets, **policy):
    """A data plane whose only route shares; by default with one endpoint."""
    stage = Stage(endpoint("here"))
    stage.listener.snapshot = offering(*(targets or (target("here"),)), share=True, **policy)
    return stage


def embed(body=ASKED, *lines, target=b"/v1/embeddings"):
    data = json.dumps(body).encode()
    return post(data, b"Content-Length: %d\r\n" % len(data), *lines, target=target)


def clients(stage, *requests):
    """One client for each request, which it has sent."""
    found = []
    for request in requests:
        client = stage.client()
        client.send(request)
        found.append(client)
    return found


def in_flight(stage):
    return [row.state.in_flight for row in stage.listener.snapshot.endpoints]


# who shares


def test_equal_requests_in_flight_share_one_call(stage):
    first, second, third = clients(stage, *[embed()] * 3)

    stage.answer(ok(ANSWER))

    assert len(stage.pool.begun) == 1
    assert [client.answers() for client in (first, second, third)] == [[(200, ANSWER)]] * 3
    assert stage.listener.calls == {}
    assert in_flight(stage) == [0]


@pytest.mark.parametrize(
    "other",
    [
        embed({"model": "m1", "input": "another text"}),
        embed(ASKED, b"OpenAI-Organization: other\r\n"),
        embed(ASKED, b"x-multillama-session: other\r\n"),
        embed(ASKED, b"x-api-key: other\r\n"),
        embed(ASKED, target=b"/v1/embeddings?api-version=2"),
        embed(ASKED, target=b"/v1/chat/completions"),
        embed(ASKED | {"stream": True}),
    ],
)
def test_what_differs_in_what_counts_is_asked_for_by_itself(stage, other):
    clients(stage, embed(), other)

    assert len(stage.pool.begun) == 2


@pytest.mark.parametrize(
    "line", [b"User-Agent: other\r\n", b"X-Stainless-Retry-Count: 1\r\n", b"traceparent: 00\r\n"]
)
def test_what_only_names_the_program_that_asks_does_not_part_them(stage, line):
    clients(stage, embed(), embed(ASKED, line))

    assert len(stage.pool.begun) == 1


@pytest.mark.parametrize("body", [ASKED | {"stream": True}, ASKED | {"input": "x" * 2**20}])
def test_streams_and_large_requests_share_nothing(stage, body):
    clients(stage, embed(body), embed(body))

    assert len(stage.pool.begun) == 2


def test_where_the_route_does_not_say_so_nothing_is_shared():
    stage = Stage()

    clients(stage, embed(), embed())

    assert len(stage.pool.begun) == 2


def test_a_new_snapshot_shares_nothing_with_the_old_one(stage):
    clients(stage, embed())
    stage.listener.snapshot = offering(target("here"), share=True)
    clients(stage, embed())

    assert len(stage.pool.begun) == 2


def test_who_comes_after_the_answer_asks_again(stage):
    clients(stage, embed())
    stage.answer(ok(ANSWER))
    clients(stage, embed())
    stage.answer(ok(b"{}"))

    assert [record.attempts for record in stage.records] == [1, 1]


def test_who_comes_in_the_middle_of_the_answer_gets_all_of_it(stage):
    clients(stage, embed())
    stage.answer(ok(ANSWER)[:-5])
    (late,) = clients(stage, embed())
    stage.answer(ANSWER[-5:])

    assert late.answers() == [(200, ANSWER)]
    assert 0 <= stage.records[1].first_byte_ms <= stage.records[1].total_ms


# what each gets


def test_each_has_a_head_of_its_own(stage):
    first, second = clients(stage, embed(), embed())

    stage.answer(ok(ANSWER))

    ids = [record.id for record in stage.records]
    assert len(set(ids)) == 2
    for client, own in zip((first, second), ids, strict=True):
        assert client.received.count(b"x-request-id: %b\r\n" % own.encode()) == 1
        assert client.received.count(b"x-multillama-endpoint: here\r\n") == 1
    assert b"x-multillama-shared" not in first.received
    assert second.received.count(b"x-multillama-shared: 1\r\n") == 1


def test_an_answer_without_a_length_is_given_with_one(stage):
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    first, second = clients(stage, embed(), embed())

    stage.answer(chunks)

    assert first.answers() == second.answers() == [(200, b"{}")]
    assert b"content-length: 2\r\n" in second.received


def test_attempts_and_tokens_are_counted_once(stage):
    clients(stage, embed(), embed(), embed())

    stage.answer(ok(ANSWER))

    facts = [(row.endpoint, row.outcome, row.attempts, row.input_tokens) for row in stage.records]
    assert facts == [("here", "ok", 1, 9), ("here", "ok", 0, None), ("here", "ok", 0, None)]
    state = stage.listener.snapshot.endpoints[0].state
    assert (state.requests, state.tokens) == (1, 9)


def test_the_decision_tells_that_an_answer_was_shared(stage):
    told = []
    stage.listener.on_story = lambda record, story: told.append(story.tell(record))
    clients(stage, embed(), embed())

    stage.answer(ok(ANSWER))

    assert [[row.role for row in decision.attempts] for decision in told] == [["shared"]]


# who leaves


def test_one_that_leaves_harms_nobody(stage):
    first, second = clients(stage, embed(), embed())

    second.transport.lose()
    stage.answer(ok(ANSWER))

    assert first.answers() == [(200, ANSWER)]
    assert [(row.outcome, row.attempts) for row in stage.records] == [("cancelled", 0), ("ok", 1)]


def test_the_first_that_leaves_leaves_its_call_to_the_next(stage):
    first, second = clients(stage, embed(), embed())

    first.transport.lose()
    stage.answer(ok(ANSWER))

    assert second.answers() == [(200, ANSWER)]
    assert b"x-multillama-shared" not in second.received
    assert [(row.outcome, row.attempts) for row in stage.records] == [("cancelled", 0), ("ok", 1)]


def test_the_last_that_leaves_ends_the_call(stage):
    first, second = clients(stage, embed(), embed())
    upstream = stage.connect()

    first.transport.lose()
    is_on = upstream.ended is None
    second.transport.lose()

    assert (is_on, upstream.ended) == (True, "abort")
    assert [(row.outcome, row.attempts) for row in stage.records] == [
        ("cancelled", 0),
        ("cancelled", 1),
    ]
    assert (stage.listener.calls, in_flight(stage)) == ({}, [0])


# what fails


def test_a_failure_is_everybodys_and_tried_again_by_the_call_alone(stage):
    first, second = clients(stage, embed(), embed())

    while stage.pool.waiting:
        stage.pool.waiting[0].fail()
        stage.loop.advance(10)

    assert first.statuses == second.statuses == [502]
    assert first.error == second.error
    assert [row.attempts > 1 for row in stage.records] == [True, False]
    assert all(b"x-should-retry: false\r\n" in client.received for client in (first, second))
    assert stage.listener.calls == {}


def test_a_refusal_of_the_endpoint_is_everybodys(stage):
    first, second = clients(stage, embed(), embed())

    stage.answer(ok(b'{"error":{}}', b"400 Bad Request"))

    assert first.answers() == second.answers() == [(400, b'{"error":{}}')]


def test_an_answer_that_breaks_off_is_a_failure_with_a_status(stage):
    first, second = clients(stage, embed(), embed())

    stage.answer(ok(ANSWER)[:-5]).lose()

    assert first.statuses == second.statuses == [502]
    assert [row.error for row in stage.records] == ["endpoint_truncated"] * 2


def test_a_bug_leaves_nobody_waiting(stage, monkeypatch):
    def stumble(*_):
        raise ZeroDivisionError

    first, second = clients(stage, embed(), embed())
    monkeypatch.setattr("multillama.dataplane.exchange.Exchange.note", stumble)

    stage.answer(ok(ANSWER))

    assert first.statuses == second.statuses == [500]
    assert [type(crash) for crash in stage.crashes] == [ZeroDivisionError]


# what is too long


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(sharing, "MAX_ANSWER_BYTES", 20)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"%x\r\n%b\r\n" % (len(ANSWER), ANSWER)


@pytest.mark.parametrize(
    ("begun", "rest"), [(ok(ANSWER)[:-5], ANSWER[-5:]), (CHUNKED + LONG, b"0\r\n\r\n")]
)
def test_one_too_long_to_be_kept_goes_to_the_first_and_the_others_ask(stage, short, begun, rest):
    first, second = clients(stage, embed(), embed())

    upstream = stage.answer(begun)
    asked = len(stage.pool.begun)
    upstream.protocol.data_received(rest)
    stage.answer(ok(ANSWER))

    assert asked == 2
    assert first.answers() == second.answers() == [(200, ANSWER)]
    assert [(row.attempts, row.input_tokens) for row in stage.records] == [(1, 9), (1, 9)]


def test_the_pace_of_a_client_counts_where_it_alone_gets_the_answer(stage, short):
    (client,) = clients(stage, embed())
    client.transport.is_stuck = True
    upstream = stage.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n")

    upstream.protocol.data_received(b"x" * 200_000)
    was_paused = upstream.is_reading_paused
    client.transport.drain()

    assert (was_paused, upstream.is_reading_paused) == (True, False)


def test_one_that_leaves_in_the_middle_of_a_long_answer_ends_it(stage, short):
    (client,) = clients(stage, embed())
    upstream = stage.answer(ok(ANSWER)[:-5])

    client.transport.lose()

    assert upstream.ended == "abort"
    assert [(row.outcome, row.attempts) for row in stage.records] == [("cancelled", 1)]
    assert in_flight(stage) == [0]


def test_a_long_answer_that_breaks_off_is_told_as_far_as_it_can_be(stage, short):
    (client,) = clients(stage, embed())

    stage.answer(ok(ANSWER)[:-5]).lose()

    assert client.transport.is_finished
    assert client.answers() == []
    assert [row.outcome for row in stage.records] == ["truncated"]
