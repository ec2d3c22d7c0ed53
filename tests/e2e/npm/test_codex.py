"""Codex, not interactive, with the local model and with a scripted one behind the gateway."""

import json
import re

import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import TEXT, ScriptedServer
from tests.e2e.npm.chats import call
from tests.e2e.npm.conftest import Front
from tests.e2e.npm.programs import Programs, Ran

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]  # the first run fetches the packages


def said_by(ran: Ran) -> list[str]:
    items = [row["item"] for row in ran.rows() if row["type"] == "item.completed"]
    return [item["text"] for item in items if item["type"] == "agent_message"]


@pytest.mark.parametrize("way", ["passing", "translating"])
def test_it_is_answered_by_the_local_model(
    way: str, programs: Programs, front: Front, brief: str
) -> None:
    with front(brief, way=way) as gateway:
        ran = programs.codex(gateway.url, "Say hello")

    assert ran.code == 0, ran.said
    (text,) = said_by(ran)
    assert re.fullmatch(r"[A-Za-z ,]{8,80}\.", text)
    (done,) = (row["usage"] for row in ran.rows() if row["type"] == "turn.completed")
    (exchange,) = (one for one in gateway.exchanges() if one["operation"] == "responses")
    assert (exchange["model"], exchange["outcome"]) == (CHAT_MODEL, "ok")
    counted = exchange["input_tokens"], exchange["output_tokens"]
    assert counted == (done["input_tokens"], done["output_tokens"])


def test_it_works_with_a_tool_through_an_endpoint_of_another_dialect(
    programs: Programs, front: Front
) -> None:
    (programs.work / "note.txt").write_text("The word is xylophone.\n")
    with ScriptedServer([CHAT_MODEL]) as server, front(server.url, way="translating") as gateway:
        server.next(Behaviour(body=call("exec_command", {"cmd": "cat note.txt"})))
        # The test is not about its sandbox, which not every machine can make.
        free = "--dangerously-bypass-approvals-and-sandbox"
        ran = programs.codex(gateway.url, free, "What is the word?")

    assert (ran.code, said_by(ran)) == (0, [TEXT]), ran.said
    first, second = server.calls
    assert first.target == second.target == "/v1/chat/completions"
    assert "exec_command" in [tool["function"]["name"] for tool in first.json()["tools"]]
    (answered,) = (one for one in second.json()["messages"] if one["role"] == "tool")
    assert answered["tool_call_id"] == "call_1"
    assert "xylophone" in json.dumps(answered)
