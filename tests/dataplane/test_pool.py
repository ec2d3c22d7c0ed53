import asyncio

import pytest

from multillama.core.snapshot import Timeouts
from multillama.dataplane.pool import BUFFER_BYTES, Origin, Pool
from multillama.dataplane.timers import NEVER
from multillama.dataplane.upstream import Upstream
from multillama.errors import GatewayError
from multillama.tasks import Tasks
from tests.core.samples import endpoint
from tests.dataplane.parts import FakeLoop, FakeTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TIMEOUTS = Timeouts(connect_s=5, pool_idle_s=50)


class Connector:
    """Connects when the test says so."""

    def __init__(self):
        self.waiting = []

    async def connect(self, here, upstream):
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        error = await future
        if error is not None:
            raise error
        upstream.connection_made(FakeTransport(upstream))
        if self.closes_at_once:
            upstream.connection_lost(None)

    closes_at_once = False

    async def let(self, error=None):
        """Lets the oldest attempt come or fail."""
        self.waiting.pop(0).set_result(error)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


class Outcome:
    """What a connecting tells."""

    def __init__(self):
        self.upstream = None
        self.error = None

    def come(self, upstream):
        self.upstream = upstream

    def fail(self, error):
        self.error = error


@pytest.fixture
def loop():
    return FakeLoop()


@pytest.fixture
def crashes():
    return []


@pytest.fixture
def connector():
    return Connector()


@pytest.fixture
async def pool(loop, crashes, connector):
    tasks = Tasks(lambda name, error: crashes.append(f"{name}: {error}"))
    pool = Pool(loop.timers(), tasks, connector)
    yield pool
    pool.close()
    await tasks.close()


async def begin(pool, here=None):
    here = here or endpoint("here")
    outcome = Outcome()
    origin = pool.origin_of(here, TIMEOUTS)
    connecting = pool.connect(origin, here, outcome.come, outcome.fail)
    await asyncio.sleep(0)
    return connecting, outcome


# new connections


async def test_a_connection_that_comes_is_told(pool, connector):
    _, outcome = await begin(pool)

    await connector.let()

    assert outcome.error is None
    assert outcome.upstream.transport.high == BUFFER_BYTES
    assert outcome.upstream in pool.origin_of(endpoint("here"), TIMEOUTS).open


async def test_a_connection_that_fails_is_told(pool, connector):
    _, outcome = await begin(pool)

    await connector.let(GatewayError("endpoint_unreachable", "No.", endpoint="here"))

    assert (outcome.upstream, outcome.error.kind) == (None, "endpoint_unreachable")


async def test_a_connection_that_ends_as_it_comes_is_a_failure(pool, connector):
    connector.closes_at_once = True
    _, outcome = await begin(pool)

    await connector.let()

    assert (outcome.upstream, outcome.error.kind) == (None, "endpoint_closed")
    assert outcome.error.origin == "endpoint:here"


async def test_a_connection_that_takes_too_long_is_given_up(pool, connector, loop):
    _, outcome = await begin(pool)

    loop.advance(4.9)
    before = outcome.error
    loop.advance(0.3)
    await asyncio.sleep(0)

    assert (before, outcome.error.kind) == (None, "connect_timeout")
    assert "within 5 s" in outcome.error.text
    assert connector.waiting[0].cancelled()


@pytest.mark.parametrize("error", [None, GatewayError("endpoint_unreachable", "No.")])
async def test_once_it_is_told_there_is_no_deadline(pool, connector, loop, error):
    _, outcome = await begin(pool)
    await connector.let(error)
    told = outcome.error

    loop.advance(100)

    assert outcome.error is told


async def test_who_gives_up_hears_nothing_more(pool, connector, loop):
    connecting, outcome = await begin(pool)

    connecting.cancel()
    connecting.cancel()
    await asyncio.sleep(0)
    loop.advance(100)

    assert (outcome.upstream, outcome.error) == (None, None)
    assert connector.waiting[0].cancelled()
    assert connecting.deadline == NEVER


async def test_to_give_up_what_has_come_is_nothing(pool, connector):
    connecting, outcome = await begin(pool)
    await connector.let()

    connecting.cancel()

    assert outcome.upstream.transport.ended is None


async def test_a_bug_while_connecting_is_reported_and_ends_as_a_timeout(
    pool, connector, loop, crashes
):
    _, outcome = await begin(pool)

    await connector.let(ZeroDivisionError("a bug"))
    await asyncio.sleep(0)
    loop.advance(5.2)

    assert crashes == ["connect to here: a bug"]
    assert outcome.error.kind == "connect_timeout"


# idle connections


@pytest.fixture
def origin(loop):
    return Origin(loop.timers(), TIMEOUTS)


def connection(origin):
    upstream = Upstream(origin)
    upstream.connection_made(FakeTransport(upstream))
    origin.open.add(upstream)
    return upstream


def test_there_is_none_at_first(origin):
    assert origin.take() is None


def test_the_youngest_is_taken_first_so_that_the_others_can_expire(origin):
    first, second = connection(origin), connection(origin)
    origin.put(first)
    origin.put(second)

    assert [origin.take(), origin.take(), origin.take()] == [second, first, None]


def test_one_that_is_closing_is_passed_over(origin):
    first, second = connection(origin), connection(origin)
    origin.put(first)
    origin.put(second)
    second.transport.close()

    assert [origin.take(), origin.take()] == [first, None]


def test_one_that_has_ended_is_forgotten(origin):
    first = connection(origin)
    origin.put(first)

    first.transport.lose()

    assert (origin.take(), origin.open) == (None, set())


def test_one_that_is_idle_for_long_is_closed(origin, loop):
    first = connection(origin)
    origin.put(first)

    loop.advance(49.9)
    before = first.transport.ended
    loop.advance(0.3)

    assert (before, first.transport.ended) == (None, "abort")


# all origins


async def test_endpoints_on_one_server_share_its_connections(pool):
    first = pool.origin_of(endpoint("a", fixed_head=b"authorization: 1\r\n"), TIMEOUTS)

    assert pool.origin_of(endpoint("b", fixed_head=b"authorization: 2\r\n"), TIMEOUTS) is first


@pytest.mark.parametrize("other", [{"port": 8001}, {"host": "127.0.0.2"}, {"scheme": "https"}])
async def test_another_server_has_its_own(pool, other):
    first = pool.origin_of(endpoint(), TIMEOUTS)

    assert pool.origin_of(endpoint(**other), TIMEOUTS) is not first


async def test_closing_ends_idle_and_busy_connections(pool, connector):
    outcomes = [(await begin(pool))[1] for _ in range(2)]
    for _ in outcomes:
        await connector.let()
    idle, busy = (outcome.upstream for outcome in outcomes)
    pool.origin_of(endpoint("here"), TIMEOUTS).put(idle)

    pool.close()

    assert [idle.transport.ended, busy.transport.ended] == ["abort", "abort"]


async def test_who_has_time_limits_of_its_own_shares_with_none_that_has_others(pool):
    own = Timeouts(idle_s=1)
    first = pool.origin_of(endpoint("a"), TIMEOUTS)

    with_own = pool.origin_of(endpoint("b", timeouts=own), own)

    assert (with_own is first, with_own.timeouts) == (False, own)
    assert pool.origin_of(endpoint("c", timeouts=Timeouts(idle_s=1)), own) is with_own


async def test_other_time_limits_after_a_reload_keep_the_connections(pool):
    first = pool.origin_of(endpoint(), TIMEOUTS)
    newer = Timeouts(idle_s=1)

    second = pool.origin_of(endpoint(), newer)

    assert (second is first, second.timeouts) == (True, newer)
