import json

import ollama
import pytest

from multillama.dialects.catalog import CODECS, EMBED_CODECS
from multillama.dialects.ollama_load import is_load, write_load
from tests.dialects.ollama_cases import AT, AT_TEXT


@pytest.mark.parametrize(
    ("dialect", "body", "loads"),
    [
        ("ollama.chat", b'{"model":"m"}', True),
        ("ollama.chat", b'{"model":"m","messages":[]}', True),
        ("ollama.chat", b'{"model":"m","messages":[{"role":"user","content":""}]}', False),
        ("ollama.generate", b'{"model":"m"}', True),
        ("ollama.generate", b'{"model":"m","prompt":"","system":"s"}', True),
        ("ollama.generate", b'{"model":"m","prompt":"","raw":true}', True),
        ("ollama.generate", b'{"model":"m","prompt":"a","raw":true}', False),
        ("ollama.generate", b'{"model":"m","prompt":"a"}', False),
        ("ollama.embed", b'{"model":"m","input":""}', True),
        ("ollama.embed", b'{"model":"m","input":"a"}', False),
        ("ollama.embeddings", b'{"model":"m","prompt":""}', True),
    ],
)
def test_who_asks_for_nothing_but_the_model_is_known(dialect, body, loads):
    request = {**CODECS, **EMBED_CODECS}[dialect].read_request(body)

    assert is_load(request) is loads


def test_an_empty_conversation_of_another_family_loads_nothing():
    assert not is_load(
        CODECS["anthropic.messages"].read_request(b'{"model":"m","messages":[],"max_tokens":1}')
    )


@pytest.mark.parametrize(
    ("keep", "reason"),
    [
        ("null", "load"),
        ("60", "load"),
        ('"5m"', "load"),
        ("-1", "load"),
        ("0", "unload"),
        ('"0s"', "unload"),
    ],
)
def test_the_model_is_said_to_be_loaded_or_unloaded(keep, reason):
    request = CODECS["ollama.chat"].read_request(b'{"model":"m","keep_alive":%b}' % keep.encode())

    written = json.loads(write_load("ollama.chat", request, created=AT))

    assert written == {
        "model": "m",
        "created_at": AT_TEXT,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": reason,
    }
    assert ollama.ChatResponse(**written).done_reason == reason


@pytest.mark.parametrize(
    ("dialect", "answer"),
    [
        (
            "ollama.generate",
            {
                "model": "m",
                "created_at": AT_TEXT,
                "response": "",
                "done": True,
                "done_reason": "load",
            },
        ),
        ("ollama.embed", {"model": "m", "embeddings": []}),
        ("ollama.embeddings", {"embedding": []}),
    ],
)
def test_each_dialect_has_its_own_answer(dialect, answer):
    request = {**CODECS, **EMBED_CODECS}[dialect].read_request(b'{"model":"m"}')

    assert json.loads(write_load(dialect, request, created=AT)) == answer
