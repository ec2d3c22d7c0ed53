"""Thousands of random fault schedules: the data plane is real, time is not.

`MULTILLAMA_SIM_SEEDS` plays that many times as many.
"""

import os
from collections import Counter

import msgspec
import pytest

from multillama.core.policy import Policy, QueuePolicy, RetryPolicy
from multillama.core.strategies import STRATEGIES
from tests.sim.laws import ALWAYS, everybody_is_served
from tests.sim.schedule import Box, Caller, Schedule, prove
from tests.sim.servers import FAULTS

MORE = int(os.environ.get("MULTILLAMA_SIM_SEEDS", "1"))
WISHES = (
    (), (), (), (), ("x-multillama-local-only: true",), ("x-multillama-only: e0",), ("x-multillama-order: e1",),
    ("x-multillama-session: s",),
)  # fmt: skip


def seeds(count):
    return range(count * MORE)


def draw_policy(rng):
    """Any policy."""
    return Policy(
        strategy=rng.choice(list(STRATEGIES)),
        local_only=rng.random() < 0.1,
        hedge=rng.random() < 0.3,
        first_token_s=rng.choice((None, None, 0.3, 1.0)),
        deadline_s=rng.choice((None, None, 2.0, 8.0)),
        resume=rng.choice((None, None, True, False)),
        retry=RetryPolicy(
            max_attempts=rng.choice((1, 2, 3, 3, 5)),
            budget_floor_per_s=rng.choice((0.0, 0.2, 3.0, 3.0)),
        ),
        queue=QueuePolicy(
            max_waiting=rng.choice((2, 256)),
            max_wait_s=rng.choice((1.0, 60.0)),
            keepalive_s=rng.choice((None, None, 0.2)),
        ),
    )


def draw_dead(rng, until_s):
    """Some times in which an endpoint is not there."""
    times = sorted(rng.uniform(0.0, until_s) for _ in range(2 * rng.choice((0, 0, 1, 1, 2))))
    return tuple(zip(times[::2], times[1::2], strict=True))


def draw_box(rng):
    """Any endpoint."""
    return Box(
        fault_rate=rng.choice((0.0, 0.1, 0.3, 0.8)),
        faults=tuple(rng.sample(FAULTS, rng.choice((1, 3, len(FAULTS))))),
        dead=draw_dead(rng, 6.0),
        is_local=rng.random() < 0.8,
        limit=rng.choice((None, None, 1, 2)),
        first_token_s=rng.choice((0.05, 0.05, 0.6)),
    )


def draw_caller(rng, until_s=6.0):
    """Any client."""
    return Caller(
        at_s=rng.uniform(0.0, until_s),
        stream=rng.random() < 0.7,
        leaves_s=rng.choice((None, None, None, rng.uniform(0.0, 1.0))),
        key=rng.choice("ab"),
        wishes=rng.choice(WISHES),
    )


def draw_anything(rng, seed):
    return Schedule(
        seed=seed,
        boxes=tuple(draw_box(rng) for _ in range(rng.randint(2, 4))),
        callers=tuple(draw_caller(rng) for _ in range(rng.randint(1, 14))),
        policy=draw_policy(rng),
    )


@pytest.mark.timeout(600)
def test_whatever_happens_the_laws_hold():
    prove(draw_anything, *ALWAYS, seeds=seeds(900))


# one endpoint is always there, and nothing but connections fails


def draw_connections(rng, seed):
    """Endpoints die and come back, but for one that changes from time to time."""
    count = rng.randint(2, 4)
    limit = rng.choice((None, None, 2, 4))
    turns = sorted(rng.uniform(0.0, 8.0) for _ in range(rng.randint(1, 6)))
    dead: list[list[tuple[float, float]]] = [[] for _ in range(count)]
    for begin, end in zip(turns, (*turns[1:], 9.0), strict=True):
        lives = rng.randrange(count)
        for at in range(count):
            if at != lives and rng.random() < 0.7:
                dead[at].append((begin, end - 0.001))
    return Schedule(
        seed=seed,
        boxes=tuple(Box(dead=tuple(times), limit=limit) for times in dead),
        callers=tuple(
            Caller(
                at_s=rng.uniform(0.0, 8.0),
                stream=rng.random() < 0.7,
                leaves_s=rng.choice((None, None, None, rng.uniform(0.0, 1.0))),
                key=rng.choice("ab"),
            )
            for _ in range(rng.randint(1, 20))
        ),
        policy=Policy(
            strategy=rng.choice(list(STRATEGIES)),
            hedge=rng.random() < 0.2,
            retry=RetryPolicy(max_attempts=6),
        ),
    )


@pytest.mark.timeout(600)
def test_nobody_notices_dead_endpoints_while_one_is_alive():
    prove(draw_connections, *ALWAYS, everybody_is_served, seeds=seeds(300))


# after the faults


CALM_S = 10.0
LATER_S = 400.0
"""More than the longest cooldown after it."""


def draw_recovery(rng, seed):
    """Everything fails, then nothing; much later clients come again."""
    anything = draw_anything(rng, seed)
    boxes = tuple(
        Box(
            fault_rate=box.fault_rate,
            faults=tuple(fault for fault in box.faults if fault != "slow"),
            dead=box.dead,
            limit=box.limit,
        )
        for box in anything.boxes
    )
    later = tuple(
        Caller(at_s=LATER_S + at, stream=rng.random() < 0.5) for at in range(12 * len(boxes))
    )
    callers = tuple(
        Caller(at_s=caller.at_s, stream=caller.stream, leaves_s=caller.leaves_s)
        for caller in anything.callers
    )
    policy = Policy(
        strategy=rng.choice(("balanced", "round_robin", "weighted", "least_busy")),
        first_token_s=anything.policy.first_token_s,
        retry=anything.policy.retry,
        hedge=anything.policy.hedge,
    )
    return Schedule(seed=seed, boxes=boxes, callers=callers + later, policy=policy, calm_s=CALM_S)


def later_is_well(world, schedule):
    """Once the faults are over, everybody is served, by every endpoint."""
    for client, caller in zip(world.clients, schedule.callers, strict=True):
        if caller.at_s >= LATER_S and not client.is_whole:
            yield f"{client.prompt} failed: {client.transport.sent[-300:]!r}"
    if sum(caller.at_s >= LATER_S for caller in schedule.callers) < 12 * len(schedule.boxes):
        return
    for server in world.servers:
        if not any(served.at >= 1000.0 + LATER_S for served in server.served):
            yield f"{server.endpoint.name} gets nothing any more"


@pytest.mark.timeout(600)
def test_every_endpoint_comes_back_once_the_faults_are_over():
    prove(draw_recovery, *ALWAYS, later_is_well, seeds=seeds(200))


def draw_busy(rng, seed):
    """Two endpoints with few places under steady load; one dies for a while."""
    return Schedule(
        seed=seed,
        boxes=(
            Box(limit=1, dead=((rng.uniform(0.5, 2.0), rng.uniform(2.5, 5.0)),), first_token_s=0.3),
            Box(limit=1, first_token_s=0.3),
        ),
        callers=tuple(
            Caller(at_s=at * 0.2, key=rng.choice("ab"), leaves_s=rng.choice((None, None, 0.5)))
            for at in range(150)
        ),
        policy=Policy(retry=RetryPolicy(max_attempts=6), queue=QueuePolicy(max_wait_s=120.0)),
    )


def nobody_idles_while_others_wait(world, schedule):
    """An endpoint that has come back works again, even if the queue never becomes empty."""
    back = 1000.0 + max((end for box in schedule.boxes for _, end in box.dead), default=0.0)
    if len(schedule.callers) < 150:
        return  # made smaller, it is not busy any more
    for server in world.servers:
        served = [row for row in server.served if back + 6.5 <= row.at < 1030.0]
        if len(served) < 20:
            yield f"{server.endpoint.name} has served {len(served)} since it came back"


@pytest.mark.timeout(600)
def test_an_endpoint_that_comes_back_under_load_has_its_share():
    prove(draw_busy, *ALWAYS, everybody_is_served, nobody_idles_while_others_wait, seeds=seeds(50))


# who waits


def draw_queue(rng, seed):
    """Clients of several keys who all want the same endpoint at once."""
    return Schedule(
        seed=seed,
        boxes=(Box(limit=rng.choice((1, 2))),),
        callers=tuple(
            Caller(at_s=at * 0.001, key=rng.choice("aaaaabbc"), stream=rng.random() < 0.5)
            for at in range(rng.randint(4, 40))
        ),
    )


def the_queue_is_fair(world, schedule):
    """Of two keys that both wait, none is served more than the other, but for those that found a free place."""
    left = Counter(caller.key for caller in schedule.callers)
    had: Counter[str] = Counter()
    apart = 1 + (schedule.boxes[0].limit or 1)
    for served in world.servers[0].served:
        key = schedule.callers[int(served.prompt.split()[1])].key
        had[key] += 1
        left[key] -= 1
        waiting = [had[other] for other in left if left[other]]
        if waiting and max(waiting) - min(waiting) > apart:
            yield f"{dict(had)} are served while {dict(left)} wait"


@pytest.mark.timeout(600)
def test_nobody_in_the_queue_is_put_behind():
    prove(draw_queue, *ALWAYS, everybody_is_served, the_queue_is_fair, seeds=seeds(150))


# staying at home, and racing


def draw_home(rng, seed):
    """A home that fails all the time beside a cloud that is well."""
    anything = draw_anything(rng, seed)
    home = tuple(msgspec.structs.replace(box, is_local=True) for box in anything.boxes[:2])
    cloud = (Box(is_local=False), Box(is_local=False))
    return msgspec.structs.replace(
        anything,
        boxes=home + cloud,
        policy=msgspec.structs.replace(anything.policy, local_only=rng.random() < 0.7),
    )


@pytest.mark.timeout(600)
def test_what_must_stay_at_home_stays_there_in_any_outage():
    prove(draw_home, *ALWAYS, seeds=seeds(400))


def draw_race(rng, seed):
    """Hedging among endpoints that are often slow."""
    anything = draw_anything(rng, seed)
    boxes = tuple(
        Box(fault_rate=0.5, faults=("slow", *box.faults[:1]), dead=box.dead)
        for box in anything.boxes
    )
    policy = msgspec.structs.replace(anything.policy, hedge=True, local_only=False)
    return msgspec.structs.replace(anything, boxes=boxes, policy=policy)


@pytest.mark.timeout(600)
def test_races_have_one_winner_and_leave_nothing_behind():
    prove(draw_race, *ALWAYS, seeds=seeds(400))
