"""`google-genai` through the gateway: all models are listed in the shape that it reads."""

import warnings
from pathlib import Path

import pytest

from multillama.testing.server import ScriptedServer
from tests.gateway import endpoints, running

with warnings.catch_warnings():
    # its sources hold invalid escapes, which Python warns of when it compiles them for the first time
    warnings.simplefilter("ignore")
    from google import genai


def test_all_models_are_listed_and_can_be_looked_up(log: Path) -> None:
    with (
        ScriptedServer(["gemini-2.5-flash", "llama3:8b"]) as server,
        running(*endpoints(server.url), "--api-key", "front-door", log=log) as gateway,
    ):
        options = genai.types.HttpOptions(base_url=gateway.url)
        with genai.Client(api_key="front-door", http_options=options) as client:
            models = [model.name for model in client.models.list()]
            model = client.models.get(model="gemini-2.5-flash")

    assert models == ["models/gemini-2.5-flash", "models/llama3:8b"]
    assert model.name == "models/gemini-2.5-flash"


def test_a_call_is_refused_with_the_paths_that_are_served(log: Path) -> None:
    with (
        ScriptedServer(["gemini-2.5-flash"]) as server,
        running(*endpoints(server.url), log=log) as gateway,
    ):
        options = genai.types.HttpOptions(base_url=gateway.url)
        with (
            genai.Client(api_key="any", http_options=options) as client,
            pytest.raises(genai.errors.APIError) as caught,
        ):
            client.models.generate_content(model="gemini-2.5-flash", contents="Hi")

    assert (caught.value.code, caught.value.status) == (501, "UNIMPLEMENTED")
    assert "/v1/chat/completions" in str(caught.value.message)
