import sys

import pytest

from multillama.dataplane.downstream import MAX_QUEUED_BYTES
from multillama.dataplane.presence import TCP_CLOSE, TCP_CLOSE_WAIT, tcp_state
from tests.dataplane.stage import BEGUN, CONTINUE, get, post

AHEAD = get(b"/health") * (MAX_QUEUED_BYTES // len(get(b"/health")) + 1)
"""Requests enough to pause reading."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there the state can be read")


@pytest.fixture
def paused(client):
    """A client whose reading is paused while its first request waits for an answer."""
    client.send(post() + AHEAD)
    assert client.transport.is_reading_paused
    return client


def test_a_fin_behind_unread_bytes_ends_an_answer_that_has_begun(stage, paused):
    upstream = stage.answer(BEGUN)
    paused.transport.socket.tcp_state = TCP_CLOSE_WAIT

    stage.loop.advance(0.2)

    assert (paused.transport.ended, upstream.ended) == ("abort", "abort")
    assert [record.error for record in stage.records] == ["client_gone"]
    assert CONTINUE not in paused.received


def test_a_fin_before_the_answer_is_probed_and_then_a_reset_ends_it(stage, paused):
    upstream = stage.connect()
    paused.transport.socket.tcp_state = TCP_CLOSE_WAIT
    stage.loop.advance(0.1)
    probed = (paused.received, paused.transport.ended)

    paused.transport.socket.tcp_state = TCP_CLOSE
    stage.loop.advance(0.2)
    paused.transport.lose()

    assert probed == (CONTINUE, None)
    assert (paused.transport.ended, upstream.ended) == ("abort", "abort")
    assert [record.error for record in stage.records] == ["client_gone"]


def test_one_that_only_stopped_sending_is_answered(stage, paused):
    paused.transport.socket.tcp_state = TCP_CLOSE_WAIT
    stage.loop.advance(0.3)

    stage.answer()

    assert paused.statuses[0] == 200
    assert paused.transport.ended is None
    assert stage.records[0].outcome == "ok"


def test_one_that_is_there_is_left_alone_however_long_it_takes(stage, paused):
    stage.loop.advance(60)

    stage.answer()

    assert CONTINUE not in paused.received
    assert not paused.transport.is_reading_paused


def test_nobody_looks_while_reading_goes_on(stage, paused):
    stage.answer()
    stage.loop.advance(0.2)

    left = [call for call in stage.loop.calls if "_look" in repr(call.callback)]

    assert left == []


def test_a_state_that_cannot_be_read_is_none(client, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(client.transport.socket, "getsockopt", refuse)

    assert tcp_state(client.transport) is None


def test_other_systems_number_their_states_otherwise(client, monkeypatch):
    monkeypatch.setattr(sys, "platform", "freebsd14")

    assert tcp_state(client.transport) is None
