import pytest

from multillama.core.canonical import (
    File,
    Image,
    Message,
    Request,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Misfit
from multillama.dialects.gemini.calls import CallIds, arguments_of, beginning_of
from multillama.dialects.gemini.spelling import json_bytes
from tests.dialects.gemini.saying import again, read, write


def user(*parts):
    return {"role": "user", "parts": list(parts)}


def model(*parts):
    return {"role": "model", "parts": list(parts)}


def call(name, args=None, **inside):
    return {"functionCall": {"name": name, "args": args or {}, **inside}}


def result(name, response, **inside):
    return {"functionResponse": {"name": name, "response": response, **inside}}


CALLS = [
    user({"text": "Weather?"}),
    model(call("look"), call("look", {"b": 1, "a": [2.0]}), call("ask", id="c9")),
    user(
        result("look", {"output": "1"}), result("look", {"output": "2"}), result("ask", {}, id="c9")
    ),
]


def test_calls_without_ids_get_some_and_results_go_by_name_and_order():
    messages = read(contents=CALLS).messages

    assert [(part.id, part.arguments) for part in messages[1].parts] == [
        ("call_noid_1", "{}"),
        ("call_noid_2", '{"b":1,"a":[2.0]}'),
        ("c9", "{}"),
    ]
    assert [part.call_id for part in messages[2].parts] == ["call_noid_1", "call_noid_2", "c9"]
    assert [message.role for message in messages] == ["user", "assistant", "tool"]


def test_ids_that_were_made_up_are_not_told():
    assert again(contents=CALLS)["contents"] == CALLS


def test_a_result_may_name_its_call_and_the_next_goes_by_order():
    ids = CallIds("")

    told = [ids.of_call("f", None), ids.of_call("f", "b"), ids.of_call("f", "c")]
    answered = [ids.of_result("f", "b"), ids.of_result("f", None), ids.of_result("f", None)]

    assert (told, answered) == (["call_noid_1", "b", "c"], ["b", "call_noid_1", "c"])


def test_a_result_of_nothing_has_an_id_of_its_own():
    ids = CallIds("x_")

    assert [ids.of_result("f", "a"), ids.of_result("f", None)] == ["a", "call_noid_x_1"]


@pytest.mark.parametrize(
    ("answer_id", "beginning"),
    [
        ("QU-V_1", "QU-V_1_"),
        ("", "1f8c00645b7df6ce_"),
        ("a:b", "1f8c00645b7df6ce_"),
        ("a" * 41, "1f8c00645b7df6ce_"),
    ],
)
def test_ids_begin_with_what_makes_the_answer_unlike_others(answer_id, beginning):
    assert beginning_of(answer_id, {"a": 1}) == beginning


RESPONSES = {
    "a text": ({"output": "sunny"}, "sunny", False),
    "an object": ({"degrees": 7}, '{"degrees":7}', False),
    "a value in an object": ({"output": 7}, '{"output":7}', False),
    "what the SDK makes of a Python function's value": ({"result": "a"}, '{"result":"a"}', False),
    "an error": ({"error": "no"}, "no", True),
    "an error in an object": ({"error": {"code": 1}}, '{"error":{"code":1}}', True),
    "an error beside something": ({"error": "no", "a": 1}, '{"error":"no","a":1}', False),
}


@pytest.mark.parametrize("case", RESPONSES)
def test_what_a_function_answers_is_a_text_and_comes_back(case):
    response, text, is_error = RESPONSES[case]
    contents = [user({"text": "a"}), model(call("f")), user(result("f", response))]

    told = read(contents=contents).messages[2].parts[0]

    assert (told.parts, told.is_error, told.name) == ([Text(text)], is_error, "f")
    assert again(contents=contents)["contents"] == contents


def test_what_stands_inside_of_a_call_or_a_result_comes_back():
    image = {
        "inlineData": {"mimeType": "image/png", "data": "iVBO"},
        "mediaResolution": {"level": "A"},
    }
    contents = [
        user({"text": "a"}),
        model(call("f", willContinue=False)),
        user(result("f", {"output": "b"}, scheduling="SILENT", parts=[image])),
    ]

    assert again(contents=contents)["contents"] == contents


def test_media_in_a_result_must_be_media():
    part = result("f", {}, parts=[{"fileData": {"fileUri": "gs://a"}}, {"text": "a"}])

    with pytest.raises(
        Misfit, match=r"contents\[0\].parts\[0\].functionResponse.parts\[1\] must have"
    ):
        read(contents=[user(part)])


@pytest.mark.parametrize("kind", ["functionCall", "functionResponse"])
def test_a_function_must_have_a_name(kind):
    with pytest.raises(Misfit, match=rf"contents\[0\].parts\[0\].{kind}.name is missing"):
        read(contents=[user({kind: {}})])


ARGUMENTS = {
    "none": ("", {}),
    "blanks": (" \n", {}),
    "an object in lines": ('{\n "a": 1}', {"a": 1}),
    "no JSON": ("{a", {"_raw": "{a"}),
    "no object": ("[1]", {"_raw": "[1]"}),
    "no object in lines": ("[\n1]", {"_raw": "[\n1]"}),
    "half a character": ('{"a": "\ud800"}', {"_raw": '{"a": "\ud800"}'}),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments_are_always_an_object(case):
    text, wanted = ARGUMENTS[case]

    assert arguments_of(ToolCall("1", "f", text)) == wanted


def test_arguments_keep_their_text_where_they_can():
    request = Request("m", [Message("assistant", [ToolCall("1", "f", '{"b":1.0,"a":1e2}')])])

    assert json_bytes(arguments_of(request.messages[0].parts[0])) == b'{"b":1.0,"a":1e2}'


def test_the_input_of_a_custom_tool_is_an_argument():
    assert arguments_of(ToolCall("1", "f", "a\nb", is_custom=True)) == {"input": "a\nb"}


def written(*parts, model="gemini-3-flash"):
    request = Request(
        "m", [Message("user", [Text("a")]), Message("tool", list(parts))], family="openai"
    )
    body, lost = write(request, model)
    return body["contents"][0]["parts"][1:], lost


WRITTEN = {
    "a text": ([Text("su"), Text("nny")], False, {"output": "sunny"}),
    "an object": ([Text('{"a": 1}')], False, {"a": 1}),
    "half an object": ([Text('{"a": 1')], False, {"output": '{"a": 1'}),
    "an error": ([Text("no")], True, {"error": "no"}),
    "an error that is an object": ([Text('{"a": 1}')], True, {"error": '{"a": 1}'}),
    "nothing": ([], False, {}),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_what_a_function_of_others_answers_is_an_object(case):
    parts, is_error, response = WRITTEN[case]

    rows, lost = written(ToolResult("c1", parts, name="f", is_error=is_error))

    assert (rows, lost) == (
        [{"functionResponse": {"name": "f", "response": response, "id": "c1"}}],
        (),
    )


def test_a_result_without_a_name_goes_by_its_call():
    rows, _ = written(ToolResult("c1", [Text("a")]))

    assert rows[0]["functionResponse"]["name"] == "c1"


IMAGE = Image(Source(data="iVBO", media_type="image/png"))
INLINE = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}


def test_media_stand_inside_of_a_result_since_gemini_3():
    rows, lost = written(ToolResult("c1", [IMAGE], name="f", cache="5m"))

    assert (rows, lost) == (
        [{"functionResponse": {"name": "f", "response": {}, "parts": [INLINE], "id": "c1"}}],
        ("cache",),
    )


def test_media_stand_after_a_result_before_gemini_3():
    result = ToolResult("c1", [Text("a"), IMAGE], name="f")

    rows, lost = written(result, model="gemini-2.5-pro")

    assert (rows, lost) == (
        [{"functionResponse": {"name": "f", "response": {"output": "a"}, "id": "c1"}}, INLINE],
        (),
    )


def test_what_a_result_cannot_hold_is_named():
    rows, lost = written(
        ToolResult("c1", [File(Source(file_id="a")), ToolCall("1", "g")], name="f")
    )

    assert rows[0]["functionResponse"]["response"] == {}
    assert lost == ("file.file_id", "tool_result.parts")
