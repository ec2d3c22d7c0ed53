"""Uploads under the policy of their route."""

import pytest

from multillama.core.policy import QueuePolicy, RetryPolicy
from multillama.core.snapshot import Route, Snapshot, Target
from tests.dataplane.routed import Routed, failing, head_of, local
from tests.dataplane.stage import OK
from tests.dataplane.test_upload import FORM, body_of, upload

# a place


def narrow(*names, **policy):
    """Endpoints with one place each."""
    return Routed(*local(*(names or ("a",)), max_concurrency=1), **policy)


def busy(stage, *names):
    """Each of these has an upload under way."""
    for _ in names:
        stage.ask(upload(FORM))
    return [stage.waiting(name).come() for name in names]


def test_an_upload_that_waits_gets_the_first_place_at_any_target():
    stage = narrow("a", "b")
    second = busy(stage, "a", "b")[1]
    client = stage.ask(upload(FORM, length=len(FORM) + 300_000))
    client.send(b"x" * 280_000)

    stage.loop.advance(1.5)
    second.protocol.data_received(OK)
    served = stage.waiting("b").come()
    client.send(b"x" * 20_000)
    served.protocol.data_received(OK)

    assert body_of(served.sent) == (FORM + b"x" * 300_000, True)
    assert client.statuses == [200]
    lines = {b"x-multillama-queue-ms: 1500", b"x-multillama-queue-position: 0"}
    assert lines <= set(head_of(client))
    assert not stage.endpoints[0].state.queue


def test_who_waits_at_a_full_target_does_not_miss_the_free_one():
    stage = narrow("a", "b")
    busy(stage, "a")

    stage.ask(upload(FORM))

    assert stage.asked == ["a", "b"]


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"queue": QueuePolicy(max_wait_s=1.0)}, ([503], "queue_timeout")),
        ({"deadline_s": 1.0}, ([504], "deadline_exceeded")),
    ],
    ids=["queue", "deadline"],
)
def test_the_wait_for_a_place_is_bounded(policy, told):
    stage = narrow(**policy)
    busy(stage, "a")
    client = stage.ask(upload(FORM))

    stage.loop.advance(1.2)

    assert (client.statuses, client.error["code"]) == told
    assert b"x-multillama-queue-position: 0" in head_of(client)
    assert stage.asked == ["a"]


# in time


@pytest.mark.parametrize("sent", [FORM, FORM[:-9]], ids=["whole", "half"])
def test_a_deadline_ends_an_upload_wherever_it_stands(sent):
    stage = Routed(deadline_s=2.0)
    client = stage.ask(upload(sent, length=len(FORM)))
    silent = stage.waiting("a").come()

    stage.loop.advance(2.2)

    assert (client.statuses, client.error["code"]) == ([504], "deadline_exceeded")
    assert (silent.ended, stage.asked) == ("abort", ["a"])
    assert [here.state.in_flight for here in stage.endpoints] == [0, 0]


def test_an_answer_that_has_begun_meets_no_deadline_and_gets_the_rest_of_the_body():
    stage = Routed(deadline_s=2.0, first_token_s=1.0)
    client = stage.ask(upload(FORM[:-9], length=len(FORM)))
    upstream = stage.waiting("a").come()
    upstream.protocol.data_received(OK[:-2])

    stage.loop.advance(3.0)
    client.send(FORM[-9:])
    upstream.protocol.data_received(b"ok")

    assert body_of(upstream.sent) == (FORM, True)
    assert client.answers() == [(200, b"ok")]


def test_who_is_not_connected_in_time_is_left_for_the_next():
    stage = Routed(first_token_s=1.0)
    client = stage.ask(upload(FORM))

    stage.loop.advance(1.2)
    upstream = stage.answered_by("b", OK)

    assert client.statuses == [200]
    assert b"x-multillama-attempts: 2" in head_of(client)
    assert body_of(upstream.sent) == (FORM, True)
    assert stage.told == [
        ("a", "first", "first_token_timeout", "tried the next target"),
        ("b", "next", None, None),
    ]


def test_who_has_the_body_and_says_nothing_in_time_ends_it():
    stage = Routed(first_token_s=1.0)
    client = stage.ask(upload(FORM))
    silent = stage.waiting("a").come()

    stage.loop.advance(1.2)

    assert (client.statuses, client.error["code"]) == ([504], "first_token_timeout")
    assert (silent.ended, stage.asked) == ("abort", ["a"])
    gone = "gave up: the request's body is not kept"
    assert stage.told == [("a", "first", "first_token_timeout", gone)]


def test_the_time_to_the_first_byte_begins_when_the_last_of_the_body_has_left():
    stage = Routed(first_token_s=1.0)
    client = stage.ask(upload(FORM[:-9], length=len(FORM)))
    upstream = stage.waiting("a").come()
    stage.loop.advance(5.0)
    upstream.is_stuck, upstream.high = True, 1
    client.send(FORM[-9:])
    stage.loop.advance(5.0)
    before = (client.statuses, stage.asked)

    upstream.drain()
    stage.loop.advance(0.8)
    in_time = client.statuses
    stage.loop.advance(0.4)

    assert (before, in_time) == (([], ["a"]), [])
    assert (client.statuses, client.error["code"]) == ([504], "first_token_timeout")


# again, or elsewhere


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_who_cannot_be_reached_is_tried_as_often_as_the_policy_says(tries):
    stage = Routed(*local("a"), retry=RetryPolicy(max_attempts=tries))
    client = stage.ask(upload(FORM))

    for _ in range(tries):
        stage.waiting("a").fail()

    assert (client.statuses, client.error["code"]) == ([502], "endpoint_unreachable")
    assert stage.asked == ["a"] * tries
    assert (b"x-should-retry: false" in head_of(client)) is (tries > 1)


def test_an_upload_that_comes_back_to_a_target_arrives_whole():
    stage = Routed(*local("a"))
    client = stage.ask(upload(FORM[:-9], length=len(FORM)))
    stage.waiting("a").fail()

    upstream = stage.waiting("a").come()
    client.send(FORM[-9:])
    upstream.protocol.data_received(OK)

    assert body_of(upstream.sent) == (FORM, True)
    assert client.statuses == [200]
    assert [row[1] for row in stage.told] == ["first", "same"]


def test_the_retry_budget_bounds_the_repetitions_of_uploads():
    none_left = RetryPolicy(budget_percent=0.0, budget_floor_per_s=0.0)
    stage = Routed(*local("a"), retry=none_left)
    client = stage.ask(upload(FORM))

    stage.waiting("a").fail()

    assert client.statuses == [502]
    assert stage.told[0][3] == "gave up: the retry budget is used up"


def test_an_upload_is_a_request_of_which_the_retry_budget_is_a_share():
    stage = Routed(*local("a"), retry=RetryPolicy(budget_percent=100.0, budget_floor_per_s=0.0))
    client = stage.ask(upload(FORM))

    stage.waiting("a").fail()
    stage.answered_by("a", OK)

    assert client.statuses == [200]


def test_what_was_read_to_find_the_model_is_let_go_when_it_leaves():
    stage = Routed()
    exchange = stage.ask(upload(FORM[:-9], length=len(FORM))).protocol._exchange
    before = exchange.body

    stage.waiting("a").come()

    assert (before, exchange.body) == (FORM[:-9], b"")


@pytest.mark.parametrize(("is_first", "status"), [(True, b"503 No"), (False, b"400 No")])
def test_a_refusal_says_not_to_retry_only_as_a_failure_after_others(is_first, status):
    stage = Routed()
    client = stage.ask(upload(FORM))
    if not is_first:
        stage.waiting("a").fail()

    stage.answered_by("a" if is_first else "b", failing(status))

    assert b"x-should-retry" not in client.received


def test_a_failure_that_is_passed_on_after_others_says_so():
    stage = Routed()
    client = stage.ask(upload(FORM))
    stage.waiting("a").fail()

    stage.answered_by("b", failing(b"503 No"))

    assert client.answers() == [(503, b'{"error":{"message":"no"}}')]
    assert {b"x-multillama-attempts: 2", b"x-should-retry: false"} <= set(head_of(client))
    assert stage.told[1][2:] == ("unavailable", "gave up: the request's body is not kept")


def test_an_upload_has_no_rival_and_is_no_measure_for_others():
    stage = Routed(hedge=True)
    client = stage.ask(upload(FORM))

    stage.answered_by("a", OK)

    assert client.statuses == [200]
    assert stage.endpoints[0].state.first_bytes is None


def test_each_target_gets_the_form_with_its_own_name_of_the_model():
    stage = Routed()
    names = (b'"whisper-large-v3"', b'"w"')
    targets = tuple(map(Target, stage.endpoints, names))
    stage.listener.snapshot = Snapshot(endpoints=stage.endpoints, routes={"m1": Route(targets)})
    stage.ask(upload(FORM))

    stage.waiting("a").fail()
    upstream = stage.answered_by("b", OK)

    assert body_of(upstream.sent) == (FORM.replace(b"m1", b"w"), True)
    assert stage.stories[0].edits == ("model",)
