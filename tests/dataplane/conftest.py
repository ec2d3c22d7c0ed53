import asyncio

import uvloop


def pytest_asyncio_loop_factories():
    """What touches sockets must hold on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
