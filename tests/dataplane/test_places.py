import json

import msgspec
import pytest

from multillama.core.learning import LEAST_AHEAD, LearntLimit
from multillama.core.policy import QueuePolicy
from multillama.dataplane.places import give_back, has_place, limit_of
from tests.core.samples import endpoint
from tests.dataplane.routed import (
    ASK,
    ASK_STREAM,
    HELLO,
    Routed,
    begun,
    failing,
    head_of,
    local,
    rest,
    text_of,
)
from tests.dataplane.stage import OK, post

ALIVE = b": waiting for a free endpoint\n\n"


def narrow(*names, **policy):
    """Endpoints with one place each."""
    return Routed(*local(*(names or ("a",)), max_concurrency=1), **policy)


def again(old, **facts):
    """An endpoint as a reload makes it anew."""
    return msgspec.structs.replace(old, **facts)


def key(name, stream=False):
    data = ASK_STREAM if stream else ASK
    return data.replace(b"Host: a\r\n", b"Host: a\r\nAuthorization: Bearer %b\r\n" % name)


# places


@pytest.mark.parametrize(
    ("given", "learnt", "limit"), [(None, None, None), (2, None, 2), (None, 3, 3), (2, 3, 2)]
)
def test_the_limit_is_the_configured_one_else_the_endpoints_own(given, learnt, limit):
    here = endpoint(max_concurrency=given, slots=learnt)

    assert limit_of(here) == limit


@pytest.mark.parametrize(("in_flight", "is_free"), [(1, True), (2, False)])
def test_a_place_is_free_below_the_limit(in_flight, is_free):
    here = endpoint(max_concurrency=2, in_flight=in_flight)

    assert has_place(here) is is_free


def test_a_full_endpoint_is_passed_over_for_one_with_a_place():
    stage = narrow("a", "b")

    stage.ask()
    stage.ask()

    assert stage.asked == ["a", "b"]


# waiting


def test_who_waits_is_served_when_a_place_is_free_and_reads_how_long_it_took():
    stage = narrow()
    stage.ask()
    first = stage.waiting("a").come()
    client = stage.ask()
    before = stage.asked
    stage.loop.advance(1.5)

    first.protocol.data_received(OK)
    first.protocol.data_received(OK)

    assert before == ["a"]
    assert client.statuses == [200]
    assert {b"x-multillama-queue-ms: 1500", b"x-multillama-queue-position: 0"} <= set(
        head_of(client)
    )
    assert stage.stories[-1].queue_s == pytest.approx(1.5)
    assert [row.queue_ms for row in stage.records] == [None, pytest.approx(1500)]


def test_a_failure_after_a_wait_keeps_its_status_and_tells_the_wait():
    stage = narrow(queue=QueuePolicy(max_wait_s=1.0))
    stage.ask()

    client = stage.ask()
    stage.loop.advance(1.2)

    assert (client.statuses, client.error["code"]) == ([503], "queue_timeout")
    assert b"x-multillama-queue-position: 0" in head_of(client)
    assert stage.records[-1].queue_ms == pytest.approx(1000, abs=250)
    assert not stage.endpoints[0].state.queue


def test_a_full_queue_refuses():
    stage = narrow(queue=QueuePolicy(max_waiting=1))
    stage.ask()
    stage.ask()

    client = stage.ask()

    assert (client.statuses, client.error["code"]) == ([503], "queue_full")


def test_an_exchange_that_has_to_make_room_is_told():
    stage = narrow(queue=QueuePolicy(max_waiting=2))
    stage.ask(key(b"x"))
    stage.ask(key(b"x"))
    last = stage.ask(key(b"x"))

    stage.ask(key(b"y"))

    assert (last.statuses, last.error["code"]) == ([503], "queue_full")


def test_who_waits_at_two_endpoints_takes_the_first_place_and_leaves_the_other_queue():
    stage = narrow("a", "b")
    stage.ask()
    stage.ask()
    second = stage.waiting("b").come()
    client = stage.ask()

    second.protocol.data_received(OK)
    second.protocol.data_received(OK)

    assert client.statuses == [200]
    assert [len(here.state.queue) for here in stage.endpoints] == [0, 0]


def test_who_leaves_while_it_waits_is_forgotten():
    stage = narrow()
    stage.ask()

    stage.ask().transport.lose()

    assert not stage.endpoints[0].state.queue
    assert [record.outcome for record in stage.records] == ["cancelled"]


def test_who_leaves_with_a_place_in_its_hand_gives_it_to_the_next():
    stage = narrow()
    stage.ask()
    first = stage.waiting("a").come()
    leaver = stage.ask()
    client = stage.ask()
    stage.loop.is_lazy = True  # between the grant and the wake is the rest of a turn

    first.protocol.data_received(OK)
    leaver.transport.lose()
    stage.loop.turn()
    first.protocol.data_received(OK)
    stage.loop.turn()

    assert client.statuses == [200]
    assert stage.endpoints[0].state.in_flight == 0


def test_a_place_that_a_breaker_keeps_free_collects_no_queue():
    stage = narrow("a", "b")
    stage.ask()
    stage.ask()
    stage.waiting("b").fail("connect_timeout")  # goes on to a, and waits there
    stage.ask()  # so does this one, as a breaker keeps it from b
    waiting = [len(here.state.queue or ()) for here in stage.endpoints]

    stage.endpoints[1].state.breaker.on_reachable()
    stage.ask()

    assert waiting == [2, 0]
    assert stage.asked == ["a", "b", "b"]


def test_who_waits_through_a_reload_gets_its_place_and_the_new_limit_counts():
    stage = narrow()
    stage.ask()
    first = stage.waiting("a").come()
    stage.ask()
    old = stage.endpoints[0]
    stage.serve(again(old, max_concurrency=2))
    stage.ask()

    first.protocol.data_received(OK)

    assert old.state.in_flight == 2
    assert not old.state.queue


@pytest.mark.parametrize(("limit", "reached"), [(None, 3), (2, 2), (1, 1)])
def test_the_places_that_a_reload_adds_are_given_away_at_once(limit, reached):
    stage = narrow()
    for _ in range(3):
        stage.ask()

    stage.serve(again(stage.endpoints[0], max_concurrency=limit))

    assert len(stage.asked) == reached


def test_an_exchange_planned_before_a_reload_does_not_bring_the_old_limit_back():
    stage = narrow()
    stage.ask()
    first = stage.waiting("a").come()
    late = stage.ask(ASK[:-5])
    stage.serve(again(stage.endpoints[0], max_concurrency=2))
    for _ in range(2):
        stage.ask()
    late.send(ASK[-5:])

    first.protocol.data_received(OK)

    assert stage.endpoints[0].state.in_flight == 2


def test_the_places_that_an_endpoint_tells_of_are_given_away_at_once():
    stage = Routed(*local("a", slots=1))
    for _ in range(4):
        stage.ask()

    stage.endpoints[0].state.on_probe(loaded=None, slots=3, busy=1, at=0.0)

    assert stage.asked == ["a"] * 3


# a limit that nobody has told


def surmised(limit, **policy):
    """An endpoint of which this limit was learnt."""
    stage = Routed(*local("a"), **policy)
    state = stage.endpoints[0].state
    state.learnt = LearntLimit()
    state.on_look(0.0, running=limit - LEAST_AHEAD, is_short=True)
    return stage


def test_a_learnt_limit_makes_a_queue():
    stage = surmised(3)

    for _ in range(4):
        stage.ask()

    assert stage.asked == ["a"] * 3
    assert len(stage.endpoints[0].state.queue) == 1


def test_who_has_waited_in_vain_for_a_learnt_limit_is_sent_and_not_refused():
    stage = surmised(3, queue=QueuePolicy(max_wait_s=1.0))
    for _ in range(4):
        stage.ask()

    stage.loop.advance(1.2)

    assert stage.asked == ["a"] * 4
    assert not stage.endpoints[0].state.queue


def test_who_finds_the_queue_of_a_learnt_limit_full_is_sent_at_once():
    stage = surmised(3, queue=QueuePolicy(max_waiting=1))

    for _ in range(5):
        stage.ask()

    assert stage.asked == ["a"] * 4


def test_who_is_out_of_time_is_not_sent_for_all_that():
    stage = surmised(3, deadline_s=1.0)
    for _ in range(3):
        stage.ask()
    client = stage.ask()

    stage.loop.advance(1.2)

    assert (client.statuses, stage.asked) == ([504], ["a"] * 3)


def test_a_configured_limit_is_kept_whatever_was_learnt():
    stage = surmised(3, queue=QueuePolicy(max_wait_s=1.0))
    stage.serve(again(stage.endpoints[0], max_concurrency=1), queue=QueuePolicy(max_wait_s=1.0))
    stage.ask()
    client = stage.ask()

    stage.loop.advance(1.2)

    assert (client.error["code"], stage.asked) == ("queue_timeout", ["a"])


def test_those_who_wait_are_let_go_when_the_server_has_run_dry():
    stage = surmised(3)
    for _ in range(6):
        stage.ask()

    stage.endpoints[0].state.on_look(5.0, running=3, is_short=False)

    assert stage.asked == ["a"] * 6


# elsewhere


def waits_beside_a_dead_one():
    """A client that has failed to reach b and waits for a."""
    stage = Routed(*local("a", max_concurrency=1), *local("b"))
    stage.ask()
    client = stage.ask()
    stage.waiting("b").fail("connect_timeout")
    return stage, client


def test_who_waits_goes_to_one_that_has_recovered():
    stage, client = waits_beside_a_dead_one()
    stage.loop.advance(1.5)
    before = stage.asked

    stage.endpoints[1].state.breaker.on_reachable()
    stage.loop.advance(1.0)
    stage.answered_by("b", OK)

    assert before == ["a", "b"]
    assert client.statuses == [200]
    assert not stage.endpoints[0].state.queue


def test_one_that_has_not_recovered_is_left_again_for_the_queue():
    stage, client = waits_beside_a_dead_one()
    stage.endpoints[1].state.breaker.on_reachable()
    stage.loop.advance(1.1)

    stage.waiting("b").fail("connect_timeout")
    stage.answered_by("a", OK).protocol.data_received(OK)

    assert client.statuses == [200]
    assert stage.asked == ["a", "b", "b"]


def test_all_waits_of_an_exchange_together_are_bounded():
    stage = Routed(*local("a", max_concurrency=1), *local("b"), queue=QueuePolicy(max_wait_s=3.0))
    stage.ask()
    client = stage.ask()
    stage.waiting("b").fail("connect_timeout")
    stage.endpoints[1].state.breaker.on_reachable()
    stage.loop.advance(1.1)
    stage.waiting("b").fail("connect_timeout")

    stage.loop.advance(2.1)

    assert client.error["code"] == "queue_timeout"


def test_a_deadline_that_passes_in_the_queue_is_told_as_what_it_is():
    stage = narrow(deadline_s=2.0)
    stage.ask()
    client = stage.ask()

    stage.loop.advance(2.1)

    assert (client.statuses, client.error["code"]) == ([504], "deadline_exceeded")
    assert "waiting for a place at a" in client.error["message"]


def test_the_deadline_of_an_answer_that_has_begun_does_not_end_the_wait_to_go_on():
    stage = narrow("a", "b", deadline_s=2.0, resume=True)
    a, b = stage.endpoints
    client = stage.ask(ASK_STREAM)
    cut = stage.answered_by("a", begun("one"))
    a.state.in_flight = b.state.in_flight = 2  # somebody else is quicker
    stage.loop.advance(3.0)
    cut.lose(ConnectionResetError())

    stage.loop.advance(1.0)
    b.state.in_flight = 1
    give_back(b)
    stage.answered_by("b", rest(" two"))

    assert text_of(client) == "one two"


def test_of_those_who_wait_one_tries_an_endpoint_whose_rest_is_over():
    stage, _ = waits_beside_a_dead_one()
    for _ in range(2):
        stage.ask()

    stage.loop.advance(20.0)

    assert stage.asked == ["a", "b", "b"]


def test_who_waits_for_an_endpoint_that_a_reload_replaces_goes_to_the_new_one():
    stage = narrow()
    stage.ask()
    client = stage.ask()

    stage.serve(*local("a", host="127.0.0.2", max_concurrency=1))
    stage.pool.waiting[1].come().protocol.data_received(OK)

    assert client.statuses == [200]
    assert not stage.endpoints[0].state.queue


# kept alive


def waits_alive(**policy):
    """A client whose stream has begun while it waits; returns the endpoint's connection, too."""
    stage = narrow(queue=QueuePolicy(keepalive_s=1.0, max_wait_s=10.0), **policy)
    stage.ask()
    transport = stage.waiting("a").come()
    client = stage.ask(ASK_STREAM)
    stage.loop.advance(2.3)
    return stage, transport, client


def test_a_stream_that_waits_is_kept_alive_with_comments():
    _, _, client = waits_alive()

    assert client.received.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
    assert client.received.count(ALIVE) == 2


def test_the_head_that_a_wait_has_opened_says_how_long_it_was_until_then():
    _, _, client = waits_alive()

    (line,) = [line for line in head_of(client) if line.startswith(b"x-multillama-queue-ms: ")]
    assert 1000 <= int(line.rpartition(b" ")[2]) <= 1100


def test_the_head_that_a_wait_has_opened_names_no_way_that_nobody_has_taken_yet():
    _, _, client = waits_alive()

    assert b"x-multillama-endpoint: -" in head_of(client)
    assert b"x-multillama-path" not in client.received


def test_the_comments_of_a_wait_are_counted_once():
    stage, transport, _ = waits_alive()

    transport.protocol.data_received(OK)
    transport.protocol.data_received(rest("x"))

    assert stage.stories[-1].queue_s == pytest.approx(2.3)


def posted(path, body):
    return post(json.dumps(body).encode()).replace(b"/v1/chat/completions", path)


CONTENTS = {"contents": [{"parts": [{"text": "Hi"}]}]}
STREAMED = b"/v1beta/models/m1:streamGenerateContent"


@pytest.mark.parametrize(
    ("path", "body", "kind", "sign"),
    [
        (STREAMED + b"?alt=sse", CONTENTS, b"text/event-stream", b"2\r\n\r\n\r\n"),
        (b"/api/chat", HELLO, b"application/x-ndjson", b'"content":""},"done":false}\n\r\n'),
        (b"/api/generate", HELLO, b"application/x-ndjson", b'"response":"","done":false}\n\r\n'),
    ],
)
def test_a_stream_without_comments_is_kept_alive_in_its_own_dialect(path, body, kind, sign):
    stage = narrow(queue=QueuePolicy(keepalive_s=1.0, max_wait_s=10.0))
    stage.ask()
    stage.waiting("a").come()
    client = stage.ask(posted(path, body))

    stage.loop.advance(2.3)

    head, _, said = client.received.partition(b"\r\n\r\n")
    assert b"content-type: " + kind in head
    assert said.count(sign) == 2
    assert b": waiting" not in said


def test_a_stream_that_is_one_array_waits_in_silence():
    stage = narrow(queue=QueuePolicy(keepalive_s=1.0))
    stage.ask()
    client = stage.ask(posted(STREAMED, CONTENTS))

    stage.loop.advance(2.3)

    assert client.received == b""


def test_an_answer_that_is_no_stream_waits_in_silence():
    stage = narrow(queue=QueuePolicy(keepalive_s=1.0))
    stage.ask()
    client = stage.ask()

    stage.loop.advance(2.3)

    assert client.received == b""


@pytest.mark.parametrize("resume", [True, False])
def test_its_answer_follows_the_comments_with_the_request_as_it_was(resume):
    _, transport, client = waits_alive(resume=resume)

    transport.protocol.data_received(OK)
    sent = len(transport.written)
    transport.protocol.data_received(rest("x"))

    assert sent == 2
    assert b'"stream": true' in transport.written[1]
    assert text_of(client) == "x"
    assert client.statuses == [200]


@pytest.mark.parametrize("status", [b"400 Bad", b"500 No", b"404 Not"])
def test_a_failure_after_the_comments_is_told_in_an_event(status):
    stage, transport, client = waits_alive()
    transport.protocol.data_received(OK)

    transport.protocol.data_received(failing(status))

    assert (
        b'\n\ndata: {"error":{"message":"The endpoint a answered ' + status[:3] in client.received
    )
    assert client.received.endswith(b"0\r\n\r\n")
    assert stage.records[-1].outcome == "truncated"


def test_a_wait_that_is_too_long_is_told_in_an_event():
    stage, _, client = waits_alive()

    stage.loop.advance(10.0)

    assert b'"code":"queue_timeout"' in client.received
    assert client.statuses == [200]
    assert stage.records[-1].error == "queue_timeout"


def test_a_plain_answer_to_a_stream_that_has_begun_is_no_answer():
    _, transport, client = waits_alive()
    transport.protocol.data_received(OK)

    transport.protocol.data_received(OK)

    assert b'"error"' in client.received
    assert client.received.endswith(b"0\r\n\r\n")
