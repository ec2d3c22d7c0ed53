"""The scripted server: an LLM endpoint on loopback whose every answer the test chooses."""

import asyncio
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Final, Self

from multillama.tasks import Tasks
from multillama.testing.answers import Answer, answer_to
from multillama.testing.behaviours import GOOD, Behaviour
from multillama.testing.connection import Connection, Request

TEXT: Final = "Hello from the scripted server."


class ScriptedServer:
    """An LLM server for tests, usable as `async with`, and as `with` from code without a loop.

    ```python
    async with ScriptedServer(["m1"]) as server:
        server.next(Behaviour(status="500 Oops"), Behaviour(cut="mid-body", end="reset"))
        ...  # two calls of server.url that fail, then only good ones
        await server.until(lambda s: s.disconnects == 1)
    ```
    """

    def __init__(self, models: Iterable[str] = ("m1",), *, text: str = TEXT, port: int = 0) -> None:
        """Takes the models it lists, the text it answers with, and its port (0: any free one)."""
        self.models = list(models)
        self.port = port
        self.default = GOOD
        """How it answers once the queue of `next()` is empty."""
        self.listing = GOOD
        """How it answers `GET /v1/models` and an empty object, which take nothing from the queue."""
        self.on_accept: Behaviour | None = None
        """Played on a new connection before any request, for servers that speak or leave first."""
        self.requests: list[Request] = []
        self.connections: list[Connection] = []
        self._words = re.findall(r"\S+\s*", text)
        self._queue: deque[Behaviour] = deque()
        self._permits = asyncio.Semaphore(0)
        self._steps = 0
        self._changed = asyncio.Event()
        self._errors: list[BaseException] = []
        self._tasks = Tasks(lambda _name, error: self._errors.append(error))
        self._listener: asyncio.Server
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[Request]:
        """The requests without those that a gateway asks for itself."""
        return [request for request in self.requests if not request.is_question]

    @property
    def disconnects(self) -> int:
        """How many requests the peer gave up before it had the whole answer."""
        return sum(request.abandoned_at is not None for request in self.requests)

    def next(self, *behaviours: Behaviour) -> None:
        """Queues how the next calls are answered, one each."""
        self._queue.extend(behaviours)

    async def step(self, count: int = 1) -> None:
        """Lets what is `held` or `stepwise` take so many steps; returns when they are taken."""
        goal = self._steps + count
        for _ in range(count):
            self._permits.release()
        await self.until(lambda server: server._steps >= goal)

    async def until(self, fact: Callable[[Self], bool], *, timeout_s: float = 5.0) -> None:
        """Waits until `fact(server)` holds; raises `TimeoutError` with what did happen instead."""
        try:
            async with asyncio.timeout(timeout_s):
                while not fact(self):
                    await self._changed.wait()
        except TimeoutError:
            seen = [str(item) for item in (*self.connections, *self.requests)]
            raise TimeoutError("\n".join([f"not within {timeout_s} s; instead:", *seen])) from None

    def go_down(self) -> None:
        """Refuses connections and resets those that are open, as a crash does."""
        self._listener.close()
        for connection in self.connections:
            connection.close("reset")

    async def come_back(self) -> None:
        """Listens again on the same port."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self), "127.0.0.1", self.port)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self.come_back()
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self.go_down()
        await self._tasks.close()
        await asyncio.sleep(0)  # closed sockets are freed in the loop's next turn
        if self._errors and error[0] is None:
            raise self._errors[0]

    def __enter__(self) -> Self:
        loop = asyncio.new_event_loop()
        # The caller has no loop of its own, so the server's must run beside it.
        self._thread = threading.Thread(target=loop.run_forever, daemon=True)
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self.__aenter__(), loop).result()

    def __exit__(self, *error: object) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self.__aexit__(*error), self._loop).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    # what connections call

    def now(self) -> float:
        return self._loop.time()

    def notify(self) -> None:
        """Tells those who wait in `until` that a fact is new."""
        self._changed.set()
        self._changed.clear()

    async def permit(self) -> None:
        """Waits for a `step()`."""
        await self._permits.acquire()
        self._steps += 1
        self.notify()

    def on_connection(self, connection: Connection) -> asyncio.Task[None]:
        self.connections.append(connection)
        self.notify()
        return self._tasks.spawn(connection.serve(), name="scripted connection")

    def on_request(self, request: Request) -> Behaviour:
        self.requests.append(request)
        self.notify()
        if request.is_question:
            return self.listing
        return self._queue.popleft() if self._queue else self.default

    def answer(self, request: Request, behaviour: Behaviour) -> Answer:
        words: Iterable[str] = self._words
        if behaviour.events is not None:
            words = repeat("word ", behaviour.events)
        return answer_to(request.target, bytes(request.body), models=self.models, words=words)
