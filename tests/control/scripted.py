"""The world as the control plane sees it, scripted: endpoints that answer from a table, and a clock."""

import asyncio
import heapq
import itertools
import json
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from multillama.config.schema import EndpointSetting
from multillama.control.discovery import Answer, Clock
from multillama.control.endpoints import make_endpoints
from multillama.control.lister import Headers
from multillama.core.snapshot import Endpoint
from multillama.errors import GatewayError

Reply = Answer | GatewayError | Callable[[Headers], Answer]

REFUSED = GatewayError(
    "endpoint_unreachable", "The endpoint cannot be reached: connection refused. Is it running?"
)


def endpoint(url: str, key: str | None = None) -> Endpoint:
    return make_endpoints([EndpointSetting(url=url, key=key)], {})[0]


def listing(*ids: str, **fields: object) -> Answer:
    """OpenAI's list of the ids, each row with the further fields."""
    rows = [{"id": name, "object": "model", **fields} for name in ids]
    return as_json({"object": "list", "data": rows})


def as_json(value: object, status: int = 200) -> Answer:
    return Answer(status, ((b"content-type", b"application/json"),), json.dumps(value).encode())


def status(code: int, **headers: str) -> Answer:
    fields = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return Answer(code, fields, b'{"error":{"message":"no"}}')


class Servers:
    """A `Fetch` that answers from a table of origin and target; everything else is 404 or refused."""

    def __init__(self, replies: dict[str, Reply] | None = None) -> None:
        self.replies = dict(replies or {})
        """`http://host:port/path?query` to the reply."""
        self.calls: list[str] = []
        self.headers: list[Headers] = []
        self.gates: dict[str, asyncio.Event] = {}
        """Name of an endpoint to what its answers wait for."""

    async def __call__(self, endpoint: Endpoint, path: str, headers: Headers) -> Answer:
        url = f"{endpoint.scheme}://{endpoint.name.partition('#')[0]}{path}"
        self.calls.append(url)
        self.headers.append(headers)
        if gate := self.gates.get(endpoint.name):
            await gate.wait()
        reply = self.replies.get(url)
        if reply is None:
            origins = {urlsplit(known)[:2] for known in self.replies}
            reply = status(404) if urlsplit(url)[:2] in origins else REFUSED
        if isinstance(reply, GatewayError):
            raise GatewayError(reply.kind, reply.text)
        return reply(headers) if callable(reply) else reply


class VirtualClock:
    """Time that moves only when told to."""

    def __init__(self) -> None:
        self.at = 1000.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, wall=lambda: 1.7e9 + self.at, sleep=self._sleep)

    async def advance(self, seconds: float) -> None:
        """Let so much time pass; everyone whose sleep ends on the way wakes at their own time."""
        end = self.at + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.at, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)
            await settle()
        self.at = end
        await settle()

    async def _sleep(self, seconds: float) -> None:
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.at + seconds, next(self._order), sleeper))
        await sleeper


async def settle(turns: int = 40) -> None:
    """Let everything that can run do so, without any time passing."""
    for _ in range(turns):
        await asyncio.sleep(0)


def ids(rows: Sequence[object]) -> list[str]:
    return [getattr(row, "id") for row in rows]  # noqa: B009
