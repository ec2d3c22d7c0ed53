"""Which operations pass as they are, and how the others are translated."""

import pytest

from multillama.config.schema import EndpointSetting
from multillama.control.endpoints import make_endpoints
from multillama.control.ways import cleaning_of, detours_of, lacking_of, tidying_of, ways_of
from multillama.core.operations import BY_NAME, OPERATIONS, Body, Kind
from multillama.core.translate import CountWay, EmbedWay, EstimateWay, ShowWay, Way
from multillama.dialects.anthropic_messages.claude import OWN_MACHINES
from multillama.dialects.catalog import ASKS, CODECS, COUNT_CODECS, EMBED_CODECS
from multillama.providers.catalog import BY_NAME as PROVIDERS_BY_NAME, PROVIDERS, Provider

EMBEDDERS = ("jina", "voyage")


def speech(row: Provider) -> tuple[str, ...]:
    return (*row.dialects, *row.asks)


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_whatever_asks_for_an_answer_of_a_model_reaches_every_provider(row: Provider) -> None:
    ways = ways_of(row.name, speech(row))

    has_models = bool(set(speech(row)) & CODECS.keys())
    assert has_models == (row.name not in EMBEDDERS)
    for operation in OPERATIONS:
        if operation.kind is Kind.GENERATE:
            way = ways.get(operation.name)
            assert (way is None) == (operation.dialect in speech(row) or not has_models)
            if way is not None:
                assert isinstance(way, Way)
                assert way.source is CODECS[operation.dialect]
                assert way.target.dialect in speech(row)
                assert BY_NAME[way.operation].dialect == way.target.dialect


def test_what_only_one_dialect_has_passes_as_it_is() -> None:
    ways = ways_of("anthropic", ("anthropic.messages",))

    others = {row.name for row in OPERATIONS if row.kind is Kind.OTHER}
    assert others.isdisjoint(ways)


def test_who_speaks_several_is_asked_in_the_one_that_says_most() -> None:
    found = {
        name: ways_of(name, speech(row))["generate_content"].target.dialect  # type: ignore[union-attr]
        for name, row in ((row.name, row) for row in PROVIDERS)
        if name in ("openai", "ollama", "anthropic", "llama.cpp")
    }

    assert found == {
        "openai": "openai.chat", "ollama": "ollama.chat", "anthropic": "anthropic.messages",
        "llama.cpp": "openai.chat",
    }  # fmt: skip


def test_the_first_that_can_say_it_is_asked() -> None:
    one = ways_of("openai-compatible", ("anthropic.messages", "openai.chat"))["responses"]
    other = ways_of("openai-compatible", ("openai.chat", "anthropic.messages"))["responses"]

    assert (one.name, other.name) == (  # type: ignore[union-attr]
        "openai.responses->anthropic.messages", "openai.responses->openai.chat",
    )  # fmt: skip


def test_a_stream_of_gemini_has_a_path_of_its_own() -> None:
    way = ways_of("gemini", ("gemini",))["messages"]

    assert isinstance(way, Way)
    assert (way.operation, way.streamed) == ("generate_content", "stream_generate_content")


def test_clients_of_gemini_may_stream_without_events() -> None:
    ways = ways_of("anthropic", ("anthropic.messages",))
    streamed, whole = ways["stream_generate_content"], ways["generate_content"]

    assert isinstance(streamed, Way)
    assert streamed.unframed is not None
    assert isinstance(whole, Way)
    assert whole.unframed is None


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_embeddings_reach_whoever_has_them(row: Provider) -> None:
    ways = ways_of(row.name, speech(row))

    for name in (
        "embeddings",
        "embed_content",
        "batch_embed_contents",
        "ollama_embed",
        "ollama_embeddings",
    ):
        way, dialect = ways.get(name), BY_NAME[name].dialect
        has_any = bool(set(speech(row)) & EMBED_CODECS.keys())
        assert (way is None) == (dialect in speech(row) or not has_any)
        assert way is None or isinstance(way, EmbedWay)


def test_gemini_embeds_several_texts_at_once() -> None:
    way = ways_of("gemini", ("gemini", "gemini.embed", "gemini.batch_embed"))["ollama_embed"]

    assert isinstance(way, EmbedWay)
    assert way.operation == "batch_embed_contents"


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_tokens_are_counted_by_whoever_counts_and_else_estimated(row: Provider) -> None:
    ways = ways_of(row.name, speech(row))

    for name in ("input_tokens", "count_tokens", "count_content"):
        assert BY_NAME[name].dialect in COUNT_CODECS
        if name in row.counts:
            assert name not in ways
        else:
            assert isinstance(ways[name], CountWay if row.counts else EstimateWay)


def test_models_are_shown_by_an_ollama_itself_and_for_all_others_by_us() -> None:
    assert isinstance(ways_of("openai", ("openai.chat",))["ollama_show"], ShowWay)
    assert "ollama_show" not in ways_of("ollama", ("ollama.chat", "ollama.show"))


def test_of_whom_nothing_is_known_everything_passes_as_it_is() -> None:
    assert ways_of("openai-compatible", ()) == {}


def test_conversations_with_signatures_can_be_cleaned() -> None:
    cleaning = cleaning_of(("openai.chat", "anthropic.messages", "gemini"))

    assert set(cleaning) == {"messages", "generate_content", "stream_generate_content"}
    assert cleaning["messages"].name == "anthropic.messages->anthropic.messages"


def test_what_a_server_ignores_in_one_of_its_dialects_is_asked_for_in_another() -> None:
    found = detours_of("llama.cpp", ("openai.chat", "openai.responses", "anthropic.messages"))

    assert {name: detour.way.name for name, detour in found.items()} == {
        "messages": "anthropic.messages->openai.chat", "responses": "openai.responses->openai.chat",
    }  # fmt: skip
    assert found["messages"].asks(b'{"output_config":{"format":{"type":"json_schema"}}}')
    assert detours_of("llama.cpp", ("openai.chat",)) == {}
    assert detours_of("vllm", ("openai.chat", "openai.responses", "anthropic.messages")) == {}


def test_where_no_dialect_of_it_has_it_what_is_ignored_is_named() -> None:
    way = detours_of("llama.cpp", ("openai.responses",))["responses"].way

    assert way.name == "openai.responses->openai.responses"
    assert "format" not in way.target.says
    assert "format" in CODECS["openai.responses"].says


def test_what_is_ignored_is_named_on_the_way_from_another_dialect_too() -> None:
    way = ways_of("llama.cpp", ("anthropic.messages",))["chat"]

    assert isinstance(way, Way)
    assert "format" not in way.target.says


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_what_a_provider_ignores_can_be_seen_in_a_request(row: Provider) -> None:
    ignored = {(dialect, field) for dialect, fields in row.ignores.items() for field in fields}

    assert ignored <= ASKS.keys()


def test_what_no_way_leads_to_is_known_to_be_lacking() -> None:
    lacks = lacking_of("anthropic", ("anthropic.messages",))

    assert lacks == {
        "embeddings", "embed_content", "batch_embed_contents", "ollama_embed", "ollama_embeddings", "images",
        "image_edits", "image_variations", "speech", "transcriptions", "translations", "moderations", "rerank", "score",
    }  # fmt: skip


@pytest.mark.parametrize("name", EMBEDDERS)
def test_a_server_of_embeddings_lacks_whatever_asks_a_model_for_an_answer(name: str) -> None:
    lacks = lacking_of(name, speech(PROVIDERS_BY_NAME[name]))

    assert lacks == {row.name for row in OPERATIONS if row.kind is Kind.GENERATE}


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_no_other_provider_is_known_to_lack_anything(row: Provider) -> None:
    lacks = lacking_of(row.name, speech(row))

    assert bool(lacks) == (row.name in ("anthropic", *EMBEDDERS))


def test_of_whom_nothing_is_known_nothing_is_lacking() -> None:
    assert lacking_of("openai-compatible", ()) == frozenset()


def test_billing_text_is_taken_out_for_own_machines_alone() -> None:
    found = {row.name for row in PROVIDERS if "messages" in tidying_of(row.name)}

    assert found == OWN_MACHINES & {row.name for row in PROVIDERS}
    assert {"llama.cpp", "vllm", "ollama", "lm-studio"} <= found
    assert found.isdisjoint(("anthropic", "openrouter", "litellm", "openai-compatible"))


def test_what_is_looked_at_by_nobody_is_untouched() -> None:
    [cloud, local] = make_endpoints(
        [
            EndpointSetting(url="https://api.anthropic.com"),
            EndpointSetting(url="http://localhost:11434"),
        ],
        {},
    )

    for endpoint in (cloud, local):
        touched = {*endpoint.ways, *endpoint.cleaning, *endpoint.detours, *endpoint.tidying}
        plain = {row.name for row in OPERATIONS if row.body is not Body.PATH}
        assert endpoint.untouched == plain - touched
    assert "chat" in local.untouched
    assert {"chat", "messages"}.isdisjoint(cloud.untouched)
    assert "messages" not in local.untouched
