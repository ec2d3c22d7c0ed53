"""What must hold of every simulation, whatever happens in it. Each law yields what is wrong, in words."""

from collections.abc import Iterator

from multillama.core.causes import CAUSES
from multillama.core.decision import Tried
from tests.sim.schedule import Box, Schedule
from tests.sim.servers import Served
from tests.sim.world import SimClient, World

LATE_S = 0.15
"""How late the wheel may be, and the end of a turn."""


def nothing_is_left(world: World, schedule: Schedule) -> Iterator[str]:
    """One record for each exchange, no crash, and nothing in flight, waiting or ticking."""
    yield from (f"crash: {crash!r}" for crash in world.crashes)
    yield from world.offences
    if len(world.records) != len(world.clients):
        yield f"{len(world.records)} records of {len(world.clients)} exchanges"
    if len({record.id for record in world.records}) != len(world.records):
        yield "two records of one exchange"
    for server in world.servers:
        state = server.endpoint.state
        if state.in_flight:
            yield f"{state.in_flight} in flight at {state.name}"
        if state.queue:
            yield f"{len(state.queue)} wait for {state.name}"
        if server.running:
            yield f"{state.name} still answers {list(server.running.values())}"
    if any(world.timers._slots.values()):
        yield f"the wheel still turns: {world.timers._slots}"
    if world.listener.connections:
        yield "client connections are left"


def text_is_whole(world: World, schedule: Schedule) -> Iterator[str]:
    """No text twice, none missing; an end that looks whole is whole, and every other end is told."""
    for client in world.clients:
        if not client.expected.startswith(client.got):
            yield f"{client.prompt}: got {client.got!r} of {client.expected!r}"
        elif client.has_left:
            continue
        elif client.is_whole and client.got != client.expected:
            yield f"{client.prompt}: an end that looks whole after {client.got!r}"
        elif not client.is_whole and not client.has_error:
            yield f"{client.prompt}: neither whole nor an error: {client.transport.sent!r}"


def records_are_true(world: World, schedule: Schedule) -> Iterator[str]:
    """What is recorded as well has an end."""
    records = {record.id: record for record in world.records}
    for client in world.clients:
        record = records[_id_of(world, client)]
        if record.outcome == "ok" and client.answer is None and not client.has_left:
            yield f"{client.prompt}: ok, and nothing ended it after {client.got!r}"


def _id_of(world: World, client: SimClient) -> str:
    order = sorted(world.clients, key=lambda other: other.begun_at)
    return f"r{order.index(client) + 1:x}"


def usage_is_right(world: World, schedule: Schedule) -> Iterator[str]:
    """A stream's usage is that of one request, however many endpoints have answered it."""
    for client in world.clients:
        if not (client.stream and client.is_whole):
            continue
        told = [event["usage"] for event in client.events if "usage" in event]
        words = len(client.words)
        wanted = {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words}
        if told != [wanted]:
            yield f"{client.prompt}: told {told} and not {wanted}"


def only_resume_follows_the_first_byte(world: World, schedule: Schedule) -> Iterator[str]:
    """After the client's first byte nothing is tried but to continue; each runs once, or twice with a hedge."""
    yield from (f"too many at work: {served}" for served in world.crowded)
    for record in world.records:
        begun = record.first_byte_ms
        if begun is None or schedule.policy.queue.keepalive_s is not None:
            continue
        for row in _rows(world, record.id):
            if row.begun_ms > begun and row.role != "resume":
                yield f"{record.id}: {row.role} at {row.endpoint} after the first byte"


def _rows(world: World, record_id: str) -> list[Tried]:
    story = world.stories.get(record_id)
    return [] if story is None else story.attempts


def local_stays_local(world: World, schedule: Schedule) -> Iterator[str]:
    """Who may not leave never does."""
    for served in _all_served(world):
        box = schedule.boxes[int(served.endpoint[1:])]
        caller = schedule.callers[int(served.prompt.split()[1])]
        if not box.is_local and (
            schedule.policy.local_only or "x-multillama-local-only: true" in caller.wishes
        ):
            yield f"left the house: {served}"
        for wish in caller.wishes:
            name, _, value = wish.partition(": ")
            if name == "x-multillama-only" and served.endpoint not in value.split(", "):
                yield f"asked for {value} only: {served}"


def _all_served(world: World) -> list[Served]:
    return sorted(served for server in world.servers for served in server.served)


def limits_are_kept(world: World, schedule: Schedule) -> Iterator[str]:
    """No endpoint has more to do than it can."""
    for server, box in zip(world.servers, schedule.boxes, strict=True):
        if box.limit is not None and server.most_running > box.limit:
            yield f"{server.most_running} at one time at {server.endpoint.name}"


def budget_is_kept(world: World, schedule: Schedule) -> Iterator[str]:
    """Repetitions are a share of the requests, and a few a second."""
    retry = schedule.policy.retry
    asked = [client.begun_at for client in world.clients]
    begun = {f"r{at:x}": when for at, when in enumerate(sorted(asked), 1)}
    taken = sorted(
        begun[record.id] + at_ms / 1000
        for record in world.records
        for at_ms in _repetitions(_rows(world, record.id))
    )
    for at in taken:
        repetitions = sum(int(at) - 10 < int(when) and when <= at for when in taken)
        requests = sum(int(at) - 10 < int(when) and when <= at + 0.001 for when in asked)
        allowed = 10 * retry.budget_floor_per_s + retry.budget_percent / 100 * requests
        if repetitions > allowed:
            yield f"{repetitions} repetitions at {at:.2f}, and {allowed:.1f} are allowed"


def _repetitions(rows: list[Tried]) -> list[float]:
    """When one exchange took from the budget; to go on from where nobody was reached is free."""
    found = []
    for row in rows:
        then = row.then or ""
        if row.role == "hedge":
            found.append(row.begun_ms)
        if then.startswith("waited") or (
            then.startswith("tried the next") and CAUSES[row.cause or ""].reached
        ):
            found.append(row.over_ms or 0.0)
    return found


def attempts_are_few(world: World, schedule: Schedule) -> Iterator[str]:
    """No exchange reaches more endpoints than it may, but for resumes, and one more after a lost race."""
    most = schedule.policy.retry.max_attempts + schedule.policy.hedge
    for record in world.records:
        rows = [row for row in _rows(world, record.id) if row.role in ("first", "same", "next")]
        reached = [row for row in rows if row.cause is None or CAUSES[row.cause].reached]
        repeated = [row for row in rows if row.role == "same"]
        endpoints = len(schedule.boxes)
        if len(reached) > most or len(repeated) >= most or len(rows) > endpoints * most + most:
            yield f"{record.id}: {[(row.role, row.cause) for row in rows]}"


def deadline_is_kept(world: World, schedule: Schedule) -> Iterator[str]:
    """The client has a first event, or a failure, before its deadline."""
    limit = schedule.policy.deadline_s
    for client in world.clients:
        if limit is None or client.has_left:
            continue
        took = (client.first_at or client.ended_at) - client.begun_at
        if took > limit + LATE_S:
            yield f"{client.prompt}: nothing for {took:.2f} s"


def everybody_is_served(world: World, schedule: Schedule) -> Iterator[str]:
    """For schedules in which nothing may fail as long as somebody is there."""
    for begin in [time for box in schedule.boxes for dead in box.dead for time in dead]:
        if all(_is_dead(box, begin) for box in schedule.boxes):
            return
    for client in world.clients:
        if not client.has_left and not client.is_whole:
            yield f"{client.prompt} failed: {client.transport.sent[-300:]!r} {_story_of(world, client)}"


def _is_dead(box: Box, at: float) -> bool:
    return any(begin <= at <= end for begin, end in box.dead)


def _story_of(world: World, client: SimClient) -> object:
    rows = _rows(world, _id_of(world, client))
    return [(row.endpoint, row.role, row.cause, row.then) for row in rows]


ALWAYS = (
    nothing_is_left, text_is_whole, records_are_true, usage_is_right,
    only_resume_follows_the_first_byte, local_stays_local,
    limits_are_kept, budget_is_kept, attempts_are_few, deadline_is_kept,
)  # fmt: skip
