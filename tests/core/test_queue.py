import itertools

import pytest
from hypothesis import given, settings, strategies as st

from multillama.core.queue import WaitQueue, lost

COST = st.integers(1, 50)


class Lobby:
    """A queue, and those it has lost."""

    def __init__(self, max_waiting=100):
        self.lost = []
        self.queue = WaitQueue(max_waiting, lambda waiter, kind: self.lost.append((waiter, kind)))

    def enter(self, *names, **more):
        """Lets waiters in; the letter of a name is its principal."""
        return [self.queue.enter(name, name[0], **more) for name in names]

    def served(self, now=0.0):
        return list(iter(lambda: self.queue.next(now), None))


@pytest.fixture
def lobby():
    return Lobby()


def test_an_empty_queue_has_nobody(lobby):
    assert (len(lobby.queue), lobby.queue.next(0.0)) == (0, None)


def test_waiters_of_one_principal_come_in_order(lobby):
    positions = lobby.enter("a1", "a2", "a3")

    assert positions == [0, 1, 2]
    assert lobby.served() == ["a1", "a2", "a3"]


def test_principals_take_turns(lobby):
    positions = lobby.enter("a1", "a2", "a3", "b1", "b2", "c1")

    assert positions == [0, 1, 2, 1, 3, 2]
    assert lobby.served() == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_who_asks_for_much_is_served_less_often(lobby):
    lobby.enter("a1", "a2", cost=3)
    lobby.enter("b1", "b2", "b3", "b4", cost=1)

    assert lobby.served() == ["a1", "b1", "b2", "b3", "a2", "b4"]


def test_who_was_away_is_owed_nothing(lobby):
    lobby.enter(*(f"a{number}" for number in range(20)))
    for _ in range(10):
        lobby.queue.next(0.0)

    lobby.enter("b1", "b2", "b3")

    assert lobby.served()[:6] == ["b1", "a10", "b2", "a11", "b3", "a12"]


def test_who_comes_one_by_one_gains_nothing_by_it(lobby):
    lobby.enter(*(f"a{number}" for number in range(20)))
    served = []
    lobby.enter("b0")

    for number in range(1, 11):
        served.append(lobby.queue.next(0.0))
        if served[-1][0] == "b":
            lobby.enter(f"b{number}")

    assert [name[0] for name in served].count("b") == 5


def test_who_leaves_is_not_served_and_has_not_been(lobby):
    lobby.enter("a1", "a2", "b1", "a3")
    lobby.queue.leave("a1")
    lobby.queue.leave("nobody")

    assert len(lobby.queue) == 3
    assert [lobby.queue.position(name) for name in ("a2", "b1", "a3")] == [0, 1, 2]
    assert lobby.served() == ["a2", "b1", "a3"]


def test_among_equals_who_came_first_is_first_even_after_one_left(lobby):
    lobby.enter("a1", "b1", "a2")
    lobby.queue.leave("a1")

    assert lobby.queue.position("b1") == 0
    assert lobby.served() == ["b1", "a2"]


def test_a_principal_whose_last_waiter_left_is_forgotten_in_its_turn(lobby):
    lobby.enter("a1", "b1", "b2")
    lobby.queue.leave("a1")

    assert lobby.served() == ["b1", "b2"]


def test_it_is_bounded():
    lobby = Lobby(max_waiting=2)

    assert lobby.enter("a1", "a2", "a3") == [0, 1, None]
    assert len(lobby.queue) == 2


def test_one_that_may_hold_nobody_refuses_all():
    assert Lobby(max_waiting=0).enter("a1") == [None]


def test_nobody_can_fill_it_against_the_others():
    lobby = Lobby(max_waiting=4)
    lobby.enter("a1", "a2", "a3", "a4")

    assert lobby.enter("b1", "b2", "b3", "a5") == [1, 3, None, None]
    assert lobby.lost == [("a4", "queue_full"), ("a3", "queue_full")]
    assert lobby.served() == ["a1", "b1", "a2", "b2"]


def test_nobody_is_sent_away_for_one_who_would_then_have_as_many():
    lobby = Lobby(max_waiting=3)
    lobby.enter("a1", "a2", "b1")

    assert lobby.enter("b2") == [None]
    assert lobby.lost == []


def test_when_nobody_waits_all_that_was_served_is_forgotten(lobby):
    lobby.enter("a1", "a2", "a3")
    lobby.served()

    lobby.enter("a4", "b1")

    assert lobby.served() == ["a4", "b1"]


def test_who_has_waited_too_long_is_told_and_skipped(lobby):
    lobby.enter("a1", "b1", deadline=10.0)
    lobby.enter("a2", deadline=20.0)

    assert lobby.queue.next(10.0) == "a2"
    assert lobby.lost == [("a1", "queue_timeout"), ("b1", "queue_timeout")]
    assert lobby.queue.next(10.0) is None


def test_when_all_have_waited_too_long_nobody_is_next(lobby):
    lobby.enter("a1", deadline=1.0)

    assert lobby.queue.next(2.0) is None
    assert lobby.lost == [("a1", "queue_timeout")]


def test_a_refusal_says_what_to_do():
    full = lost("queue_full", "localhost:8080")
    late = lost("queue_timeout", "localhost:8080", waited_s=60.4)

    assert (full.kind, full.status, full.failure.retry_after_s) == ("queue_full", 503, 5)
    assert (late.kind, late.status) == ("queue_timeout", 503)
    assert "full" in full.text
    assert "within 60 s" in late.text


# --- fairness --------------------------------------------------------------------------------


@given(st.lists(COST, min_size=1, max_size=30), st.lists(COST, min_size=1, max_size=30))
def test_two_that_both_wait_are_never_further_apart_than_one_exchange(costs_a, costs_b):
    lobby = Lobby(1000)
    costs = {}
    for name, mine in (("a", costs_a), ("b", costs_b)):
        for number, cost in enumerate(mine):
            costs[f"{name}{number}"] = cost
            lobby.queue.enter(f"{name}{number}", name, cost=cost)
    service, waiting = {"a": 0, "b": 0}, {"a": len(costs_a), "b": len(costs_b)}

    while all(waiting.values()):
        name = lobby.queue.next(0.0)
        service[name[0]] += costs[name]
        waiting[name[0]] -= 1

        assert abs(service["a"] - service["b"]) <= max(costs.values())


@given(st.lists(st.tuples(st.sampled_from("abcd"), COST), min_size=1, max_size=40))
def test_a_position_is_how_many_are_served_before(entries):
    lobby = Lobby(1000)
    for number, (principal, cost) in enumerate(entries):
        lobby.queue.enter((principal, number), principal, cost=cost)
    positions = {
        (principal, number): lobby.queue.position((principal, number))
        for number, (principal, _) in enumerate(entries)
    }

    order = lobby.served()

    assert [positions[waiter] for waiter in order] == list(range(len(entries)))


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("enter"), st.sampled_from("abc"), COST, st.integers(0, 60)),
            st.tuples(st.just("leave"), st.integers(0, 40)),
            st.tuples(st.just("next")),
        ),
        max_size=80,
    )
)
def test_everybody_is_served_told_or_gone_exactly_once(history):
    lobby, inside, gone = Lobby(max_waiting=8), {}, []
    numbers = itertools.count()

    for now, (what, *more) in enumerate(history):
        if what == "enter":
            principal, cost, wait_s = more
            waiter = (principal, next(numbers))
            position = lobby.queue.enter(waiter, principal, cost=cost, deadline=now + wait_s)
            if position is not None:
                assert 0 <= position < len(lobby.queue)
                inside[waiter] = now + wait_s
        elif what == "leave":
            for waiter in [name for name in inside if name[1] == more[0]]:
                lobby.queue.leave(waiter)
                gone.append(waiter)
                del inside[waiter]
        else:
            waiter = lobby.queue.next(now)
            assert (waiter is None) <= (len(lobby.queue) == 0)
            if waiter is not None:
                assert inside.pop(waiter) > now
                gone.append(waiter)
        for waiter, kind in lobby.lost:
            deadline = inside.pop(waiter)
            assert kind == "queue_full" or deadline <= now
        lobby.lost.clear()
        assert len(lobby.queue) == len(inside) <= 8

    assert sorted(lobby.served(now=-1)) == sorted(inside)


def test_nobody_starves_beside_one_that_never_stops(lobby):
    lobby.enter("a0", "b0", cost=1)
    for number in itertools.count(1):
        waiter = lobby.queue.next(0.0)
        if waiter == "b0":
            break
        lobby.enter(f"a{number}", cost=1)

    assert number <= 2


def test_all_who_wait_can_be_named():
    queue = WaitQueue(9, lambda waiter, why: None)
    for waiter, principal in ((1, "a"), (2, "b"), (3, "a")):
        queue.enter(waiter, principal)

    queue.leave(2)

    assert sorted(queue) == [1, 3]


def test_arrivals_are_counted_and_stay_counted():
    queue = WaitQueue(1, lambda waiter, why: None)

    queue.enter("a", "p")
    queue.enter("too many", "p")
    queue.leave("a")

    assert (len(queue), queue.arrivals) == (0, 1)
