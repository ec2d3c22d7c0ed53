"""What happens in one simulation, as a value: drawn from a seed, played, and made smaller while it still fails."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from multillama.core.hedge import ENOUGH, FirstBytes
from multillama.core.policy import Policy
from tests.core.samples import endpoint
from tests.sim.servers import Server
from tests.sim.world import World

LISTED_S = 0.5
"""How soon discovery finds an endpoint that has come back."""
MOST_RUNS = 400
"""Of one search for a smaller schedule."""


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint, and what befalls it."""

    fault_rate: float = 0.0
    faults: tuple[str, ...] = ()
    dead: tuple[tuple[float, float], ...] = ()
    """From when to when it is not there."""
    is_local: bool = True
    limit: int | None = None
    first_token_s: float = 0.05


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A client, and what it asks."""

    at_s: float
    stream: bool = False
    leaves_s: float | None = None
    """How long after it came."""
    key: str = ""
    wishes: tuple[str, ...] = ()
    """Header lines."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """One simulation; with its own seed it always goes the same way."""

    seed: int
    boxes: tuple[Box, ...]
    callers: tuple[Caller, ...]
    policy: Policy = Policy()
    calm_s: float | None = None
    """When the faults stop."""


Law = Callable[[World, Schedule], Iterator[str]]
"""Yields what is wrong with a simulation that has been played."""


def play(schedule: Schedule) -> World:
    """Plays it to the end."""
    here = [
        endpoint(
            f"e{at}",
            is_local=box.is_local,
            provider="llama.cpp" if box.is_local else "openai",
            max_concurrency=box.limit,
        )
        for at, box in enumerate(schedule.boxes)
    ]
    world = World(schedule.seed, *here, policy=schedule.policy)
    for server, box in zip(world.servers, schedule.boxes, strict=True):
        _befall(world, server, box, schedule)
    for caller in schedule.callers:
        _send(world, caller)
    world.end()
    return world


def _befall(world: World, server: Server, box: Box, schedule: Schedule) -> None:
    server.fault_rate, server.faults = box.fault_rate, box.faults
    server.first_token_s = box.first_token_s
    for begin, end in box.dead:
        world.at(begin, server.kill)
        world.at(end, server.revive)
        world.at(end + LISTED_S, server.be_listed)
    if schedule.calm_s is not None:
        world.at(schedule.calm_s, lambda: setattr(server, "fault_rate", 0.0))
        world.at(schedule.calm_s, server.revive)
        world.at(schedule.calm_s + LISTED_S, server.be_listed)
    if schedule.policy.hedge:
        usual = FirstBytes()
        for _ in range(ENOUGH):
            usual.add(0.06)
        server.endpoint.state.first_bytes = {"m1": usual}


def _send(world: World, caller: Caller) -> None:
    key = (f"Authorization: Bearer {caller.key}",) if caller.key else ()
    lines = "".join(f"{line}\r\n" for line in caller.wishes + key).encode()
    more: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    client = world.ask(caller.at_s, lines=lines, **(more if caller.stream else {}))
    if caller.leaves_s is not None:
        world.at(caller.at_s + caller.leaves_s, client.leave)


# --- what holds -------------------------------------------------------------------------------


def offences(schedule: Schedule, *laws: Law) -> list[str]:
    """Plays a schedule and says what is wrong with it."""
    try:
        world = play(schedule)
    except AssertionError as error:  # of the scripts: asked what no gateway may ask
        return [f"{type(error).__name__}: {error}"]
    return [offence for law in laws for offence in law(world, schedule)]


def prove(draw: Callable[[random.Random, int], Schedule], *laws: Law, seeds: range) -> None:
    """Plays the schedules of all seeds; of the first that breaks a law it tells the smallest that still does."""
    for seed in seeds:
        schedule = draw(random.Random(seed), seed)
        if offences(schedule, *laws):
            smallest = shrink(schedule, lambda tried: bool(offences(tried, *laws)))
            found = "\n".join(offences(smallest, *laws))
            raise AssertionError(f"{found}\nseed {seed}, made smaller: play({line_of(smallest)})")


def line_of(value: object) -> str:
    """Writes a value as it is made, without what has its default."""
    if isinstance(value, tuple):
        return f"({''.join(f'{line_of(member)}, ' for member in value)})"
    if not isinstance(value, msgspec.Struct):
        return repr(value)
    members = (
        f"{field.name}={line_of(mine)}"
        for field in msgspec.structs.fields(value)
        if (mine := getattr(value, field.name)) != field.default
    )
    return f"{type(value).__name__}({', '.join(members)})"


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """Leaves out one thing after the other, as long as it still fails."""
    runs = 0
    has_shrunk = True
    while has_shrunk:
        has_shrunk = False
        for smaller in _smaller(schedule):
            runs += 1
            if runs > MOST_RUNS:
                return schedule
            if fails(smaller):
                schedule, has_shrunk = smaller, True
                break
    return schedule


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    """All schedules that have one thing less."""
    new = msgspec.structs.replace
    for size in (len(schedule.callers) // 2, 1):
        for at in range(0, len(schedule.callers), size or 1):
            callers = schedule.callers[:at] + schedule.callers[at + (size or 1) :]
            yield new(schedule, callers=callers)
    for boxes in _less(schedule.boxes, ("fault_rate", "faults", "dead", "limit")):
        if boxes:
            yield new(schedule, boxes=boxes)
    for callers in _plainer(schedule.callers, ("leaves_s", "key", "wishes", "stream")):
        yield new(schedule, callers=callers)
    for (policy,) in _plainer((schedule.policy,), schedule.policy.__struct_fields__):
        yield new(schedule, policy=policy)


def _less(boxes: tuple[Box, ...], names: tuple[str, ...]) -> Iterator[tuple[Box, ...]]:
    for at in range(len(boxes)):
        yield boxes[:at] + boxes[at + 1 :]
    yield from _plainer(boxes, names)
    for at, box in enumerate(boxes):
        for name in ("faults", "dead"):
            members = getattr(box, name)
            for out in range(len(members)):
                fewer = {name: members[:out] + members[out + 1 :]}
                yield (*boxes[:at], msgspec.structs.replace(box, **fewer), *boxes[at + 1 :])


def _plainer(rows: tuple[Any, ...], names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Copies of the rows in which one member of one row has its default."""
    for at, row in enumerate(rows):
        for field in msgspec.structs.fields(row):
            if field.name in names and getattr(row, field.name) != field.default:
                plain = msgspec.structs.replace(row, **{field.name: field.default})
                yield (*rows[:at], plain, *rows[at + 1 :])
