"""What clients may ask in their own dialect does not fail for its value in another."""

import json

import pytest

from multillama.control.ways import cleaning_of, ways_of
from multillama.core.canonical import Request
from multillama.core.translate import Asking, Bound, Way, translate
from multillama.dialects.bounds import ROWS, bounds_of
from multillama.dialects.catalog import CODECS
from multillama.errors import GatewayError
from multillama.providers.catalog import BY_NAME

ASKING = Asking("m", False, "id", 0, b"")
HELLO = [{"role": "user", "content": "hi"}]


def told(operation, asked, speaks, provider, model, *, may_drop=True):
    way = ways_of(provider, (speaks,))[operation]
    assert isinstance(way, Way)
    translated = translate(
        json.dumps(asked).encode(), way, Bound(model, provider, may_drop), ASKING
    )
    return json.loads(translated.body), translated.dropped


def test_a_warm_chat_reaches_claude_at_its_warmest():
    asked = {"model": "m", "messages": HELLO, "temperature": 1.9, "max_tokens": 0}

    body, dropped = told("chat", asked, "anthropic.messages", "anthropic", "claude-sonnet-4-5")

    assert (body["temperature"], body["max_tokens"]) == (1.0, 0)
    assert dropped == ("temperature",)


def test_who_must_be_told_all_is_not_told_it_cooler():
    asked = {"model": "m", "messages": HELLO, "temperature": 1.9}

    with pytest.raises(GatewayError) as caught:
        told("chat", asked, "anthropic.messages", "anthropic", "claude-sonnet-4-5", may_drop=False)

    assert (caught.value.kind, caught.value.param) == ("not_translatable", "temperature")


def test_gemini_is_told_as_many_stop_texts_as_it_takes():
    asked = {
        "model": "m", "messages": HELLO, "max_tokens": 5, "stop_sequences": list("abcdefg"), "top_k": 0,
    }  # fmt: skip

    body, dropped = told("messages", asked, "gemini", "gemini", "gemini-2.5-pro")

    assert body["generationConfig"]["stopSequences"] == list("abcde")
    assert "topK" not in body["generationConfig"]
    assert set(dropped) == {"stop_sequences", "top_k"}


def test_a_seed_of_any_size_is_one_for_gemini():
    asked = {"model": "m", "messages": HELLO, "seed": 2**40 + 5}

    body, dropped = told("chat", asked, "gemini", "gemini", "gemini-2.5-pro")

    assert (body["generationConfig"]["seed"], dropped) == (5, ())


@pytest.mark.parametrize(
    ("provider", "temperature"),
    [
        ("mistral", 1.5), ("moonshot", 1.0), ("zai", 1.0), ("bigmodel", 1.0), ("cerebras", 1.9), ("groq", 1.9),
        ("deepseek", 1.9), ("openai", 1.9),
    ],
)  # fmt: skip
def test_who_is_asked_in_the_words_of_openai_is_told_as_warm_a_chat_as_it_takes(
    provider, temperature
):
    asked = {"model": "m", "messages": HELLO, "max_tokens": 5, "temperature": 1.9}

    body, _ = told("messages", asked, "openai.chat", provider, "m")

    assert body["temperature"] == temperature


@pytest.mark.parametrize(
    ("provider", "stops"),
    [
        ("deepseek", 16),
        ("groq", 4),
        ("cerebras", 4),
        ("openai", 4),
        ("mistral", 17),
        ("moonshot", 17),
    ],
)
def test_who_is_asked_in_the_words_of_openai_is_told_as_many_stop_texts_as_it_takes(
    provider, stops
):
    asked = {
        "model": "m",
        "messages": HELLO,
        "max_tokens": 5,
        "stop_sequences": list("abcdefghijklmnopq"),
    }

    body, _ = told("messages", asked, "openai.chat", provider, "m")

    assert len(body["stop"]) == stops


@pytest.mark.parametrize(
    ("provider", "count"), [("groq", 1), ("moonshot", 5), ("openai", 7), ("cerebras", 7)]
)
def test_as_many_answers_are_asked_for_as_there_may_be(provider, count):
    asked = {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"candidateCount": 7}}

    body, _ = told("generate_content", asked, "openai.chat", provider, "m")

    assert body["n"] == count


@pytest.mark.parametrize("tokens", [-1, -2])
def test_no_limit_is_none_for_claude_either(tokens):
    asked = {"model": "m", "messages": HELLO, "max_tokens": tokens}

    body, dropped = told("chat", asked, "anthropic.messages", "anthropic", "claude-sonnet-4-5")

    assert body["max_tokens"] > 1
    assert dropped == ("max_completion_tokens",)


def test_other_models_in_the_dialect_of_claude_are_as_warm_as_asked():
    asked = {"model": "m", "messages": HELLO, "temperature": 1.9}

    body, _ = told("chat", asked, "anthropic.messages", "deepseek", "deepseek-chat")

    assert body["temperature"] == 1.9


def test_a_chat_of_one_token_is_as_short_as_responses_may_be():
    asked = {"model": "m", "messages": HELLO, "max_tokens": 1}

    body, dropped = told("chat", asked, "openai.responses", "openai", "gpt-5")

    assert (body["max_output_tokens"], dropped) == (16, ("max_completion_tokens",))


@pytest.mark.parametrize("dialect", ["anthropic.messages", "gemini", "openai.chat"])
def test_runtimes_of_open_models_are_told_what_was_asked(dialect):
    assert bounds_of(dialect, "llama.cpp") is None
    assert bounds_of(dialect, "ollama") is None


def test_what_is_cleaned_goes_back_as_its_client_meant_it():
    assert [way.bounds for way in cleaning_of(("anthropic.messages", "gemini")).values()] == [
        None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.dialect} {sorted(row.providers)}")
def test_the_table_names_what_there_is(row):
    assert row.dialect in CODECS
    assert row.providers <= BY_NAME.keys()
    assert set(row.bounds.ranges) <= set(Request.__struct_fields__)


@pytest.mark.parametrize(
    ("dialect", "provider", "model"),
    [("anthropic.messages", "anthropic", "claude-opus-5"), ("gemini", "gemini", "gemini-3-pro")],
)
@pytest.mark.parametrize("content", ["", [], [{"type": "text", "text": ""}]])
@pytest.mark.parametrize(
    "before", [[], [{"role": "system", "content": "Be"}], [*HELLO, {"role": "assistant", "content": "yo"}]]
)  # fmt: skip
def test_nothing_empty_is_told_to_who_refuses_it(dialect, provider, model, content, before):
    asked = {"model": "m", "messages": [*before, {"role": "user", "content": content}]}

    body, dropped = told("chat", asked, dialect, provider, model)

    last = body["messages" if "messages" in body else "contents"][-1]
    said = last.get("content") or last["parts"][0]["text"]
    assert (last["role"], said, dropped) == ("user", ".", ())
    assert '""' not in json.dumps(body)
    assert "[]" not in json.dumps(body)
