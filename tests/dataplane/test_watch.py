import pytest

from multillama.core.snapshot import Snapshot, Timeouts
from multillama.dataplane.fetch import Question
from multillama.dataplane.watch import ANSWER_S, IN_VAIN, IN_VAIN_UNKNOWN, Watch
from multillama.errors import GatewayError
from tests.dataplane.routed import ASK, ASK_STREAM, Routed, begun, clock_of, local, rest, text_of
from tests.dataplane.stage import OK

FROZEN_S = 5.0 + IN_VAIN * ANSWER_S + 1.5
"""Until one that surely answers at work is found frozen, and a tick."""
UNKNOWN_S = 5.0 + IN_VAIN_UNKNOWN * ANSWER_S + 1.5


class Watched(Routed):
    """A stage with its watch; questions come to connections to `/life`."""

    def __init__(self, *endpoints, is_sure=True, **policy):
        super().__init__(*endpoints, **policy)
        self.watch = Watch(self.listener, lambda endpoint: (Question("/life"), is_sure))
        self.watch.look()

    def advance(self, seconds, *, answers=False):
        """Lets time pass; connections to questions are made, and answered or not."""
        for _ in range(int(seconds * 4)):
            self.loop.advance(0.25)
            for row in list(self.pool.waiting):
                transport = row.come()
                if answers and b"/life" in transport.sent:
                    transport.protocol.data_received(OK)

    @property
    def questions(self):
        return sum(b"GET /life" in transport.sent for transport in self.pool.transports)


def asked(*names, **facts):
    """A stage whose first endpoint has taken a request."""
    stage = Watched(*(local(*names) if names else ()), **facts)
    client = stage.ask(facts.pop("data", ASK))
    return stage, client, stage.waiting("a").come()


def test_who_waits_for_a_frozen_endpoint_goes_elsewhere():
    stage, client, silent = asked()

    stage.advance(FROZEN_S)
    stage.pool.transports[-1].protocol.data_received(OK)

    assert silent.ended == "abort"
    assert client.answers() == [(200, b"ok")]
    assert stage.told[0] == ("a", "first", "frozen", "tried the next target")
    assert stage.endpoints[0].state.is_up is False
    assert stage.listener.left_alone(stage.listener.snapshot.routes["m1"].targets[0])


def test_the_client_of_a_frozen_endpoint_without_others_is_told():
    stage, client, _ = asked("a")

    stage.advance(FROZEN_S)

    assert (client.statuses, client.error["code"]) == ([504], "endpoint_frozen")


def test_one_that_thinks_and_answers_questions_is_left_alone():
    stage, client, thinking = asked("a")

    stage.advance(200.0, answers=True)
    thinking.protocol.data_received(OK)

    assert client.answers() == [(200, b"ok")]
    assert 4 <= stage.questions <= 8  # ever more seldom
    assert stage.endpoints[0].state.is_up


def test_nobody_is_asked_who_answers_in_time():
    stage, client, transport = asked("a")

    stage.advance(4.0)
    transport.protocol.data_received(OK)
    stage.advance(30.0)

    assert (client.statuses, stage.questions) == ([200], 0)


def test_nobody_is_asked_who_talks_to_others():
    stage, _, _ = asked("a")
    stage.ask(ASK_STREAM)
    talking = stage.answered_by("a", begun("one"))

    for _ in range(30):
        stage.advance(1.0)
        talking.protocol.data_received(begun("two").partition(b"\r\n\r\n")[2])

    assert stage.questions == 0


def test_one_of_which_nothing_is_known_has_more_time():
    stage, client, _ = asked("a", is_sure=False)

    stage.advance(FROZEN_S)
    before = client.statuses
    stage.advance(UNKNOWN_S - FROZEN_S)

    assert (before, client.statuses) == ([], [504])


def test_one_that_answers_no_question_at_work_is_not_judged_by_it():
    stage, first, slow = asked("a", is_sure=False)
    stage.advance(12.0)
    slow.protocol.data_received(OK)
    stage.advance(1.0)

    second = stage.ask()
    stage.advance(300.0)
    slow.protocol.data_received(OK)

    assert (first.statuses, second.statuses) == ([200], [200])


def test_one_that_answers_a_question_at_work_is_known_to():
    stage, _, slow = asked("a", is_sure=False)
    stage.advance(7.0, answers=True)
    slow.protocol.data_received(OK)

    client = stage.ask()
    stage.advance(FROZEN_S + 5.0)

    assert client.statuses == [504]


def test_a_question_answered_after_the_request_was_does_not_show_that_it_answers_at_work():
    stage, _, slow = asked("a", is_sure=False)
    stage.advance(8.0)
    question = stage.pool.transports[-1]
    stage.advance(4.0)
    slow.protocol.data_received(OK)
    stage.pool.transports[-1].protocol.data_received(OK)

    stage.ask()
    stage.advance(300.0)

    assert question.ended == "abort"
    assert stage.records[-1].outcome == "ok"
    assert len(stage.records) == 1


def test_the_next_to_wait_for_a_frozen_one_waits_less():
    stage, _, _ = asked("a")
    stage.advance(FROZEN_S)
    client = stage.ask()

    stage.advance(ANSWER_S + 2.0)

    assert client.statuses == [504]


def test_one_that_was_frozen_and_answers_is_well():
    stage, _, _ = asked("a")
    stage.advance(FROZEN_S)
    client = stage.ask()
    transport = stage.waiting("a").come()

    stage.advance(2.0, answers=True)
    stage.advance(10.0, answers=True)
    transport.protocol.data_received(OK)

    assert client.statuses == [200]


def test_a_client_that_leaves_in_vain_makes_others_ask():
    stage = Watched(*local("a", "b"))
    with clock_of(stage):
        client = stage.ask()
        stage.waiting("a").come()
        stage.advance(2.0)
        client.transport.lose()
        stage.advance(FROZEN_S)

    assert stage.questions == IN_VAIN
    assert stage.endpoints[0].state.is_up is False


def test_a_client_that_leaves_at_once_makes_nobody_ask():
    stage = Watched(*local("a"))
    with clock_of(stage):
        client = stage.ask()
        stage.waiting("a").come()
        client.transport.lose()
        stage.advance(10.0)

    assert stage.questions == 0


@pytest.mark.parametrize(
    ("error", "is_down"),
    [
        (GatewayError("connect_timeout", "It failed."), True),
        (GatewayError("endpoint_unreachable", "It failed."), False),
    ],
)
def test_a_refusal_is_no_sign_of_a_frozen_endpoint_and_silence_is(error, is_down):
    stage, _, _ = asked("a")

    for _ in range(100):
        stage.loop.advance(0.25)
        for row in list(stage.pool.waiting):
            row.fail(error.kind)

    assert (stage.endpoints[0].state.is_up is False) is is_down


def test_a_machine_that_is_off_is_down():
    stage, client, _ = asked("a")
    error = GatewayError("endpoint_unreachable", "It failed.")
    error.__cause__ = OSError(113, "No route to host")

    for _ in range(100):
        stage.loop.advance(0.25)
        for row in list(stage.pool.waiting):
            stage.pool.waiting.remove(row)
            row._on_failed(error)

    assert client.statuses == [504]


def test_a_question_whose_connection_is_closed_is_answered():
    stage, client, _ = asked("a")

    for _ in range(100):
        stage.advance(0.25)
        stage.pool.transports[-1].lose() if stage.questions else None

    assert client.statuses == []


def test_a_question_that_a_shorter_limit_ends_is_in_vain():
    stage, client, _ = asked("a")
    origin = stage.pool.origin_of(stage.endpoints[0], Timeouts())
    stage.advance(2.0)
    origin.timeouts = Timeouts(first_byte_s=2.0)

    stage.advance(FROZEN_S)

    assert client.statuses == [504]


def test_an_endpoint_with_limits_of_its_own_is_asked_by_them():
    (slow,) = local("a", timeouts=Timeouts(probe_after_s=60.0))
    stage = Watched(slow)
    stage.ask()
    stage.waiting("a").come()

    stage.advance(59.0)
    before = stage.questions
    stage.advance(3.0)

    assert (before, stage.questions) == (0, 1)


def test_questions_to_endpoints_that_a_reload_removes_end():
    stage, _, _ = asked("a")
    stage.advance(7.0)
    question = stage.pool.transports[-1]

    stage.listener.publish(Snapshot())
    stage.loop.advance(1.1)

    assert (stage.questions, question.ended) == (1, "abort")


@pytest.mark.parametrize("waits", [True, False])
def test_closed_it_asks_no_more(waits):
    stage, _, _ = asked("a")
    stage.loop.advance(7.0 if waits else 0.5)

    stage.watch.close()
    stage.loop.advance(30.0)

    assert stage.questions == 0
    assert not stage.pool.waiting


def test_a_stream_whose_continuation_hangs_is_continued_elsewhere():
    stage = Watched(*local("a", "b", "c"))
    client = stage.ask(ASK_STREAM)
    stage.answered_by("a", begun("one")).lose(ConnectionResetError())
    stage.waiting("b").come()

    stage.advance(FROZEN_S)
    stage.pool.transports[-1].protocol.data_received(rest(" two"))

    assert text_of(client) == "one two"
