"""Claude Code, not interactive, with the local model and with a scripted one behind the gateway."""

import json
import re

import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import TEXT, ScriptedServer
from tests.e2e.npm.chats import call
from tests.e2e.npm.conftest import Front
from tests.e2e.npm.programs import Programs
from tests.e2e.tap import Tap

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]  # the first run fetches the packages

PLAIN = ("Say hello", "--system-prompt", "You are brief.", "--tools", "")


@pytest.mark.parametrize("way", ["passing", "translating"])
def test_it_is_answered_by_the_local_model(
    way: str, programs: Programs, front: Front, brief: str
) -> None:
    with front(brief, way=way) as gateway:
        ran = programs.claude(gateway.url, *PLAIN)

    (told,) = ran.rows()
    assert (ran.code, told["is_error"], told["stop_reason"]) == (0, False, "end_turn"), ran.said
    assert re.fullmatch(r"[A-Za-z ,]{8,80}\.", told["result"])
    (exchange,) = (one for one in gateway.exchanges() if one["operation"] == "messages")
    assert (exchange["model"], exchange["outcome"]) == (CHAT_MODEL, "ok")
    usage = told["usage"]
    read = usage["input_tokens"] + usage["cache_read_input_tokens"]
    assert (exchange["input_tokens"], exchange["output_tokens"]) == (read, usage["output_tokens"])


def test_it_works_with_a_tool_through_an_endpoint_of_another_dialect(
    programs: Programs, front: Front
) -> None:
    note = programs.work / "note.txt"
    note.write_text("The word is xylophone.\n")
    with ScriptedServer([CHAT_MODEL]) as server, front(server.url, way="translating") as gateway:
        server.next(Behaviour(body=call("Read", {"file_path": str(note)})))
        ran = programs.claude(gateway.url, "What is the word?", "--tools", "Read")

    (told,) = ran.rows()
    assert (ran.code, told["result"], told["num_turns"]) == (0, TEXT, 2), ran.said
    first, second = server.calls
    assert first.target == second.target == "/v1/chat/completions"
    assert "Read" in [tool["function"]["name"] for tool in first.json()["tools"]]
    asked, answered = (
        next(one for one in second.json()["messages"] if is_it(one))
        for is_it in (lambda one: one.get("tool_calls"), lambda one: one["role"] == "tool")
    )
    assert json.loads(asked["tool_calls"][0]["function"]["arguments"])["file_path"] == str(note)
    assert "xylophone" in json.dumps(answered)
    assert "x-anthropic-billing-header" not in first.body.decode()


def test_what_it_says_to_a_claude_arrives_as_it_was(programs: Programs, front: Front) -> None:
    model = "claude-opus-4-8"
    with (
        ScriptedServer([model]) as server,
        front(server.url, provider="anthropic", key="back-door") as gateway,
        Tap(gateway.port) as tap,
    ):
        ran = programs.claude(tap.url, *PLAIN, model=model)
        sent = bytes(tap.passed().up)

    assert ran.rows()[0]["result"] == TEXT, ran.said
    call = server.calls[-1]
    lines = [line.split(b": ", 1) for line in sent.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    said = {name.lower(): value.decode() for name, value in lines}
    assert sent.startswith(b"POST /v1/messages?beta=true HTTP/1.1\r\n")
    assert call.target == "/v1/messages?beta=true"
    for name in ("anthropic-beta", "anthropic-version", "x-app", "user-agent"):
        assert call.header(name) == said[name.encode()]
    assert call.body == tap.passed().request_body()
    assert b"x-anthropic-billing-header" in call.body
