"""`google-genai` through the gateway: all models are listed in the shape that it reads."""

import warnings
from pathlib import Path

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
