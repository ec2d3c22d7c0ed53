"""What is measured, and the bars: each function starts what it needs and yields its figures.

Noise only ever adds time, so costs are taken several times, alternating with what stands beside them,
and the best run of each counts; every run is kept in results.json.
"""

import asyncio
import random
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import stage as at
from bench.figure import Figure, ratio
from bench.load import Cost, Load, answers, measure, wrk
from bench.processes import is_listening, rss_bytes
from bench.sse_upstream import PORT as SSE_PORT
from bench.stage import Stage
from bench.streams import open_streams

GATEWAY = at.chat_url(at.GATEWAY_PORTS[0])
NGINX = at.chat_url(at.NGINX_JSON_PORT)
ENDPOINT = at.chat_url(at.JSON_PORT)
SSE_WRITTEN = f"http://127.0.0.1:{SSE_PORT}/written"
STREAMS = 8000
PAUSE_MS = 5
"""Of 32 connections: neither the gateway nor nginx has all it can take."""
LONG_REQUESTS = 1_000_000
STARTS = 11
LISTED = 1000
"""Models in the list whose answer is measured."""


def alternate(
    first: tuple[Load, int], second: tuple[Load, int], rounds: int
) -> tuple[list[Cost], list[Cost]]:
    """Warms both up, then measures them in turn."""
    for load, _ in (first, second):
        wrk(load, seconds=2)
    pairs = [(measure(*first), measure(*second)) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _cpu(costs: list[Cost]) -> list[float]:
    return [cost.cpu_us for cost in costs]


def plain(stage: Stage, rounds: int) -> Iterator[Figure]:
    """Requests and answers that are not streamed, and a gateway that has nothing to do."""
    with at.gateway(stage, [f"http://127.0.0.1:{at.JSON_PORT}/"]) as pid:
        time.sleep(2)
        idle = rss_bytes(pid) / 1e6
        yield Figure(
            "idle_rss", "memory of an idle gateway", idle, "MB", 45, f"{idle:.1f} MB", "", {}
        )
        ours, theirs = alternate((Load(GATEWAY), pid), (Load(NGINX), stage.nginx), rounds)
        yield ratio(
            "chat",
            "chat, 1.2 kB in, 0.8 kB out, 32 connections",
            bar=3.2,
            unit="x nginx",
            samples={"gateway": _cpu(ours), "nginx": _cpu(theirs)},
            what="CPU µs per request",
        )
        yield _speed(ours, theirs)
        paced = [Load(url, pause_ms=PAUSE_MS) for url in (GATEWAY, NGINX)]
        ours, theirs = alternate((paced[0], pid), (paced[1], stage.nginx), rounds)
        yield ratio(
            "chat_paced",
            "the same, both at the same 5,000 requests/s or so",
            bar=None,
            unit="x nginx",
            samples={"gateway": _cpu(ours), "nginx": _cpu(theirs)},
            what="CPU µs per request",
        )
        pads = [Load(url, pad_bytes=100_000) for url in (GATEWAY, NGINX)]
        ours, theirs = alternate((pads[0], pid), (pads[1], stage.nginx), rounds)
        yield ratio(
            "chat_100_kb",
            "chat, 100 kB in, 0.8 kB out, 32 connections",
            bar=1.6,
            unit="x nginx",
            samples={"gateway": _cpu(ours), "nginx": _cpu(theirs)},
            what="CPU µs per request",
        )
        yield from _latency(stage, pid, rounds)


def _speed(ours: list[Cost], theirs: list[Cost]) -> Figure:
    mine, other = [cost.per_s for cost in ours], [cost.per_s for cost in theirs]
    return Figure(
        name="chat_per_s",
        title="the same: requests per second of one core",
        value=max(mine),
        unit="/s",
        bar=None,
        gateway=f"p50 {min(c.p50_us for c in ours) / 1e3:.1f} ms",
        beside=f"nginx {max(other):.0f} /s",
        samples={"gateway": mine, "nginx": other},
    )


def _latency(stage: Stage, pid: int, rounds: int) -> Iterator[Figure]:
    """What a request waits longer than without us, when nothing else goes on."""
    loads = {"gateway": (GATEWAY, pid), "direct": (ENDPOINT, pid), "nginx": (NGINX, stage.nginx)}
    costs: dict[str, list[Cost]] = {who: [] for who in loads}
    for _ in range(rounds):
        for who, (url, counted) in loads.items():
            costs[who].append(measure(Load(url, connections=1, seconds=3), counted))
    for part, bar in (("p50_us", 150.0), ("p99_us", 1000.0)):
        samples = {who: [getattr(cost, part) for cost in costs[who]] for who in costs}
        best = {who: min(values) for who, values in samples.items()}
        yield Figure(
            name=f"added_{part}",
            title=f"added latency at 1 connection, {part.removesuffix('_us')}",
            value=best["gateway"] - best["direct"],
            unit="µs",
            bar=bar,
            gateway=f"{best['gateway']:.0f} µs",
            beside=f"direct {best['direct']:.0f} µs; nginx adds {best['nginx'] - best['direct']:.0f}",
            samples=samples,
        )


def streamed(stage: Stage, rounds: int) -> Iterator[Figure]:
    """Events of streams, and streams that are open and silent."""
    with at.gateway(stage, [f"http://127.0.0.1:{SSE_PORT}/"]) as pid:
        yield _open_streams(pid)
    with at.gateway(stage, [f"http://127.0.0.1:{SSE_PORT}/"]) as pid:
        ours, theirs = (
            Load(url, connections=100, seconds=5, stream=True, written_url=SSE_WRITTEN)
            for url in (GATEWAY, at.chat_url(at.NGINX_SSE_PORT))
        )
        costs = alternate((ours, pid), (theirs, stage.nginx), rounds)
        yield ratio(
            "sse_event",
            "streaming, 100 connections of 100 events/s each",
            bar=1.25,
            unit="x nginx",
            samples={"gateway": _cpu(costs[0]), "nginx": _cpu(costs[1])},
            what="CPU µs per event",
        )


def floor(stage: Stage, rounds: int) -> Iterator[Figure]:
    """What the least relay costs that the gateway's libraries allow; see `bench/floor.py`."""
    stream = Load(
        at.chat_url(at.NGINX_SSE_PORT),
        connections=100,
        seconds=5,
        stream=True,
        written_url=SSE_WRITTEN,
    )
    for name, title, load, port in (
        ("floor_chat", "chat, 32 connections", Load(NGINX), at.JSON_PORT),
        ("floor_100_kb", "chat with 100 kB in", Load(NGINX, pad_bytes=100_000), at.JSON_PORT),
        ("floor_event", "streaming", stream, SSE_PORT),
    ):
        with at.floor(port) as pid:
            ours, theirs = alternate((load._replace(url=GATEWAY), pid), (load, stage.nginx), rounds)
        yield ratio(
            name,
            f"the least relay in Python, with no policy: {title}",
            bar=None,
            unit="x nginx",
            samples={"least relay": _cpu(ours), "nginx": _cpu(theirs)},
            what="CPU µs",
        )


def _open_streams(pid: int) -> Figure:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(STREAMS, (files - 200) // 2)  # the gateway holds two sockets for each

    async def grown() -> int:
        before = rss_bytes(pid)
        async with open_streams(at.GATEWAY_PORTS[0], count):
            return rss_bytes(pid) - before

    each = asyncio.run(grown()) / count / 1000
    return Figure(
        name="stream_rss",
        title=f"memory of an open idle stream, at {count:,} streams",
        value=each,
        unit="kB",
        bar=12,
        gateway=f"{each * count / 1000:.0f} MB for all",
        beside="",
        samples={},
    )


def scale(stage: Stage, rounds: int) -> Iterator[Figure]:
    """A thousand endpoints with ten models each, beside one endpoint.

    Once the requests go to one endpoint of the thousand: the cost of a large configuration. Once they
    go to all of them in turn: that of a thousand connections that have gone cold in every cache, too.
    """
    addresses = at.addresses(at.MANY)
    models = at.model_names(addresses)
    random.Random(1).shuffle(models)
    big, small = (at.chat_url(port) for port in at.GATEWAY_PORTS)
    of_one = _listed(stage, "one", at.model_names(addresses[:1]))
    urls = [f"http://{address}:{at.JSON_PORT}/" for address in addresses]
    with (
        at.gateway(stage, urls, port=at.GATEWAY_PORTS[0]) as many,
        at.gateway(stage, urls[:1], port=at.GATEWAY_PORTS[1]) as one,
    ):
        at.wait_for(at.GATEWAY_PORTS[0], models=len(models))
        for name, which, file, bar in (
            ("scale", "one", of_one, 1.05),
            ("scale_all", "all", _listed(stage, "all", models), None),
        ):
            ours, theirs = alternate(
                (Load(big, models=file), many), (Load(small, models=of_one), one), rounds
            )
            yield ratio(
                name,
                f"chat with {at.MANY:,} endpoints and {len(models):,} models, {which} in use",
                bar=bar,
                unit="x 1 endpoint",
                samples={"gateway": _cpu(ours), "1 endpoint": _cpu(theirs)},
                what="CPU µs per request",
            )


def _listed(stage: Stage, name: str, models: list[str]) -> Path:
    """Writes models into a file for wrk."""
    file = stage.scratch / f"models-{name}"
    file.write_text("\n".join(models) + "\n")
    return file


def listing(stage: Stage, rounds: int) -> Iterator[Figure]:
    """The list of 1,000 models, which is rendered once, and one model of it beside."""
    addresses = at.addresses(LISTED // at.MODELS_EACH)
    base = f"http://127.0.0.1:{at.GATEWAY_PORTS[0]}/v1/models"
    one = f"{base}/{at.model_names(addresses)[0]}"
    with at.gateway(stage, [f"http://{address}:{at.JSON_PORT}/" for address in addresses]) as pid:
        at.wait_for(at.GATEWAY_PORTS[0], models=LISTED)
        size = len(at.get(at.GATEWAY_PORTS[0], "/v1/models"))
        whole, single = alternate((Load(base, get=True), pid), (Load(one, get=True), pid), rounds)
    yield Figure(
        name="models",
        title=f"GET /v1/models of {LISTED:,} models, {size / 1000:.0f} kB, from memory",
        value=min(_cpu(whole)),
        unit="CPU µs",
        bar=100,
        gateway=f"p50 {min(cost.p50_us for cost in whole):.0f} µs, {max(cost.per_s for cost in whole):.0f} /s",
        beside=f"one model {min(_cpu(single)):.1f} CPU µs",
        samples={"list": _cpu(whole), "one model": _cpu(single)},
    )


def routing(stage: Stage, rounds: int) -> Iterator[Figure]:
    """One model that three endpoints have, balanced, beside three models that one of them has each."""
    addresses = at.addresses(3)
    of_all = _listed(stage, "all-three", ["m1"] * 3)
    of_each = _listed(stage, "each", [f"{address}-0" for address in addresses])
    with at.gateway(stage, [f"http://{address}:{at.JSON_PORT}/" for address in addresses]) as pid:
        chosen, given = (Load(GATEWAY, models=file) for file in (of_all, of_each))
        ours, theirs = alternate((chosen, pid), (given, pid), rounds)
    yield Figure(
        name="routing",
        title="choosing among three endpoints of a model, added",
        value=min(_cpu(ours)) - min(_cpu(theirs)),
        unit="CPU µs",
        bar=4,
        gateway=f"{min(_cpu(ours)):.1f} CPU µs per request, worst {max(_cpu(ours)):.1f}",
        beside=f"no choice {min(_cpu(theirs)):.1f}, worst {max(_cpu(theirs)):.1f}",
        samples={"a choice": _cpu(ours), "no choice": _cpu(theirs)},
    )


def starts(stage: Stage, rounds: int) -> Iterator[Figure]:
    """How long the commands take; medians, as a person at a shell would meet them."""
    help_ms = [_help_ms() for _ in range(STARTS)]
    bare_ms = [_took_ms([sys.executable, "-c", "pass"]) for _ in range(STARTS)]
    yield Figure(
        name="help_ms",
        title="multillama --help",
        value=statistics.median(help_ms),
        unit="ms",
        bar=150,
        gateway=f"best {min(help_ms):.0f}, worst {max(help_ms):.0f} ms",
        beside=f"python -c pass {statistics.median(bare_ms):.0f} ms",
        samples={"gateway": help_ms, "python": bare_ms},
    )
    ready_ms = [_ready_ms() for _ in range(STARTS)]
    yield Figure(
        name="ready_ms",
        title="start to ready, the one endpoint being down",
        value=statistics.median(ready_ms),
        unit="ms",
        bar=400,
        gateway=f"best {min(ready_ms):.0f}, worst {max(ready_ms):.0f} ms",
        beside="",
        samples={"gateway": ready_ms},
    )


def _took_ms(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1e3


def _help_ms() -> float:
    return _took_ms([at.multillama(), "--help"])


def _ready_ms() -> float:
    """From the start of the command to the first answer of `/health`."""
    port = at.GATEWAY_PORTS[0]
    command = [at.multillama(), "--port", str(port), "--host", "127.0.0.1"]
    command += ["--url", "http://127.0.0.1:9/", "--key", "null"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_listening(port):
            time.sleep(0.002)
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            if b" 200 " not in client.recv(4096):
                raise ConnectionError("/health does not answer with 200")
        return (time.perf_counter() - started) * 1e3
    finally:
        process.terminate()
        process.wait()


def long(stage: Stage, rounds: int) -> Iterator[Figure]:
    """Memory over a million requests, from the point where every pool and cache is warm."""
    load = Load(GATEWAY, seconds=10)
    with at.gateway(stage, [f"http://127.0.0.1:{at.JSON_PORT}/"]) as pid:
        wrk(load)
        sizes, done = [rss_bytes(pid) / 1e6], 0
        while done < LONG_REQUESTS:
            done += answers(wrk(load))
            sizes.append(rss_bytes(pid) / 1e6)
    yield Figure(
        name="long_rss",
        title="change of memory over 1,000,000 requests",
        value=max(abs(size / sizes[0] - 1) for size in sizes) * 100,
        unit="%",
        bar=5,
        gateway=f"{sizes[0]:.1f} MB at the start, {sizes[-1]:.1f} MB after {done:,}",
        beside="",
        samples={"gateway": sizes},
    )


def translated(stage: Stage, rounds: int) -> Iterator[Figure]:
    """The same chats asked for as Anthropic's clients ask, of endpoints that speak OpenAI's Chat only."""
    asked = at.messages_url(at.GATEWAY_PORTS[0])
    with at.gateway(stage, [f"http://127.0.0.1:{at.JSON_PORT}/"]) as pid:
        costs = alternate((Load(asked), pid), (Load(GATEWAY), pid), rounds)
    yield _added("translated", "a chat of 1.2 kB translated both ways, added", 60, "request", costs)
    with at.gateway(stage, [f"http://127.0.0.1:{SSE_PORT}/"]) as pid:
        loads = (
            Load(url, connections=100, seconds=5, stream=True, written_url=SSE_WRITTEN)
            for url in (asked, GATEWAY)
        )
        ours, theirs = ((load, pid) for load in loads)
        costs = alternate(ours, theirs, rounds)
    yield _added("translated_event", "an event of a stream translated, added", 25, "event", costs)


def _added(
    name: str, title: str, bar: float, unit: str, costs: tuple[list[Cost], list[Cost]]
) -> Figure:
    ours, theirs = (_cpu(side) for side in costs)
    return Figure(
        name=name,
        title=title,
        value=min(ours) - min(theirs),
        unit="CPU µs",
        bar=bar,
        gateway=f"{min(ours):.1f} CPU µs per {unit}, worst {max(ours):.1f}",
        beside=f"passed through {min(theirs):.1f}, worst {max(theirs):.1f}",
        samples={"translated": ours, "passed through": theirs},
    )


MEASURES: dict[str, Callable[[Stage, int], Iterator[Figure]]] = {
    "starts": starts,
    "plain": plain,
    "streamed": streamed,
    "floor": floor,
    "scale": scale,
    "listing": listing,
    "routing": routing,
    "translated": translated,
    "long": long,
}
