"""The command with a configuration file, as users start it, and the signal that reloads it."""

import json
import os
import signal
import time
import urllib.request

from multillama.testing.server import ScriptedServer
from tests.gateway import running

WAIT_S = 10


def ask(gateway, path, body=None):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{gateway.url}{path}", json.dumps(body).encode() if body else None) as answer:
        return answer.headers, json.load(answer)


def until_listed(gateway, model):
    """Wait until a model is there: the log's lines are written for people, not for waiting."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if model in [row["id"] for row in ask(gateway, "/v1/models")[1]["data"]]:
            return
        time.sleep(0.02)
    raise AssertionError(gateway.log.read_text())


def until_told(gateway, event):
    """Wait until the log has an event that nothing else tells: a stop would end the reading of the file."""
    end = time.monotonic() + WAIT_S
    while event not in gateway.log.read_text():
        assert time.monotonic() < end, gateway.log.read_text()
        time.sleep(0.02)


def test_a_file_serves_and_a_hang_up_reloads_it(tmp_path):
    with ScriptedServer(["m1"]) as a, ScriptedServer(["m2"]) as b:
        file = tmp_path / "multillama.toml"
        text = f'[[endpoints]]\nname = "a"\nurl = "{a.url}"\nkey = "${{A_KEY}}"\n'
        file.write_text(text)
        environ = {"A_KEY": "sk-CANARY-0123456789"}
        flags = ("--config", str(file))

        with running(*flags, log=tmp_path / "log", environ=environ) as gateway:
            until_listed(gateway, "m1")
            more = f'[[endpoints]]\nname = "b"\nurl = "{b.url}"\n[aliases]\nfast = "b/m2"\n'
            file.write_text(text + more)
            os.kill(gateway.pid, signal.SIGHUP)
            until_listed(gateway, "m2")
            headers, _ = ask(gateway, "/v1/chat/completions", {"model": "fast", "messages": []})
            file.write_text("endpoints = 3\n")
            os.kill(gateway.pid, signal.SIGHUP)
            until_told(gateway, "reload_refused")

        log = gateway.log.read_text()
        assert headers["x-multillama-endpoint"] == "b"
        assert "configuration reloaded: +1 endpoint (b), +1 alias (fast)" in log
        assert f"{file}:1: endpoints: must be a list" in log
        assert "CANARY" not in log + gateway.said
        assert ("authorization", "Bearer sk-CANARY-0123456789") in [
            (name.lower(), value) for name, value in a.requests[0].headers
        ]
