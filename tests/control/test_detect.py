"""Without --url, what is at hand is found: keys under their usual names, runtimes on their usual ports."""

import asyncio

import pytest

from multillama.config.load import BadSetting
from multillama.control import detect
from multillama.control.detect import Found, keys_in, local_runtimes
from multillama.control.endpoints import make_endpoints
from multillama.control.lister import Answer
from multillama.errors import GatewayError
from multillama.providers.catalog import CLOUDS
from tests.control.scripted import Reply, Servers, as_json, listing, status

CANARY = "sk-CANARY-0123456789"
PAGE = Answer(200, (), b"<html>a program of your own</html>")


def summary(found: tuple[Found, ...]) -> list[tuple[str, str | None, str]]:
    return [(one.setting.url, one.setting.key, one.line) for one in found]


def test_conventional_keys_are_found_with_where_they_go() -> None:
    environ = {"ANTHROPIC_API_KEY": "ka", "OPENAI_API_KEY": " ko\n", "PATH": "/bin"}

    assert summary(keys_in(environ)) == [
        ("https://api.openai.com/", "ko", "found OPENAI_API_KEY → https://api.openai.com/"),
        (
            "https://api.anthropic.com/",
            "ka",
            "found ANTHROPIC_API_KEY → https://api.anthropic.com/",
        ),
    ]


def test_nothing_is_found_in_an_empty_environment() -> None:
    assert keys_in({"OPENAI_API_KEY": "", "GROQ_API_KEY": "  "}) == ()


def test_the_better_of_two_names_is_used() -> None:
    found = keys_in({"GOOGLE_API_KEY": "b", "GEMINI_API_KEY": "a"})

    assert [one.setting.key for one in found] == ["a"]


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "HF_TOKEN", "SCW_SECRET_KEY", "DATABRICKS_TOKEN"])
def test_a_key_that_opens_other_doors_too_is_left_alone(name: str) -> None:
    assert keys_in({name: "k"}) == ()


def test_a_key_goes_where_its_own_variable_sends_it() -> None:
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"http://llm.lan:8000/v1?code={CANARY}"}

    assert summary(keys_in(environ)) == [
        ("http://llm.lan:8000/v1", "k", "found OPENAI_API_KEY → http://llm.lan:8000/v1")
    ]


def test_azure_is_found_only_with_its_own_address() -> None:
    key = {"AZURE_OPENAI_API_KEY": "k"}

    found = keys_in(key | {"AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com/"})

    assert [one.setting.url for one in found] == ["https://acme.openai.azure.com/"]
    assert keys_in(key) == ()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_client_that_is_sent_to_us_does_not_send_us_to_ourselves(host: str) -> None:
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"http://{host}:3000/v1"}

    assert keys_in(environ, own_port=3000) == ()
    assert len(keys_in(environ, own_port=3001)) == 1


def test_a_variable_that_holds_no_url_is_named_with_the_cure() -> None:
    environ = {"OPENAI_API_KEY": CANARY, "OPENAI_BASE_URL": "nonsense"}

    with pytest.raises(
        BadSetting, match=r"^OPENAI_BASE_URL cannot be used: .* or give --url"
    ) as caught:
        keys_in(environ)

    assert CANARY not in str(caught.value)


def test_every_key_that_is_found_leads_to_its_own_provider() -> None:
    environ = {name: f"key of {row.name}" for row in CLOUDS for name in row.keys[:1]}

    found = keys_in(environ)

    endpoints = make_endpoints([one.setting for one in found], {})
    assert [one.setting.key for one in found] == [f"key of {e.provider}" for e in endpoints]
    assert len(found) > 40


async def test_local_runtimes_are_found_on_their_ports() -> None:
    servers = Servers(
        {
            "http://localhost:11434/v1/models": listing("a", owned_by="library"),
            "http://localhost:8080/v1/models": listing("b", owned_by="llamacpp"),
            "http://localhost:1234/v1/models": listing("c", owned_by="organization_owner"),
        }
    )

    found = await local_runtimes(servers)

    assert summary(found) == [
        ("http://localhost:11434/", None, "found Ollama at http://localhost:11434/"),
        ("http://localhost:8080/", None, "found llama.cpp at http://localhost:8080/"),
        ("http://localhost:1234/", None, "found LM Studio at http://localhost:1234/"),
    ]


async def test_only_loopback_is_asked_and_never_our_own_port() -> None:
    servers = Servers()

    await local_runtimes(servers, own_port=8080)

    ports = {call.split("/")[2] for call in servers.calls}
    assert {port.partition(":")[0] for port in ports} == {"localhost"}
    assert "localhost:8080" not in ports
    assert {"localhost:11434", "localhost:8000", "localhost:1234", "localhost:30000"} <= ports


async def test_a_shared_port_is_told_apart_by_the_owner_of_its_models() -> None:
    servers = Servers({"http://localhost:8080/v1/models": listing("a", owned_by="vllm")})

    found = await local_runtimes(servers)

    assert [one.line for one in found] == ["found vLLM at http://localhost:8080/"]


async def test_a_shared_port_is_told_apart_by_what_only_one_runtime_answers() -> None:
    servers = Servers(
        {
            "http://localhost:8000/v1/models": listing("a", owned_by="me"),
            "http://localhost:8000/version": as_json({"version": "0.12"}),
        }
    )

    found = await local_runtimes(servers)

    assert [one.line for one in found] == ["found vLLM at http://localhost:8000/"]


async def test_an_unknown_server_that_lists_models_is_used_as_what_it_is() -> None:
    servers = Servers(
        {
            "http://localhost:8000/v1/models": listing("a", owned_by="me"),
            "http://localhost:8000/version": PAGE,
        }
    )

    found = await local_runtimes(servers)

    assert [one.line for one in found] == ["found OpenAI-compatible at http://localhost:8000/"]


async def test_an_ollama_without_models_is_found_by_its_version() -> None:
    servers = Servers(
        {
            "http://localhost:11434/v1/models": as_json({"object": "list", "data": None}),
            "http://localhost:11434/api/version": as_json({"version": "0.12"}),
        }
    )

    found = await local_runtimes(servers)

    assert [one.line for one in found] == ["found Ollama at http://localhost:11434/"]


@pytest.mark.parametrize(
    "replies",
    [
        {"http://localhost:8000/v1/models": PAGE},
        {"http://localhost:8000/v1/models": status(403)},
        {"http://localhost:8000/v1/models": listing()},
        {
            "http://localhost:8000/v1/models": listing(),
            "http://localhost:8000/version": GatewayError("endpoint_closed", "gone"),
        },
        {"http://localhost:4891/v1/models": listing()},
    ],
)
async def test_what_is_no_llm_server_is_left_alone(replies: dict[str, Reply]) -> None:
    assert await local_runtimes(Servers(replies)) == ()


async def test_a_port_that_never_answers_does_not_hold_up_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detect, "PORT_S", 0)
    servers = Servers()
    servers.gates["localhost:8000"] = asyncio.Event()

    assert await local_runtimes(servers) == ()
