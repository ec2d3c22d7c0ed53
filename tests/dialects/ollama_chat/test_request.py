import json

from multillama.core.canonical import Message, Request, Text, Tool
from multillama.dialects.ollama_chat.request import read_request, write_request
from tests.dialects.ollama_cases import goal

FULL = {
    "model": "there",
    "messages": [{"role": "user", "content": "u"}],
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "stream": True,
    "options": {"temperature": 0},
    "think": False,
    "shift": True,
}


def test_a_request_comes_back():
    request = read_request(json.dumps(FULL).encode())

    assert (request.model, request.family, request.stream) == ("there", "ollama", True)
    assert request.messages == [Message("user", [Text("u")])]
    assert request.tools == [Tool("f")]
    assert request.extras == {"shift": True}
    assert json.loads(write_request(request, goal(stream=True))) == FULL


def test_a_request_without_messages_is_read_for_what_it_loads():
    request = read_request(b'{"model":"m","keep_alive":0,"tools":[]}')

    assert request == Request("m", stream=True, keep_alive=0, family="ollama")


def test_a_plain_prompt_becomes_what_a_user_says():
    told = goal()

    body = json.loads(write_request(Request("m", prompt="go on"), told))

    assert body["messages"] == [{"role": "user", "content": "go on"}]
    assert told.losses.names == ("prompt",)


def test_the_caller_decides_whether_it_is_a_stream():
    request = read_request(json.dumps(FULL).encode())

    assert json.loads(write_request(request, goal(stream=False)))["stream"] is False
