"""A gateway that goes over to other settings while clients are served: real sockets, a real file."""

import asyncio
import itertools
import json
import os
import signal
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from multillama.app import compiled, gateway
from multillama.app.gateway import Gateway
from multillama.cli.serve import world
from multillama.config.load import BadSetting
from multillama.config.sources import Source, load_settings
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import ask, chat, connected, post
from tests.gateway import free_port

RELOADS = 100
STORED = b'{"id":"r1","object":"response","status":"completed","output":[]}'


class Scene:
    """A gateway that follows a file."""

    def __init__(self, folder: Path, text: str) -> None:
        self.path = folder / "multillama.yaml"
        self.port = free_port()
        self.write(text)

    def write(self, text: str) -> None:
        """Exchange the file, as careful editors and Kubernetes do."""
        new = self.path.with_suffix(".new")
        new.write_text(f"listen: {{port: {self.port}, host: 127.0.0.1}}\n{text}")
        new.rename(self.path)

    def load(self):
        return load_settings({"config": str(self.path)}, world())

    @asynccontextmanager
    async def serving(self):
        loaded = self.load()
        async with Gateway(loaded.settings) as self.gateway:
            self.reloader = self.gateway.follow(Source(loaded, self.load))
            await self.gateway.discovery.first_round(5)
            try:
                yield self
            finally:
                self.reloader = None
                await self.gateway.listener.drain(0.0)

    async def reload(self, text: str) -> bool:
        self.write(text)
        return await self.reloader.reload()

    @property
    def snapshot(self):
        return self.gateway.listener.snapshot

    async def until(self, fact):
        async with asyncio.timeout(5):
            while not fact(self.snapshot):  # noqa: ASYNC110 - a snapshot is told to nobody
                await asyncio.sleep(0.005)


def endpoint(name, url, **facts):
    return {"name": name, "url": url} | facts


def text_of(*endpoints, **rest):
    """A configuration; JSON is YAML, too."""
    values = {"endpoints": endpoints} | rest
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in values.items())


@pytest.fixture
async def servers():
    async with (
        ScriptedServer(["m1", "m2"]) as a,
        ScriptedServer(["m1"]) as b,
        ScriptedServer(["m1", "m3"]) as c,
    ):
        yield a, b, c


@pytest.mark.timeout(120)
async def test_a_hundred_reloads_under_load_fail_no_request(servers, tmp_path, capsys):
    a, b, c = servers
    for server in servers:
        server.default = Behaviour(events=8, every_s=0.002)
    texts = itertools.cycle([
        text_of(endpoint("a", a.url, key="k-12345678"), endpoint("b", b.url), aliases={"x": "m1"}),
        text_of(endpoint("c", c.url), endpoint("a", a.url, weight=2),
                aliases={"x": ["c/m1", "m1"]}, routing={"strategy": "fastest"}),
        text_of(endpoint("b", b.url, headers={"X-Team": "t"}), endpoint("a", a.url, tier=1),
                aliases={"x": ["m1", "m2"], "y": "m2"}, timeouts={"idle_timeout_s": 60}),
        text_of(endpoint("a", a.url, max_concurrency=99), aliases={"x": "a/m1"},
                limits={"max_body_bytes": 100000}),
    ])  # fmt: skip
    answers = []
    stopped = False

    async def client(number):
        is_stream, model = number % 2 == 0, ("m1", "x", "m2")[number % 3]
        async with connected(scene.port) as connection:
            while not stopped:
                model = model if model != "m2" or number % 4 else "x"
                answers.append(await connection.ask(chat(stream=is_stream, model=model)))

    async with Scene(tmp_path, next(texts)).serving() as scene:
        clients = asyncio.gather(*map(client, range(12)))
        for _ in range(RELOADS):
            seen = len(answers)
            assert await scene.reload(next(texts))
            async with asyncio.timeout(10):
                while len(answers) < seen + 4:  # noqa: ASYNC110 - clients are plain loops
                    await asyncio.sleep(0.001)
        stopped = True
        await clients

    assert len(answers) >= 4 * RELOADS
    assert [answer for answer in answers if answer.status != 200 or answer.end != "whole"] == []
    streams = [a for a in answers if "event-stream" in (a.header("content-type") or "")]
    assert len(streams) >= RELOADS // 2
    assert {(len(one.events), one.events[-1]) for one in streams} == {(11, "data: [DONE]")}
    assert "reload_refused" not in capsys.readouterr().out


async def test_a_stream_ends_on_the_endpoint_that_is_taken_away(servers, tmp_path):
    a, b, _ = servers
    b.default = Behaviour(events=10, every_s=0.02)
    scene = Scene(tmp_path, text_of(endpoint("a", a.url), endpoint("b", b.url)))
    async with scene.serving(), connected(scene.port) as client:
        await scene.reload(text_of(endpoint("b", b.url)))
        client.send(chat(stream=True))
        await client.read_until(b"data:")

        await scene.reload(text_of(endpoint("a", a.url)))
        answer = await client.answer()
        after = await ask(scene.port, chat())

    assert (answer.end, answer.status) == ("whole", 200)
    assert (len(answer.events), answer.events[-1]) == (13, "data: [DONE]")
    assert after.header("x-multillama-endpoint") == "a"


async def test_what_stays_keeps_its_connections_its_state_and_its_models(servers, tmp_path):
    a, b, _ = servers
    scene = Scene(tmp_path, text_of(endpoint("a", a.url)))
    async with scene.serving():
        await ask(scene.port, chat())
        before, connections, listings = scene.snapshot, len(a.connections), len(a.requests)

        await scene.reload(text_of(endpoint("a", a.url), endpoint("b", b.url)))
        await ask(scene.port, chat(model="m2"))

        assert scene.snapshot.endpoints[0] is before.endpoints[0]
        assert scene.snapshot.endpoints[0].state.requests == 2
        assert len(a.connections) == connections
        assert len(a.requests) == listings + 1


@pytest.mark.parametrize(
    ("is_other", "facts"),
    [(False, {"max_concurrency": 2}), (True, {})],
    ids=["widened", "replaced"],
)
async def test_who_waits_for_a_busy_endpoint_goes_where_a_reload_lets_it(
    servers, tmp_path, is_other, facts
):
    a, b, _ = servers
    a.next(Behaviour(cut="before-head", end="hang"))
    scene = Scene(tmp_path, text_of(endpoint("a", a.url, max_concurrency=1)))
    async with scene.serving(), connected(scene.port) as first, connected(scene.port) as second:
        first.send(chat())
        state = scene.snapshot.endpoints[0].state
        await scene.until(lambda snapshot: state.in_flight == 1)
        second.send(chat())
        await scene.until(lambda snapshot: state.queue)

        await scene.reload(text_of(endpoint("a", (b if is_other else a).url, **facts)))
        answer = await second.answer()

    assert answer.status == 200
    assert not state.queue


async def test_a_faulty_file_keeps_the_old_settings(servers, tmp_path, capsys):
    a, _, _ = servers
    scene = Scene(tmp_path, text_of(endpoint("a", a.url)))
    async with scene.serving():
        before = scene.snapshot

        took = [
            await scene.reload("endpoints: [{wieght: 1}]"),
            await scene.reload("endpoints: [{url: 'http://me:sk-CANARY@a/'}]"),
            await scene.reload("endpoints: ["),
        ]

        assert took == [False, False, False]
        assert scene.snapshot is before
    out = capsys.readouterr().out
    assert f"{scene.path}:2: endpoints[0].wieght: unknown key, did you mean weight?" in out
    assert "CANARY" not in out


async def test_the_file_is_watched_and_a_hang_up_reloads_at_once(servers, tmp_path):
    a, b, _ = servers
    scene = Scene(tmp_path, text_of(endpoint("a", a.url)))
    async with scene.serving():
        scene.write(text_of(endpoint("a", a.url), endpoint("b", b.url)))
        await scene.until(lambda snapshot: len(snapshot.endpoints) == 2)

        scene.write(text_of(endpoint("b", b.url)))
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0)
        await scene.until(lambda snapshot: len(snapshot.endpoints) == 1)


async def test_an_exchanged_link_is_a_change(servers, tmp_path):
    a, b, _ = servers
    scene = Scene(tmp_path, text_of(endpoint("a", a.url)))
    old, new = tmp_path / "old", tmp_path / "new"
    scene.path.rename(old)
    scene.path.symlink_to(old)
    async with scene.serving():
        new.write_text(old.read_text().replace('"a"', '"b"').replace(a.url, b.url))
        os.utime(new, (old.stat().st_mtime, old.stat().st_mtime))
        link = tmp_path / "link"
        link.symlink_to(new)
        link.replace(scene.path)

        await scene.until(lambda snapshot: [one.name for one in snapshot.endpoints] == ["b"])


async def test_a_new_key_is_asked_for_and_hidden_at_once(servers, tmp_path, capsys):
    a, _, _ = servers
    scene = Scene(tmp_path, text_of(endpoint("a", a.url)))
    async with scene.serving():
        open_to_all = await ask(scene.port, chat())

        scene.write(text_of(endpoint("a", a.url)))
        scene.path.write_text(scene.path.read_text().replace("}", ", api_key: sk-CANARY-77}", 1))
        await scene.reloader.reload()
        refused = await ask(scene.port, chat(model="sk-CANARY-77"))

    assert (open_to_all.status, refused.status) == (200, 401)
    assert "CANARY" not in capsys.readouterr().out
    assert scene.gateway.view.needs_key()


async def test_another_key_ends_the_sessions_of_the_page(servers, tmp_path):
    a, _, _ = servers
    scene = Scene(tmp_path, text_of(endpoint("a", a.url)))
    ended = []
    async with scene.serving():
        scene.gateway._log_all_out = lambda: ended.append(True)

        await scene.reload(text_of(endpoint("a", a.url), refresh_s=9))
        scene.path.write_text(scene.path.read_text().replace("}", ", api_key: k}", 1))
        await scene.reloader.reload()

    assert ended == [True]


async def test_time_limits_change_and_the_port_does_not(servers, tmp_path, capsys):
    a, _, _ = servers
    scene = Scene(tmp_path, text_of(endpoint("a", a.url)))
    port = scene.port
    async with scene.serving():
        scene.port = free_port()

        await scene.reload(text_of(endpoint("a", a.url), timeouts={"idle_timeout_s": 7}))

        assert scene.snapshot.timeouts.idle_s == 7
        assert (await ask(port, chat())).status == 200
    assert f"only a restart changes: port {port} -> {scene.port}" in capsys.readouterr().out


async def test_stored_responses_survive_a_reload_that_leaves_them_room(servers, tmp_path):
    a, _, _ = servers
    a.default = Behaviour(body=STORED)
    turn = {"model": "m1", "input": "Hi"}
    scene = Scene(tmp_path, text_of(endpoint("a", a.url), responses_store=9))
    async with scene.serving():
        listener = scene.gateway.listener
        await ask(scene.port, post("/v1/responses", turn))
        first = len(listener.responses)

        await scene.reload(text_of(endpoint("a", a.url), responses_store=8))
        after = await ask(scene.port, post("/v1/responses", turn | {"previous_response_id": "r1"}))
        limit = listener.responses.limits.responses
        await scene.reload(text_of(endpoint("a", a.url)))
        without = await ask(
            scene.port, post("/v1/responses", turn | {"previous_response_id": "r1"})
        )

    assert (first, after.status, limit, without.status) == (1, 200, 8, 400)
    assert listener.responses is None


async def test_time_limits_of_an_endpoint_are_obeyed(servers, tmp_path):
    a, _, _ = servers
    a.default = Behaviour(cut="before-head", end="hang")
    scene = Scene(tmp_path, text_of(endpoint("a", a.url, timeouts={"first_byte_timeout_s": 0.1})))
    async with scene.serving():
        answer = await ask(scene.port, chat())

    assert answer.status == 504
    assert "within 0.1 s" in answer.error["message"]


async def test_models_are_kept_near_as_soon_as_the_file_says_so(servers, tmp_path):
    a, b, _ = servers
    rows = [endpoint("a", a.url, tags=["cloud"]), endpoint("b", b.url)]
    scene = Scene(tmp_path, text_of(*rows))
    async with scene.serving():
        b.default = Behaviour(status="503 Service Unavailable", body=b"{}")
        before = {(await ask(scene.port, chat())).status for _ in range(2)}

        rows[1]["local_only"] = True
        await scene.reload(text_of(*rows))
        calls = len(a.calls)
        after = await ask(scene.port, chat())

    assert (before, after.status) == ({200}, 503)
    assert len(a.calls) == calls


async def test_a_reload_costs_the_loop_little(servers, tmp_path):
    a, _, _ = servers
    rows = [endpoint(f"e{n}", a.url) for n in range(20)]
    scene = Scene(tmp_path, text_of(*rows))
    async with scene.serving():
        loop = asyncio.get_running_loop()
        took = []
        for number in range(5):
            rows[0]["weight"] = number + 1
            scene.write(text_of(*rows))
            begun = loop.time()
            await scene.reloader.reload()
            took.append(loop.time() - begun)

    assert min(took) < 0.1


async def test_no_file_however_broken_stops_it_from_following_the_next_one(servers, tmp_path):
    a, _, _ = servers
    scene = Scene(tmp_path, text_of(endpoint("a", a.url)))
    async with scene.serving():
        before = scene.snapshot

        took = [
            await scene.reload("a: " + "[" * 100_000),
            await scene.reload("refresh_s: !!bool foo"),
            await scene.reload("# " + "x" * 5_000_000),
        ]
        scene.path.unlink()
        os.mkfifo(scene.path)
        took.append(await scene.reloader.reload())
        kept = scene.snapshot
        took.append(await scene.reload(text_of(endpoint("b", a.url))))

        assert took == [False, False, False, False, True]
        assert kept is before
        await scene.until(lambda snapshot: [one.name for one in snapshot.endpoints] == ["b"])


async def test_requests_are_answered_while_the_file_is_read(servers, tmp_path):
    a, _, _ = servers
    scene = Scene(tmp_path, text_of(endpoint("a", a.url)))
    load, answered = scene.load, threading.Event()
    async with scene.serving():
        reloader = scene.gateway.follow(
            Source(load(), lambda: load() if answered.wait(10) else load_too_early())
        )

        reading = asyncio.get_running_loop().create_task(reloader.reload())
        answer = await ask(scene.port, chat())
        answered.set()

        assert await reading is True
    assert answer.status == 200


def load_too_early():
    raise BadSetting("Nothing was answered meanwhile.")


async def test_requests_are_answered_while_a_snapshot_is_made(servers, tmp_path, monkeypatch):
    a, _, _ = servers
    begun, answered, waits = threading.Event(), threading.Event(), []

    def compiler_of(settings, timeouts):
        compile = compiled.compiler_of(settings, timeouts)

        def compiled_late(*arguments):
            begun.set()
            waits.append(answered.wait(10))
            return compile(*arguments)

        return compiled_late

    scene = Scene(tmp_path, text_of(endpoint("a", a.url)))
    async with scene.serving():
        monkeypatch.setattr(gateway, "compiler_of", compiler_of)
        reloading = asyncio.get_running_loop().create_task(
            scene.reload(text_of(endpoint("a", a.url), aliases={"x": "m1"}))
        )
        assert await asyncio.to_thread(begun.wait, 10)
        answer = await ask(scene.port, chat())
        answered.set()

        assert await reloading is True
        assert "x" in scene.snapshot.routes
    assert (answer.status, set(waits)) == (200, {True})


async def test_an_alias_that_leads_nowhere_is_told_at_the_start_and_after_a_reload(
    servers, tmp_path, capsys
):
    a, _, c = servers
    texts = [
        text_of(endpoint("a", a.url), aliases={"x": "m9", "y": ["m1", "m3"]}),
        text_of(endpoint("a", a.url), endpoint("c", c.url), aliases={"x": "m8", "y": ["m1", "m3"]}),
    ]
    said = []

    async def until_told(*parts):
        async with asyncio.timeout(5):
            while not all(part in "".join(said) for part in parts):
                scene.gateway.log.flush()
                said.append(capsys.readouterr().out)
                await asyncio.sleep(0.005)

    async with Scene(tmp_path, texts[0]).serving() as scene:
        shown = scene.gateway.view.warnings()
        await until_told(*shown)
        await scene.reload(texts[1])
        await until_told("no endpoint lists 'm8'", "nothing more is wrong with the alias y")

    out = "".join(said)
    assert shown == (
        "The alias 'x' leads nowhere: no endpoint lists 'm9'.",
        "The alias 'y' leads to 'm3', which no endpoint lists.",
    )
    assert [json.dumps(text) in out and out.count(text) for text in shown] == [1, 1]
