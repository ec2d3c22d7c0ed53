import pytest

from multillama.core.canonical import Format, Message, Request, Text
from multillama.core.codec import Misfit
from tests.dialects.gemini.saying import again, read, write

SETTINGS = {
    "temperature": 0.5, "topP": 0.9, "topK": 40, "candidateCount": 2, "maxOutputTokens": 100, "seed": 7,
    "presencePenalty": 0.1, "frequencyPenalty": 0.2, "responseLogprobs": True, "logprobs": 3,
    "stopSequences": ["a", "b"], "responseModalities": ["TEXT", "IMAGE"],
    "speechConfig": {"voiceConfig": {}}, "mediaResolution": "MEDIA_RESOLUTION_LOW",
}  # fmt: skip


def test_settings_are_read():
    request = read(generation_config={**SETTINGS, "top_k": 40.0, "topK": None, "imageConfig": None})

    assert (request.temperature, request.top_p, request.top_k, request.n) == (0.5, 0.9, 40, 2)
    assert (request.max_tokens, request.seed, request.stop) == (100, 7, ["a", "b"])
    assert (request.logprobs, request.top_logprobs) == (True, 3)
    assert request.modalities == ["text", "image"]
    assert request.extras == {
        "generationConfig.speechConfig": {"voiceConfig": {}},
        "generationConfig.mediaResolution": "MEDIA_RESOLUTION_LOW",
    }


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"top_logprobs": 3}, {"logprobs": 3, "responseLogprobs": True}),
        ({"top_logprobs": 3, "logprobs": False}, {"logprobs": 3, "responseLogprobs": False}),
        ({"top_logprobs": 0}, {"logprobs": 0}),
    ],
)
def test_the_likeliest_tokens_are_asked_for_together_with_how_likely_they_are(asked, told):
    body, _ = write(Request("m", [Message("user", [Text("Hi")])], **asked))

    assert body["generationConfig"] == told


def test_settings_come_back():
    assert again(generationConfig=SETTINGS)["generationConfig"] == SETTINGS


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FORMATS = {
    "JSON": ({"responseMimeType": "application/json"}, Format("json")),
    "text": ({"responseMimeType": "text/plain"}, Format("text")),
    "a schema": (
        {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        Format("schema", SCHEMA),
    ),
    "one of a few": (
        {"responseMimeType": "text/x.enum", "responseJsonSchema": {"enum": ["a"]}},
        Format("schema", {"enum": ["a"]}),
    ),
}


@pytest.mark.parametrize("case", FORMATS)
def test_the_form_of_the_answer_is_read_and_comes_back(case):
    settings, wanted = FORMATS[case]

    assert read(generationConfig=settings).format == wanted
    assert again(generationConfig=settings)["generationConfig"] == settings


def test_a_schema_of_openapi_is_read_as_json_schema():
    openapi = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}

    assert read(generationConfig={"response_schema": openapi}).format == Format("schema", SCHEMA)


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({**SCHEMA, "$schema": "a"}, {**SCHEMA, "description": "what"}),
        ({"description": "own"}, {"description": "own"}),
        (True, True),
    ],
)
def test_what_others_say_of_a_schema_stands_in_it(schema, wanted):
    form = Format("schema", schema, name="n", description="what", is_strict=True)
    request = Request("m", [Message("user", [Text("a")])], format=form, family="openai")

    body, lost = write(request)

    assert body["generationConfig"]["responseJsonSchema"] == wanted
    assert lost == ()


def test_a_wrong_setting_is_told_with_its_place():
    with pytest.raises(Misfit, match=r"^generationConfig.temperature must be a number"):
        read(generationConfig={"temperature": "hot"})
