"""What a story knows beyond the record, told of exchanges on a whole data plane without sockets."""

import msgspec

from multillama.core.decision import Considered
from multillama.core.snapshot import Route, Target
from multillama.dataplane.attempts import Attempts
from multillama.dataplane.story import Story
from tests.core.samples import endpoint
from tests.dataplane.stage import OK, Stage, ok, post

FAILED = ok(b'{"error":{}}', b"500 Oops")


def telling(*names, **facts):
    """A stage that keeps the decision of each exchange that was not plain."""
    stage = Stage(*(endpoint(name) for name in names), **facts)
    told = []
    stage.listener.on_story = lambda record, story: told.append(story.tell(record))
    return stage, told


def rename(stage, name):
    route = stage.listener.snapshot.routes["m1"]
    targets = tuple(
        Target(row.endpoint, rename=msgspec.json.encode(name), model=name) for row in route.targets
    )
    stage.listener.snapshot = msgspec.structs.replace(
        stage.listener.snapshot, routes={"m1": Route(targets, route.policy)}
    )


def test_a_plain_exchange_is_told_by_its_record_alone():
    stage, told = telling("a")
    stage.client().send(post())
    stage.answer()

    decision = Story().tell(stage.records[0])

    (row,) = decision.attempts
    assert told == []
    assert (row.endpoint, row.role, row.status, row.cause) == ("a", "first", 200, None)
    assert (decision.id, decision.status, decision.outcome) == ("r1", 200, "ok")
    assert (decision.strategy, decision.considered, decision.edits) == (None, (), ())


def test_a_refusal_before_any_attempt_has_none():
    stage, _ = telling("a")
    stage.client().send(post({"model": "unknown"}))

    decision = Story().tell(stage.records[0])

    assert decision.attempts == []
    assert (decision.cause, decision.outcome) == ("model_not_found", "refused")


def test_a_choice_is_told_with_all_who_were_considered():
    stage, told = telling("a", "b")
    stage.client().send(post())
    stage.answer()

    (decision,) = told

    assert (decision.strategy, decision.endpoint) == ("balanced", "a")
    assert decision.considered == (Considered("a", "", 1.0), Considered("b", "", 1.0))
    assert [row.endpoint for row in decision.attempts] == ["a"]


def test_each_attempt_is_told_with_what_was_decided_after_it():
    stage, told = telling("a", "b")
    stage.client().send(post())
    stage.answer(FAILED)
    stage.answer(OK)

    (decision,) = told

    assert [(row.endpoint, row.role, row.status, row.cause) for row in decision.attempts] == [
        ("a", "first", 500, "server_error"),
        ("b", "next", 200, None),
    ]
    assert decision.attempts[0].then == "tried the next target"
    assert decision.attempts[0].over_ms <= decision.attempts[1].begun_ms


def test_an_attempt_that_the_client_left_is_told_too():
    stage, told = telling("a", "b")
    client = stage.client()
    client.send(post())
    stage.answer(FAILED)
    client.transport.lose()

    (decision,) = told

    assert [row.endpoint for row in decision.attempts] == ["a", "b"]
    assert decision.attempts[1].then == "stopped with the exchange"
    assert (decision.outcome, decision.cause) == ("cancelled", "client_gone")


def test_a_replaced_model_is_an_edit():
    stage, told = telling("a")
    rename(stage, "llama-3-8b")
    stage.client().send(post())
    stage.answer()

    (decision,) = told

    assert decision.edits == ("model",)
    assert decision.considered == (Considered("a", "llama-3-8b"),)


def test_who_was_left_out_is_told_also_where_one_target_is_left():
    stage, told = telling("a", "b")
    request = post(None, b"Content-Length: 15\r\n", b"x-multillama-only: b\r\n")
    stage.client().send(request)
    stage.answer()

    (decision,) = told

    assert decision.considered == (
        Considered("b", ""),
        Considered("a", "", None, "x-multillama-only leaves it out"),
    )


def test_an_edit_that_is_repeated_is_told_once():
    story = Story()

    for member in ("model", "messages", "model"):
        story.on_edit(member)

    assert story.edits == ("model", "messages")


def test_the_first_place_in_a_queue_counts():
    story = Story()

    story.on_queue(2)
    story.on_queue(0)

    assert story.queue_position == 2


def test_both_of_a_race_that_the_client_left_are_told():
    stage, told = telling("a", "b")
    client = stage.client()
    client.send(post())
    stage.connect()
    exchange = client.protocol.running
    first, snapshot = exchange.attempt, stage.listener.snapshot
    Attempts(exchange, exchange.plan, snapshot)  # a race is theirs
    rival = exchange.open(snapshot.routes["m1"].targets[1], snapshot)
    rival.role, rival.rival = "hedge", first
    client.transport.lose()

    (decision,) = told

    assert [(row.endpoint, row.role) for row in decision.attempts] == [
        ("a", "first"),
        ("b", "hedge"),
    ]
