from multillama.core.policy import QueuePolicy
from multillama.core.snapshot import Snapshot
from multillama.dataplane.places import give_back
from tests.dataplane.routed import ASK_STREAM, Routed, begun, failing, local, rest, text_of
from tests.dataplane.stage import OK


def waiting(*names, **policy):
    """A stage whose endpoints have one place each, a client that has it at each, and one that waits."""
    stage = Routed(*local(*names, max_concurrency=1), **policy)
    for _ in names:
        stage.ask()
    return stage, stage.ask()


def test_who_waits_goes_to_an_endpoint_that_a_reload_has_brought():
    stage, client = waiting("a")

    stage.serve(*stage.endpoints, *local("b"))
    stage.answered_by("b", OK)

    assert client.statuses == [200]
    assert [row.endpoint.name for row in stage.stories[-1].plan.targets] == ["b", "a"]


def test_who_waits_stays_where_it_is_when_a_reload_takes_another_away():
    stage, client = waiting("a", "b")

    stage.serve(stage.endpoints[0])
    stage.answered_by("a", OK).protocol.data_received(OK)

    assert client.statuses == [200]
    assert not stage.endpoints[1].state.queue


def test_who_waits_ends_as_planned_where_only_the_name_of_its_model_is_gone():
    stage, client = waiting("a")

    stage.listener.publish(Snapshot(endpoints=stage.endpoints))
    stage.answered_by("a", OK).protocol.data_received(OK)

    assert client.statuses == [200]


def test_a_server_that_is_still_to_list_its_models_is_waited_for():
    stage, client = waiting("a")

    stage.listener.publish(Snapshot())
    stage.loop.advance(2.0)
    stage.serve(*local("b"))
    stage.loop.advance(1.1)
    stage.answered_by("b", OK)

    assert client.statuses == [200]


def test_who_waits_where_nobody_is_left_is_soon_told_why():
    stage, client = waiting("a", queue=QueuePolicy(max_wait_s=60.0))

    stage.listener.publish(Snapshot())
    stage.loop.advance(4.0)
    before = client.statuses
    stage.loop.advance(2.0)

    assert before == []
    assert (client.statuses, client.error["code"]) == ([503], "no_endpoint")


def failed_once():
    """A client that b has failed, and that waits for a."""
    stage = Routed(*local("a", "b", max_concurrency=1))
    stage.ask()
    client = stage.ask()
    stage.answered_by("b", failing(b"500 No"))
    return stage, client


def test_who_has_failed_before_a_reload_is_not_asked_again_after_it():
    stage, client = failed_once()

    stage.serve(*stage.endpoints)
    stage.loop.advance(2.0)

    assert stage.asked == ["a", "b"]
    assert client.statuses == []


def test_who_has_failed_is_asked_again_where_nobody_else_is_left():
    stage, client = failed_once()

    stage.serve(stage.endpoints[1])
    stage.pool.transports[-1].protocol.data_received(OK)

    assert client.statuses == [200]


def cut_and_waiting(*names):
    """A client whose stream a broke off, and that waits to be continued: all others are full."""
    a, *others = (*local("a"), *local(*names, max_concurrency=1))
    stage = Routed(a, *others, queue=QueuePolicy(max_wait_s=60.0), resume=True)
    client = stage.ask(ASK_STREAM)
    for other in others:
        other.state.in_flight += 1  # somebody else's
    a.state.slots = 0  # it has no place for anybody
    stage.answered_by("a", begun("one")).lose(ConnectionResetError())
    return stage, client


def test_a_stream_that_waits_to_go_on_leaves_who_is_not_configured_any_more():
    stage, client = cut_and_waiting("b", "c")
    a, b, c = stage.endpoints

    stage.serve(c)
    give_back(c)
    stage.answered_by("c", rest(" two"))

    assert text_of(client) == "one two"
    assert not a.state.queue
    assert not b.state.queue


def test_a_stream_that_waits_to_go_on_ends_at_once_when_nobody_is_left_for_it():
    stage, client = cut_and_waiting("b")

    stage.serve(*local("d"))

    assert b"not configured any more" in client.received
    assert client.received.endswith(b"0\r\n\r\n")
    assert stage.records[-1].outcome == "truncated"
