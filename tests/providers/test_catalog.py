"""The table of providers: every row is reachable, unambiguous and complete."""

import re
from urllib.parse import urlsplit

import pytest

from multillama.core.operations import OPERATIONS
from multillama.providers.catalog import (
    BY_NAME,
    CLOUDS,
    GENERIC,
    LOCALS,
    PROVIDERS,
    Provider,
    identify,
    recognise,
)

NATIVE_DIALECTS = {"ollama", "lm-studio"}


@pytest.mark.parametrize("row", CLOUDS, ids=lambda row: row.name)
def test_a_cloud_is_recognised_by_each_of_its_hosts(row: Provider) -> None:
    hosts = [urlsplit(row.base).netloc, *row.hosts]

    found = [recognise(f"https://{host.replace('*', 'acme')}/") for host in hosts]

    assert found == [row] * len(hosts)


@pytest.mark.parametrize("row", CLOUDS, ids=lambda row: row.name)
def test_a_cloud_is_called_by_tls_only(row: Provider) -> None:
    assert row.base.startswith("https://")


def test_names_titles_hosts_and_key_variables_belong_to_one_row_each() -> None:
    hosts = [urlsplit(row.base).netloc for row in CLOUDS] + [h for row in CLOUDS for h in row.hosts]

    for values in (
        [row.name for row in PROVIDERS],
        [row.title for row in PROVIDERS],
        [name for row in PROVIDERS for name in row.keys],
        [owner for row in PROVIDERS for owner in row.owners],
        hosts,
    ):
        assert sorted(values) == sorted(set(values))


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_a_row_is_written_as_its_readers_expect(row: Provider) -> None:
    dialects = {operation.dialect for operation in OPERATIONS} | NATIVE_DIALECTS

    assert re.fullmatch(r"[a-z0-9.-]+", row.name)
    assert all(re.fullmatch(r"[A-Z0-9_]+", name) for name in row.keys)
    assert re.fullmatch(r"[a-z-]+: (Bearer )?", row.auth)
    assert all(re.fullmatch(r"[a-z-]+: (Bearer )?", line) for line in row.auths.values())
    assert set(row.bases) <= dialects
    for path in (row.path, *row.bases.values()):
        assert path == "" or re.fullmatch(r"(/[a-z0-9.-]+)+", path)
    assert all(name == name.lower() for name, _ in row.defaults)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://localhost:11434", "ollama"),
        ("http://nas.lan:11434/", "ollama"),
        ("http://[::1]:1234", "lm-studio"),
        ("http://127.0.0.1:8080", "llama.cpp"),
        ("http://gpu-box:8000/v1", "vllm"),
        ("http://localhost:30000", "sglang"),
        ("http://localhost:5000", "text-generation-webui"),
        ("http://model-runner.docker.internal/", "docker"),
        ("http://localhost:12434", "docker"),
        ("http://localhost:9999", "openai-compatible"),
        ("https://llm.example.com/", "openai-compatible"),
        ("https://API.OpenAI.com./", "openai"),
        ("https://us.api.openai.com", "openai"),
        ("https://bedrock-mantle.eu-west-1.api.aws/", "bedrock"),
        ("https://api.openai.com.evil.example/", "openai-compatible"),
        ("https://evil-openrouter.ai/", "openai-compatible"),
        ("https://.openai.azure.com/", "openai-compatible"),
        ("https://bedrock-mantle..api.aws/", "openai-compatible"),
    ],
)
def test_a_url_is_recognised_by_host_then_by_port(url: str, name: str) -> None:
    assert recognise(url).name == name


def test_a_port_guesses_the_first_of_the_runtimes_that_use_it() -> None:
    first = {row.port: row for row in reversed(LOCALS)}

    found = {port: recognise(f"http://localhost:{port}/") for port in first}

    assert found == first


@pytest.mark.parametrize(
    ("guess", "owner", "name"),
    [
        ("llama.cpp", "llamacpp", "llama.cpp"),
        ("llama.cpp", "vllm", "vllm"),
        ("llama.cpp", "someone", "openai-compatible"),
        ("vllm", "", "openai-compatible"),
        ("openai-compatible", "sglang", "sglang"),
        ("openai-compatible", "someone", "openai-compatible"),
        ("ollama", "a-user", "ollama"),
        ("ollama", "llamacpp", "llama.cpp"),
        ("together", "vllm", "together"),
    ],
)
def test_a_guess_is_corrected_by_the_owner_of_the_models(guess: str, owner: str, name: str) -> None:
    assert identify(BY_NAME[guess], owner).name == name


def test_a_server_that_no_row_knows_is_called_under_v1_with_bearer() -> None:
    assert (GENERIC.path, GENERIC.auth) == ("/v1", "authorization: Bearer ")
