import asyncio
import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request

import pytest

from multillama.app import gateway as app
from multillama.app.gateway import (
    Gateway,
    StartError,
    serve,
)
from multillama.config.load import BadSetting
from multillama.config.schema import EndpointSetting, Settings
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.gateway import free_port

KEY = "sk-canary-0123456789"


def settings_for(*urls, **facts):
    endpoints = tuple(EndpointSetting(url=url, key=KEY) for url in urls)
    return Settings(port=free_port(), host="127.0.0.1", endpoints=endpoints, **facts)


def ask(url, data=None):
    request = urllib.request.Request(url, data=data)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


async def models_of(gateway):
    await gateway.discovery.first_round(5)
    return sorted(gateway.listener.snapshot.routes)


async def test_it_serves_as_soon_as_it_is_built_and_lists_in_the_background():
    async with (
        ScriptedServer(models=["m1", "m2"]) as server,
        Gateway(settings_for(server.url)) as gateway,
    ):
        health = await asyncio.to_thread(ask, f"{gateway.url}/health")
        models = await models_of(gateway)
        await gateway.drain()

    assert json.loads(health) == {"status": "ok"}
    assert models == ["m1", "m2"]


async def test_an_endpoint_that_is_down_never_stops_the_start(capsys):
    async with Gateway(settings_for(f"http://127.0.0.1:{free_port()}")) as gateway:
        await gateway.discovery.first_round(5)
        (report,) = gateway.discovery.reports()
        await gateway.drain()

    assert report.error is not None
    assert "connection refused" in report.error
    assert '"endpoint_down"' in capsys.readouterr().out


async def test_the_log_tells_endpoints_exchanges_and_no_key(capsys):
    async with (
        ScriptedServer(models=["m1"]) as server,
        Gateway(settings_for(server.url)) as gateway,
    ):
        await gateway.discovery.first_round(5)
        url, body = f"{gateway.url}/v1/chat/completions", b'{"model":"m1","messages":[]}'
        await asyncio.to_thread(ask, url, body)
        await gateway.drain()

    out = capsys.readouterr().out
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["endpoint_up", "exchange"]
    assert events[0]["models"] == ["m1"]
    assert (events[1]["model"], events[1]["status"]) == ("m1", 200)
    assert KEY not in out


async def test_an_unknown_model_makes_discovery_look_again():
    async with (
        ScriptedServer(models=["m1"]) as server,
        Gateway(settings_for(server.url)) as gateway,
    ):
        await gateway.discovery.first_round(5)
        before = sum(call.target.endswith("/models") for call in server.requests)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await asyncio.to_thread(ask, f"{gateway.url}/v1/chat/completions", b'{"model":"m2"}')
        await server.until(lambda s: sum(r.target.endswith("/models") for r in s.requests) > before)
        await gateway.drain()


async def test_the_page_is_built_by_its_first_visitor_and_closed_with_the_gateway():
    async with Gateway(settings_for()) as gateway:
        page = await asyncio.to_thread(ask, f"{gateway.url}/")
        await gateway.drain()
        closed = gateway._close_pages

    assert "<title>" in page
    assert closed is not app._no_pages


async def test_a_task_that_fails_is_told_in_the_log(capsys):
    async def fail():
        raise ValueError("for a test")

    async with Gateway(settings_for()) as gateway:
        task = gateway.tasks.spawn(fail(), name="a task")
        await asyncio.wait([task])
        await gateway.drain()

    crash = json.loads(capsys.readouterr().out)
    assert crash["event"] == "crash"
    assert "a task failed" in crash["text"]
    assert "for a test" in crash["text"]


async def test_a_port_in_use_is_told_before_anything_is_built():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(port=taken.getsockname()[1], host="127.0.0.1")

        with pytest.raises(StartError, match="is in use"):
            await Gateway(settings).__aenter__()


async def test_an_endpoint_that_cannot_be_meant_is_told_before_anything_is_built():
    with pytest.raises(BadSetting, match="Endpoint 1"):
        await Gateway(settings_for("http://user:password@here/")).__aenter__()


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("localhost", "localhost"),
        ("0.0.0.0", "localhost"),
        ("::", "localhost"),
        ("[::]", "localhost"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
        ("nas.lan", "nas.lan"),
    ],
)
def test_the_url_that_is_told_can_be_opened(host, shown):
    assert app._shown(host) == shown


def test_it_serves_until_it_is_told_to_stop():
    told = []

    def stop_soon(started):
        told.append(started)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()

    with ScriptedServer(models=["m1"]) as server:
        serve(settings_for(server.url), on_listening=told.append, on_started=stop_soon)

    url, started = told
    assert started.url == url
    assert [report.models for report in started.endpoints] == [1]


async def test_a_key_sent_as_a_models_name_is_not_shown_on_the_page():
    async with Gateway(settings_for("http://127.0.0.1:9")) as gateway:
        body = b'{"model":"%b"}' % KEY.encode()
        with pytest.raises(urllib.error.HTTPError):
            await asyncio.to_thread(ask, f"{gateway.url}/v1/chat/completions", body)
        shown = repr(gateway.view.recent())
        await gateway.drain()

    assert KEY not in shown


async def test_a_local_server_is_asked_what_it_holds():
    row = {"id": "m1", "object": "model", "owned_by": "llamacpp"}
    async with ScriptedServer() as server, Gateway(settings_for(server.url)) as gateway:
        server.listing = Behaviour(body=json.dumps({"data": [row]}).encode())
        server.default = Behaviour(body=b'[{"id":0,"is_processing":true}]')

        await server.until(lambda server: any(one.target == "/slots" for one in server.requests))
        await gateway.drain()
