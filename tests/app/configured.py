"""A gateway behind a configuration file, for tests that look at what one member of it changes."""

import asyncio
import contextlib
import copy
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from multillama.app.gateway import Gateway
from multillama.cli.serve import world
from multillama.config.sources import load_settings
from multillama.core.strategies import Live
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import Answer, ask, chat

Part = Mapping[str, Any]
FAILS = Behaviour(status="503 Service Unavailable", body=b"{}")


class Configured:
    """Two servers with one model, `a` and `b`, and a gateway in front of them that a file configures."""

    def __init__(self, gateway: Gateway, a: ScriptedServer, b: ScriptedServer) -> None:
        self.gateway, self.a, self.b = gateway, a, b
        self.port = int(gateway.url.rpartition(":")[2])
        self.then: list[str] = []
        """What was done after each attempt, in words."""
        listener = gateway.listener
        listener.random = lambda: 0.999  # the longest of every random wait
        listener.live = Live(lambda: 0.5, listener.live.allows)
        listener.on_story = lambda record, story: self.then.extend(
            row.then for row in story.tell(record).attempts if row.then
        )

    async def ask(self, data: bytes | None = None) -> Answer:
        return await ask(self.port, data or chat())

    async def who(self, times: int = 1, data: bytes | None = None) -> str:
        """Asks so many times, one after the other, and says who answered; `-` for a failure."""
        answers = [await self.ask(data) for _ in range(times)]
        return "".join(
            (one.header("x-multillama-endpoint") or "-") if one.status == 200 else "-"
            for one in answers
        )

    def begin(self, data: bytes | None = None) -> "asyncio.Task[Answer]":
        return asyncio.create_task(self.ask(data))  # noqa: TID251 - whoever begins it awaits it

    async def until(self, fact: Callable[[], object]) -> None:
        """Waits for what nobody is told of."""
        async with asyncio.timeout(5):
            while not fact():  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.002)

    def later(self, seconds: float) -> None:
        """Lets the gateway's clock be so much later: for what was left alone, not for what waits now."""
        listener = self.gateway.listener
        now = listener.now
        listener.now = lambda: now() + seconds


def merged(under: Part, over: Part) -> dict[str, Any]:
    """Puts one part of a file over another."""
    result = dict(copy.deepcopy(under))
    for name, value in over.items():
        known = result.get(name)
        both = isinstance(known, dict) and isinstance(value, dict)
        result[name] = merged(known, value) if both else value
    return result


@contextlib.asynccontextmanager
async def configured(folder: Path, parts: Part) -> AsyncIterator[Configured]:
    """Serves under a file.

    Args:
        folder: Where to write it.
        parts: Its sections, and `a` and `b` for the rows of `endpoints`; `{a}`, `{b}` and `{mute}` in a
            URL are the address of a server, and of one that accepts and says nothing.
    """
    async with ScriptedServer(["m1"]) as a, ScriptedServer(["m1"]) as b, ScriptedServer() as mute:
        mute.on_accept = Behaviour(cut="before-head", end="hang")
        rest = {name: value for name, value in parts.items() if name not in ("a", "b")}
        rows = []
        for name in ("a", "b"):
            row = {"name": name, "url": f"{{{name}}}", **parts.get(name, {})}
            places = {"a": a.url, "b": b.url, "mute": mute.url.removeprefix("http://")}
            rows.append(row | {"url": row["url"].format(**places)})
        file = folder / "multillama.yaml"
        listen = {"port": 1, "host": "127.0.0.1"}
        file.write_text(json.dumps({"listen": listen, "endpoints": rows, **rest}))  # JSON is YAML
        settings = load_settings({"config": str(file)}, world()).settings
        any_port = msgspec.structs.replace(settings, port=0)
        async with Gateway(any_port) as gateway:
            await gateway.discovery.first_round(5)
            try:
                yield Configured(gateway, a, b)
            finally:
                await gateway.listener.drain(0.0)
