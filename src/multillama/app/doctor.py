"""The doctor at work: builds what calling endpoints needs, examines them side by side, and closes it."""

import asyncio
import time
from collections.abc import Sequence

from multillama.app.calling import Calling
from multillama.app.compiled import secrets_of
from multillama.app.processes import run
from multillama.config.load import BadSetting
from multillama.config.schema import Settings
from multillama.control.doctor import ANSWER_S, Check, Examined, Instruments, Outcome, examine
from multillama.control.endpoints import make_endpoints
from multillama.core.snapshot import Endpoint, Timeouts
from multillama.dataplane.reach import Step, reach
from multillama.observe.lines import Redactor

__all__ = ["Check", "Examined", "Outcome", "examine_all"]

AT_ONCE = 8
"""Endpoints beside each other."""
TIMEOUTS = Timeouts(connect_s=10.0, first_byte_s=ANSWER_S, idle_s=ANSWER_S)


def examine_all(
    settings: Settings, names: Sequence[str] = (), *, spend: bool
) -> tuple[Examined, ...]:
    """Examines the endpoints of these names, or all, in the order of their settings.

    Args:
        settings: With the endpoints.
        names: As the start-up table tells them.
        spend: False to ask for their lists of models only.

    Raises:
        BadSetting: A URL or key cannot be used, or there is no endpoint of such a name.
    """
    endpoints = make_endpoints(settings.endpoints, {})
    known = [endpoint.name for endpoint in endpoints]
    if not set(names) <= set(known):
        # the word itself is not repeated: it may be a misplaced key
        raise BadSetting(f"There is no endpoint of such a name. There are: {', '.join(known)}.")
    chosen = [endpoint for endpoint in endpoints if not names or endpoint.name in names]
    return run(_examine(chosen, Redactor(secrets_of(settings)), spend=spend))


async def _examine(
    endpoints: Sequence[Endpoint], redactor: Redactor, *, spend: bool
) -> tuple[Examined, ...]:
    calling = Calling(TIMEOUTS, _ignore)
    places = asyncio.Semaphore(AT_ONCE)

    async def way(endpoint: Endpoint) -> Sequence[Step]:
        return await reach(calling.connector, endpoint)

    tools = Instruments(
        reach=way,
        fetch=calling.fetch,
        send=calling.send,
        clean=redactor.clean_text,
        now=time.monotonic,
        wall=time.time,
    )

    async def one(endpoint: Endpoint) -> Examined:
        async with places:
            return await examine(endpoint, tools, spend=spend)

    try:
        return tuple(await asyncio.gather(*(one(endpoint) for endpoint in endpoints)))
    finally:
        await calling.close()


def _ignore(name: str, error: BaseException) -> None:
    """Lets a connection fail: the check tells of it."""
