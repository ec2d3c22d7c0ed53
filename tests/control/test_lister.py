"""One endpoint is asked for its models where its provider keeps them, and elsewhere where that fails."""

import pytest

from multillama import __version__
from multillama.config.schema import EndpointSetting
from multillama.control.endpoints import base_path, make_endpoints
from multillama.control.lister import (
    MAX_PAGES,
    Answer,
    Headers,
    Listed,
    ListingFailed,
    life_question,
    list_models,
)
from multillama.errors import GatewayError
from tests.control.scripted import Servers, as_json, endpoint, ids, listing, status

CANARY = "sk-CANARY-0123456789"


async def failure(url: str, servers: Servers, key: str | None = None) -> ListingFailed:
    with pytest.raises(ListingFailed) as caught:
        await list_models(endpoint(url, key), servers)
    return caught.value


async def listed(url: str, servers: Servers) -> Listed:
    return await list_models(endpoint(url), servers)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://api.openai.com/", "/v1/models"),
        ("https://api.anthropic.com/", "/v1/models?limit=1000"),
        ("http://localhost:11434/", "/v1/models"),
        ("https://api.groq.com/", "/openai/v1/models"),
        ("https://api.perplexity.ai/", "/v1/models"),
        ("https://models.github.ai/", "/catalog/models"),
        ("https://api.cohere.ai/", "/v1/models?page_size=1000"),
        (
            "https://api.cloudflare.com/client/v4/accounts/0a/ai/v1",
            "/client/v4/accounts/0a/ai/models/search?per_page=1000",
        ),
        ("https://dbc.cloud.databricks.com/", "/api/2.0/serving-endpoints"),
        ("http://h:9/llm", "/llm/v1/models"),
    ],
)
async def test_a_list_is_looked_for_where_its_provider_keeps_it(url: str, target: str) -> None:
    name = endpoint(url).name
    scheme = url.partition("://")[0]
    servers = Servers({f"{scheme}://{name}{target}": listing("a")})

    found = await listed(url, servers)

    assert ids(found.rows) == ["a"]
    assert found.note is None
    assert len(servers.calls) == 1


async def test_the_question_says_who_asks_and_what_the_provider_needs() -> None:
    servers = Servers({"https://api.anthropic.com/v1/models?limit=1000": listing("a")})

    await listed("https://api.anthropic.com/", servers)

    assert servers.headers == [
        (
            (b"accept", b"application/json"),
            (b"user-agent", f"multillama/{__version__}".encode()),
            (b"anthropic-version", b"2023-06-01"),
        )
    ]


async def test_all_pages_of_anthropic_are_read() -> None:
    first = as_json({"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "last_id": "b"})
    last = as_json({"data": [{"id": "b"}, {"id": "c"}], "has_more": False, "last_id": "c"})
    servers = Servers(
        {
            "https://api.anthropic.com/v1/models?limit=1000": first,
            "https://api.anthropic.com/v1/models?limit=1000&after_id=b": last,
        }
    )

    found = await listed("https://api.anthropic.com/", servers)

    assert ids(found.rows) == ["a", "b", "c"]


async def test_a_page_that_repeats_itself_ends_the_list() -> None:
    same = as_json({"data": [{"id": "a"}], "has_more": True, "last_id": "a"})
    servers = Servers({"http://h/v1/models": same, "http://h/v1/models?after_id=a": same})

    found = await listed("http://h", servers)

    assert ids(found.rows) == ["a"]
    assert len(servers.calls) == 2


async def test_pages_without_end_are_cut() -> None:
    class Endless(Servers):
        async def __call__(self, endpoint: object, path: str, headers: Headers) -> Answer:
            self.calls.append(path)
            name = f"m{len(self.calls)}"
            return as_json({"data": [{"id": name}], "has_more": True, "last_id": name})

    servers = Endless()

    found = await list_models(endpoint("http://h"), servers)

    assert len(found.rows) == len(servers.calls) == MAX_PAGES


async def test_gemini_ids_lose_their_prefix_and_keep_their_own_name() -> None:
    servers = Servers(
        {"https://generativelanguage.googleapis.com/v1beta/openai/models": listing("models/g")}
    )

    found = await listed("https://generativelanguage.googleapis.com/", servers)

    assert [(row.id, row.own) for row in found.rows] == [("g", "models/g")]


async def test_an_old_ollama_lists_through_its_tags() -> None:
    servers = Servers(
        {"http://localhost:11434/api/tags": as_json({"models": [{"name": "a:latest"}]})}
    )

    found = await listed("http://localhost:11434/", servers)

    assert ids(found.rows) == ["a:latest"]
    assert found.endpoint.provider == "ollama"
    assert found.endpoint.paths["chat"] == b"/v1/chat/completions"
    assert found.note == "listed through /api/tags"


async def test_a_server_without_v1_is_called_without_v1() -> None:
    servers = Servers({"http://h:9/llm/models": listing("a")})

    found = await listed("http://h:9/llm", servers)

    assert base_path(found.endpoint) == "/llm"
    assert found.endpoint.paths["chat"] == b"/llm/chat/completions"
    assert found.note == "listed through /llm/models"


async def test_another_runtime_of_the_same_port_is_found_at_its_own_base() -> None:
    servers = Servers({"http://h:8000/api/v1/models": listing("a", owned_by="lemonade")})

    found = await listed("http://h:8000", servers)

    assert found.endpoint.provider == "lemonade"
    assert base_path(found.endpoint) == "/api/v1"


async def test_a_page_for_people_is_no_list_and_another_place_is_tried() -> None:
    page = Answer(200, (), b"<!doctype html><title>Open WebUI</title>")
    servers = Servers({"http://h:9/v1/models": page, "http://h:9/models": listing("a")})

    found = await listed("http://h:9", servers)

    assert ids(found.rows) == ["a"]


async def test_a_list_tells_which_runtime_it_is() -> None:
    servers = Servers({"http://h:8080/v1/models": listing("a", "b", owned_by="vllm")})

    found = await listed("http://h:8080", servers)

    assert found.endpoint.provider == "vllm"


async def test_a_list_of_many_owners_tells_nothing() -> None:
    rows = [{"id": "a", "owned_by": "vllm"}, {"id": "b", "owned_by": "llamacpp"}]
    servers = Servers({"http://h:9/v1/models": as_json({"data": rows})})

    found = await listed("http://h:9", servers)

    assert found.endpoint.provider == "openai-compatible"


async def test_a_provider_without_a_list_goes_by_well_known_names() -> None:
    servers = Servers({"https://api.perplexity.ai/v1/models": status(404)})

    found = await listed("https://api.perplexity.ai/", servers)

    assert ids(found.rows) == ["sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"]
    assert found.note == "has no list of models; well-known names are used"


async def test_a_refused_key_is_not_covered_by_well_known_names() -> None:
    servers = Servers({"https://api.perplexity.ai/v1/models": status(401)})

    error = await failure("https://api.perplexity.ai/", servers, CANARY)

    assert error.text == "The key was refused (401): check its key."


async def test_a_cloud_is_asked_at_its_own_place_only() -> None:
    servers = Servers({"https://api.openai.com/v1/models": status(404)})

    await failure("https://api.openai.com/", servers)

    assert servers.calls == ["https://api.openai.com/v1/models"]


async def test_what_the_first_place_said_counts_if_no_other_has_a_list() -> None:
    servers = Servers({"http://h:8000/": status(404)})

    error = await failure("http://h:8000/", servers)

    assert error.text == "It has no list of models at /v1/models (404): check the path of its URL."
    assert servers.calls == [
        "http://h:8000/v1/models",
        "http://h:8000/models",
        "http://h:8000/api/v1/models",
        "http://h:8000/api/tags",
    ]


@pytest.mark.parametrize(
    ("code", "key", "text", "lasting"),
    [
        (401, "k", "The key was refused (401): check its key.", True),
        (403, "k", "The key was refused (403): check its key.", True),
        (401, None, "It wants a key (401): give it one (--key, or key in the file).", True),
        (429, "k", "It is not ready to list its models (429).", False),
        (500, "k", "It is not ready to list its models (500).", False),
        (503, None, "It is not ready to list its models (503).", False),
        (400, "k", "It refused to list its models at /v1/models (400).", True),
        (302, "k", "It redirects (302).", True),
        (204, "k", "It refused to list its models at /v1/models (204).", True),
    ],
)
async def test_each_refusal_says_what_to_do(
    code: int, key: str | None, text: str, lasting: bool
) -> None:
    error = await failure("http://h", Servers({"http://h/v1/models": status(code)}), key)

    assert (error.text, error.lasting, error.reached) == (text, lasting, True)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (
            f"https://u:{CANARY}@h2/v1/models?key={CANARY}",
            "It redirects (301) to https://h2/v1/models: give the URL it really has.",
        ),
        ("/login", "It redirects (301)."),
        ("https://[h2/", "It redirects (301)."),
        ("https://h2/\x1b[31m", "It redirects (301)."),
    ],
)
async def test_a_redirect_names_its_target_without_secrets(location: str, text: str) -> None:
    servers = Servers({"http://h/v1/models": status(301, location=location)})

    error = await failure("http://h", servers)

    assert error.text == text


@pytest.mark.parametrize(
    ("kind", "hint", "reached"),
    [
        ("endpoint_unreachable", "", False),
        ("connect_timeout", " Check the address, and any firewall between.", False),
        ("endpoint_tls_failed", " Check that https:// is right, and its certificate.", False),
        ("endpoint_closed", "", True),
        ("first_byte_timeout", "", False),
        ("endpoint_frozen", "", False),
    ],
)
async def test_an_endpoint_that_gives_no_answer_is_explained(
    kind: str, hint: str, reached: bool
) -> None:
    error = await failure("http://h", Servers({"http://h/v1/models": GatewayError(kind, "Why.")}))

    assert (error.text, error.reached, error.lasting) == ("Why." + hint, reached, False)


async def test_an_answer_that_is_no_list_asks_for_the_right_url() -> None:
    page = Answer(200, (), b"<html>")

    error = await failure(
        "https://api.openai.com/", Servers({"https://api.openai.com/v1/models": page})
    )

    assert error.text == (
        "It answers at /v1/models, but not with a list of models; is https://api.openai.com/ the base"
        " URL of an LLM server?"
    )


@pytest.mark.parametrize("code", [301, 400, 401, 403, 404, 429, 500])
async def test_no_failure_repeats_a_key(code: int) -> None:
    echo = Answer(code, ((b"location", f"https://h/?k={CANARY}".encode()),), CANARY.encode())

    error = await failure("https://h", Servers({"https://h/v1/models": echo}), CANARY)

    assert CANARY not in error.text


async def test_a_failure_is_told_without_the_name_that_stands_before_it() -> None:
    refused = GatewayError("endpoint_unreachable", "The endpoint h:1 cannot be reached: refused.")
    servers = Servers({"http://h:1/v1/models": refused})

    error = await failure("http://h:1", servers)

    assert error.text == "It cannot be reached: refused."


async def test_the_query_of_the_base_goes_with_every_page() -> None:
    first = as_json({"data": [{"id": "a"}], "has_more": True, "last_id": "a"})
    servers = Servers(
        {"http://h/v1/models?v=1": first, "http://h/v1/models?after_id=a&v=1": listing("b")}
    )

    assert ids((await listed("http://h/v1?v=1", servers)).rows) == ["a", "b"]


async def test_a_provider_that_the_operator_named_is_not_corrected() -> None:
    (one,) = make_endpoints([EndpointSetting(url="http://h:8000/", provider="vllm")], {})
    servers = Servers({"http://h:8000/v1/models": listing("m", owned_by="llamacpp")})

    found = await list_models(one, servers)

    assert found.endpoint is one


@pytest.mark.parametrize(
    ("url", "target", "is_sure"),
    [
        ("http://box:9/base/v1", "/base/v1/models", False),
        ("http://localhost:11434", "/v1/models", True),
        ("https://api.openai.com/?a=b", "/v1/models?a=b", True),
    ],
)
def test_whether_an_endpoint_lives_is_shown_by_its_list(
    url: str, target: str, is_sure: bool
) -> None:
    assert life_question(endpoint(url)) == (target, is_sure)
