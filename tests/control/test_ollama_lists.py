import json

import msgspec
import pytest

from multillama.control.ollama_lists import show, tag
from multillama.core.snapshot import NO_FACTS, ModelFacts


def raw(**fields):
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in fields.items()}


def row(name="m", facts=NO_FACTS, created_s=0, **fields):
    return json.loads(msgspec.json.encode(tag(name, raw(**fields), facts, created_s=created_s)))


def test_a_model_of_anybody_is_a_row_that_ollamas_clients_read():
    assert row(created_s=1_700_000_000) == {
        "name": "m", "model": "m", "modified_at": "2023-11-14T22:13:20Z", "size": 0,
        "digest": "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a",
        "details": {
            "parent_model": "", "format": "", "family": "", "families": [], "parameter_size": "",
            "quantization_level": "",
        },
        "capabilities": ["completion", "tools"],
    }  # fmt: skip


def test_what_an_ollama_has_told_stays():
    told = row(
        size=7, digest="abc", modified_at="2025-01-01T00:00:00Z", details={"family": "llama"}
    )

    assert (told["size"], told["digest"], told["modified_at"], told["details"]) == (
        7, "abc", "2025-01-01T00:00:00Z", {"family": "llama"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "facts", "capabilities"),
    [
        ("m", ModelFacts(has_tools=False), ["completion"]),
        ("m", ModelFacts(has_vision=True), ["completion", "tools", "vision"]),
        ("nomic-embed-text", NO_FACTS, ["embedding"]),
        ("bge-m3", ModelFacts(context_tokens=8192), ["embedding"]),
        ("embedder", ModelFacts(has_tools=True), ["completion", "tools"]),
    ],
)
def test_a_model_can_what_is_known_of_it(name, facts, capabilities):
    assert row(name, facts)["capabilities"] == capabilities


def test_the_context_length_stands_where_clients_look_for_it():
    body = json.loads(show("m", raw(owned_by="acme"), ModelFacts(context_tokens=4096), created_s=0))

    assert body["model_info"] == {
        "general.architecture": "acme", "general.basename": "m", "acme.context_length": 4096,
    }  # fmt: skip
    assert body["capabilities"] == ["completion", "tools"]


def test_a_context_length_that_nobody_knows_is_left_out():
    body = json.loads(show("m", {}, NO_FACTS, created_s=0))

    assert body["model_info"] == {"general.architecture": "multillama", "general.basename": "m"}


@pytest.mark.parametrize(("seconds", "year"), [(-5, "1970"), (10**18, "9999")])
def test_a_time_beyond_the_calendar_is_its_end(seconds, year):
    assert row(created_s=seconds)["modified_at"].startswith(year)
