import json

import pytest

from multillama.core.canonical import Message, Reasoning, Request, Text, ToolCall, ToolResult
from multillama.core.codec import Misfit
from multillama.dialects.gemini.request import read_request
from tests.dialects.gemini.saying import MODEL, again, goal, read, write

HI = {"role": "user", "parts": [{"text": "Hi"}]}


def test_a_request_is_read():
    request = read(
        model="models/other",
        systemInstruction={"parts": [{"text": "Be brief."}]},
        safety_settings=[{"category": "A"}],
        labels=None,
        serviceTier="STANDARD",
        store=False,
    )

    assert request == Request(
        "",
        [Message("system", [Text("Be brief.")]), Message("user", [Text("Hi")])],
        service_tier="default",
        store=False,
        family="gemini",
        extras={"safetySettings": [{"category": "A"}]},
    )


def test_a_request_comes_back():
    members = {
        "contents": [HI, {"role": "model", "parts": [{"text": "Yes"}]}, HI],
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        "safetySettings": [{"category": "A"}],
        "cachedContent": "cachedContents/a",
        "serviceTier": "flex",
        "store": True,
    }

    assert again(**members) == members


LENIENT = {
    "one content": HI,
    "one part": [{"role": "user", "parts": {"text": "Hi"}}],
    "a text for a part": [{"role": "user", "parts": ["Hi"]}],
    "a text for a content": ["Hi"],
    "a text": "Hi",
    "no role": [{"parts": [{"text": "Hi"}]}],
    "no role told": [{"role": None, "parts": [{"text": "Hi"}]}],
}


@pytest.mark.parametrize("case", LENIENT)
def test_contents_may_be_told_in_short(case):
    assert read(contents=LENIENT[case]).messages == [Message("user", [Text("Hi")])]


def test_instructions_may_be_a_text():
    assert read(system_instruction="Be brief.").messages[0] == Message(
        "system", [Text("Be brief.")]
    )


WRONG = {
    "no JSON": (b"{", "is not valid JSON"),
    "no object": (b"[]", "the body must be an object"),
    "no contents": (b"{}", "contents is missing"),
    "a role of nobody": (
        b'{"contents": [{"role": "system"}]}',
        r"contents\[0\].role must be user or model",
    ),
    "no part": (b'{"contents": [{"parts": [1]}]}', r"contents\[0\].parts\[0\] must be an object"),
    "no content": (b'{"contents": [1]}', r"contents\[0\] must be an object"),
    "no settings": (
        b'{"contents": [], "generationConfig": 1}',
        "generationConfig must be an object",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_request_is_told_with_its_place(case):
    body, text = WRONG[case]

    with pytest.raises(Misfit, match=text):
        read_request(body)


def test_a_schema_nested_too_deep_is_no_request():
    schema = '{"items":' * 900 + "{}" + "}" * 900
    body = f'{{"contents":[],"generationConfig":{{"responseSchema":{schema}}}}}'

    with pytest.raises(Misfit, match="too deep"):
        read_request(body.encode())


def test_what_a_client_collected_of_a_stream_is_put_together_again():
    pieces = [{"text": "th", "thought": True}, {"text": "ink", "thought": True},
              {"text": "", "thought": True, "thoughtSignature": "QUJD"}, {"text": "more", "thought": True},
              {"text": "He"}, {"text": "llo"}, {"text": "", "thoughtSignature": "REVG"}]  # fmt: skip
    contents = [HI, *({"role": "model", "parts": [piece]} for piece in pieces), HI]

    messages = read(contents=contents).messages

    assert [message.role for message in messages] == ["user", "assistant", "user"]
    assert messages[1].parts == [
        Reasoning("think", "QUJD"),
        Reasoning("more"),
        Text("Hello"),
        Reasoning("", "REVG"),
    ]


def test_pieces_that_say_more_than_their_text_stay_apart():
    parts = [{"text": "a", "partMetadata": {"b": 1}}, {"text": "b"}]

    body = again(contents=[HI, {"role": "model", "parts": parts}])

    assert body["contents"][1]["parts"] == parts


def test_what_a_function_answered_stands_alone():
    response = {"functionResponse": {"name": "f", "response": {}}}
    contents = [
        {"role": "function", "parts": [{"text": "a"}, response, response, {"text": "b"}], "x": 1}
    ]

    messages = read(contents=contents).messages

    assert [message.role for message in messages] == ["user", "tool", "user"]
    assert again(contents=contents)["contents"] == [{**contents[0], "role": "user"}]


def of_others(*messages, **members):
    return write(Request("m", list(messages), family="openai", **members))


def said(role, *texts):
    return Message(role, [Text(text) for text in texts])


def content(role, *texts):
    return {"role": role, "parts": [{"text": text} for text in texts]}


def test_neighbours_of_one_role_are_one_content():
    call, answer = ToolCall("c1", "f"), ToolResult("c1", [Text("1")], name="f")

    body, lost = of_others(
        said("user", "a"),
        said("user", "b"),
        said("assistant", "c"),
        Message("assistant", [call]),
        Message("tool", [answer]),
        said("user", "d"),
    )

    assert lost == ()
    assert [row["role"] for row in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][2]["parts"] == [
        {"functionResponse": {"name": "f", "response": {"output": "1"}, "id": "c1"}},
        {"text": "d"},
    ]


def test_instructions_at_the_beginning_are_the_systems_and_later_ones_the_users():
    body, _ = of_others(
        said("system", "a"), said("developer", "b"), said("user", "c"), said("system", "d", "e")
    )

    assert body == {
        "systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]},
        "contents": [content("user", "c", "<system>\nd\ne\n</system>")],
    }


def test_instructions_alone_are_what_the_user_says():
    body, _ = of_others(said("system", "a"))

    assert body == {"contents": [content("user", "a")]}


def test_who_says_nothing_says_a_word():
    assert of_others(said("user", "")) == ({"contents": [content("user", ".")]}, ())


def test_a_thought_of_nothing_is_no_part():
    body, _ = of_others(said("user", "a"), Message("assistant", [Reasoning(""), Text("b")]))

    assert body["contents"][1] == content("model", "b")


def test_the_user_speaks_first():
    body, _ = of_others(said("assistant", "a"), said("user", "b"))

    assert body["contents"] == [content("user", " "), content("model", "a"), content("user", "b")]


def test_a_plain_prompt_is_what_the_user_says():
    body, losses = of_others(prompt="Once")

    assert body == {"contents": [content("user", "Once")]}
    assert losses == ("prompt",)


def test_names_of_speakers_are_lost():
    assert of_others(Message("user", [Text("a")], name="Ann"))[1] == ("messages.name",)


def test_extras_of_another_family_are_not_told():
    assert of_others(said("user", "a"), extras={"logit_bias": {}})[0] == {
        "contents": [content("user", "a")]
    }


@pytest.mark.parametrize(
    ("tier", "told", "lost"),
    [
        ("auto", None, ()),
        ("default", "standard", ()),
        ("flex", "flex", ()),
        ("scale", None, ("service_tier",)),
    ],
)
def test_the_tier_is_told_in_googles_words(tier, told, lost):
    body, names = of_others(said("user", "a"), service_tier=tier)

    assert (body.get("serviceTier"), names) == (told, lost)


def test_a_written_request_is_one_line():
    request = Request("m", [Message("assistant", [ToolCall("1", "f", '{\n"a": 1}')])])

    body, _ = write(request)

    assert json.dumps(body)
    assert goal().model == MODEL
