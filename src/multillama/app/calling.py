"""What calling endpoints needs: connections, their deadlines and their tasks, built and closed together.

Serving, listing and the doctor call through the same pool and parser, so what one of them finds holds for the others.
"""

import asyncio
import os
from collections.abc import Callable

from multillama.control.lister import Answer, Headers
from multillama.core.snapshot import Endpoint, Timeouts
from multillama.dataplane.connect import Connector
from multillama.dataplane.fetch import Question, fetch
from multillama.dataplane.pool import Pool
from multillama.dataplane.timers import Timers
from multillama.tasks import Tasks

MAX_PROBE_BYTES = 1024 * 1024
"""vLLM's metrics, the longest of what probes read, have some 100 kB."""


class Calling:
    """Timers, tasks and connections of one event loop."""

    def __init__(self, timeouts: Timeouts, report: Callable[[str, BaseException], None]) -> None:
        self.timeouts = timeouts
        self.timers = Timers(asyncio.get_running_loop())
        self.tasks = Tasks(report)
        self.connector = Connector(os.environ)
        self.pool = Pool(self.timers, self.tasks, self.connector)

    async def fetch(self, endpoint: Endpoint, target: str, fields: Headers) -> Answer:
        """Is the `Fetch` of discovery."""
        return await self._ask(endpoint, Question(target, fields))

    async def probe(self, endpoint: Endpoint, target: str, fields: Headers) -> Answer:
        """Is the `Fetch` of probes: it takes less."""
        return await self._ask(endpoint, Question(target, fields, max_bytes=MAX_PROBE_BYTES))

    async def send(self, endpoint: Endpoint, target: str, fields: Headers, body: bytes) -> Answer:
        """Is the `Send` of the doctor: it posts JSON."""
        return await self._ask(endpoint, Question(target, fields, body, MAX_PROBE_BYTES))

    async def close(self) -> None:
        """Ends what runs and all connections."""
        await self.tasks.close()
        self.pool.close()
        self.timers.close()

    async def _ask(self, endpoint: Endpoint, question: Question) -> Answer:
        timeouts = endpoint.timeouts or self.timeouts
        return Answer(*await fetch(self.pool, endpoint, question, timeouts=timeouts))
