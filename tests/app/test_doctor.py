"""The doctor examines endpoints over real sockets, side by side."""

import json

import pytest

from multillama.app.doctor import Examined, examine_all
from multillama.config.load import BadSetting
from multillama.config.schema import EndpointSetting, Settings
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.gateway import free_port

KEY = "sk-canary-0123456789"


def settings_for(*urls: str) -> Settings:
    endpoints = tuple(EndpointSetting(url=url, key=KEY) for url in urls)
    return Settings(port=free_port(), host="127.0.0.1", endpoints=endpoints)


def outcomes(found: Examined) -> dict[str, str]:
    return {check.name: check.outcome.value for check in found.checks}


def test_a_good_endpoint_and_one_that_is_down_are_told_apart() -> None:
    with ScriptedServer(["m1", "m1-embed"]) as server:
        settings = settings_for(server.url, f"http://127.0.0.1:{free_port()}")

        good, down = examine_all(settings, spend=True)

    assert outcomes(good) == {
        "tcp": "ok", "list": "ok", "key": "ok", "chat": "ok", "stream": "ok", "tools": "no",
        "embeddings": "ok", "messages": "ok", "responses": "ok",
    }  # fmt: skip
    assert good.tokens > 0
    assert "asks for none" in repr(good.check("key"))
    assert outcomes(down) == {"tcp": "failed"}


def test_a_stream_is_timed_to_its_first_byte() -> None:
    with ScriptedServer(["m1"]) as server:
        server.next(Behaviour(), Behaviour(every_s=0.02, events=5))

        (found,) = examine_all(settings_for(server.url), spend=True)

    check = found.check("stream")
    assert check is not None
    assert check.took_ms is not None
    assert 0 < check.took_ms < 90


def test_a_failure_is_told_without_the_key() -> None:
    body = json.dumps({"error": {"message": f"no such key: {KEY}"}}).encode()
    with ScriptedServer(["m1"]) as server:
        server.default = Behaviour(status="500 Oops", body=body)

        (found,) = examine_all(settings_for(server.url), spend=True)

    assert outcomes(found)["chat"] == "failed"
    assert "no such key" in repr(found)
    assert KEY not in repr(found)


def test_only_those_that_are_named_are_examined() -> None:
    with ScriptedServer() as one, ScriptedServer() as other:
        settings = settings_for(one.url, other.url)

        found = examine_all(settings, [f"127.0.0.1:{other.port}"], spend=False)

    assert [row.name for row in found] == [f"127.0.0.1:{other.port}"]
    assert one.requests == []


def test_a_name_that_no_endpoint_has_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadSetting, match=r"There are: 127\.0\.0\.1:9") as caught:
        examine_all(settings_for("http://127.0.0.1:9"), [KEY], spend=False)

    assert KEY not in str(caught.value)
