import json

import pytest

from multillama.core.canonical import (
    Image,
    Message,
    Reasoning,
    Request,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Misfit
from multillama.dialects.ollama_generate.request import read_request, write_request
from tests.dialects.ollama_cases import goal

PNG = "iVBORw0KGgoAAAAA"


def read(**body):
    return read_request(json.dumps(body).encode())


def written(request):
    told = goal()
    body = json.loads(write_request(request, told))
    del body["stream"], body["model"]
    return body, told.losses.names


def test_a_prompt_is_what_a_user_says():
    body = {
        "prompt": "p", "system": "s", "images": [PNG], "template": "t", "context": [1], "options": {"seed": 1},
        "shift": True,
    }  # fmt: skip

    request = read(**body)

    assert request.messages == [
        Message("system", [Text("s")]),
        Message("user", [Image(Source(PNG, media_type="image/png")), Text("p")]),
    ]
    assert request.extras == {"template": "t", "context": [1], "shift": True}
    assert written(request) == (body, ())


@pytest.mark.parametrize("body", [{"prompt": "p", "raw": True}, {"prompt": "p", "suffix": "s"}])
def test_plain_text_goes_through_no_template(body):
    request = read(**body)

    assert (request.prompt, request.suffix, request.messages) == ("p", body.get("suffix"), [])
    assert written(request) == (body, ())


def test_what_has_no_place_beside_a_plain_text_is_kept_for_an_ollama():
    body = {"prompt": "p", "suffix": "s", "system": "y", "images": [PNG]}

    request = read(**body)

    assert request.extras == {"system": "y", "images": [PNG]}
    assert written(request) == (body, ())


def test_members_that_older_clients_send_empty_say_nothing():
    request = read(
        prompt="p", system="", template="", context=[], images=[], suffix="", raw=False, format="",
        options={}, keep_alive=None,
    )  # fmt: skip

    assert request == Request("", [Message("user", [Text("p")])], stream=True, family="ollama")


def test_no_prompt_only_loads_the_model():
    assert read(model="m", system="s") == Request("m", stream=True, family="ollama")


def test_a_conversation_becomes_plain_text_and_its_roles_a_loss():
    request = Request(
        "m",
        [
            Message("system", [Text("s"), Reasoning("h")]),
            Message("user", [Text("a"), Image(Source(PNG))]),
            Message("assistant", [Text("b"), ToolCall("c", "f")]),
            Message("tool", [ToolResult("c", [Text("r")])]),
            Message("user", [Text("d")], extras={"x": 1}),
        ],
    )

    assert written(request) == (
        {"system": "s", "prompt": "a\n\nb\n\nr\n\nd", "images": [PNG]},
        ("tool_calls", "tool_result", "extras.x", "messages.role", "messages.reasoning"),
    )


@pytest.mark.parametrize(
    "body", [{"prompt": 7}, {"images": [7]}, {"context": 7}, {"raw": "yes"}, {"suffix": 7}]
)
def test_what_would_be_misunderstood_is_refused(body):
    with pytest.raises(Misfit, match=next(iter(body))):
        read(**body)


def test_an_image_alone_is_not_taken_for_an_order_to_load_the_model():
    request = Request("m", [Message("user", [Image(Source(PNG))])])

    assert written(request) == ({"prompt": " ", "images": [PNG]}, ())


def test_a_suffix_of_a_conversation_is_told():
    request = Request("m", [Message("user", [Text("a")])], suffix="z")

    assert written(request) == ({"prompt": "a", "suffix": "z"}, ())
