import json

import ollama
import pytest

from multillama.core.canonical import Embed, Vectors
from multillama.core.codec import Misfit
from multillama.dialects.ollama_embed import EMBED_CODEC
from tests.dialects.ollama_cases import goal

FULL = {
    "model": "there", "input": ["a", "b"], "truncate": True, "dimensions": 8, "keep_alive": 60,
    "options": {"num_ctx": 512}, "more": 1,
}  # fmt: skip


def test_a_request_comes_back():
    embed = EMBED_CODEC.read_request(json.dumps(FULL).encode())

    assert embed == Embed(
        "there", ["a", "b"], dimensions=8, truncate=True, keep_alive=60, family="ollama",
        extras={"options.num_ctx": 512, "more": 1},
    )  # fmt: skip
    assert json.loads(EMBED_CODEC.write_request(embed, goal())) == FULL


def test_one_text_stays_one_text():
    embed = EMBED_CODEC.read_request(b'{"model":"m","input":"a","options":null}')

    assert embed == Embed("m", ["a"], is_single=True, family="ollama")
    assert EMBED_CODEC.write_request(embed, goal()) == b'{"model":"there","input":"a"}'


@pytest.mark.parametrize("value", ['""', "[]", "null", '[""]'])
def test_no_text_only_loads_the_model(value):
    assert EMBED_CODEC.read_request(b'{"model":"m","input":%b}' % value.encode()).inputs == []


@pytest.mark.parametrize("body", [b"[]", b'{"input":[1]}', b'{"input":{}}', b'{"options":1}', b"{"])
def test_what_is_no_request_is_refused(body):
    with pytest.raises(Misfit):
        EMBED_CODEC.read_request(body)


def test_an_answer_comes_back_as_the_sdk_reads_it():
    body = {"model": "m", "embeddings": [[0.5, -1.0], [1, 2]], "prompt_eval_count": 7}

    vectors = EMBED_CODEC.read_answer(json.dumps(body).encode())
    written = json.loads(EMBED_CODEC.write_answer(vectors, Embed("public")))

    assert vectors == Vectors("m", [[0.5, -1.0], [1, 2]], 7)
    assert written == body | {"model": "public"}
    assert ollama.EmbedResponse(**written).embeddings == [[0.5, -1.0], [1, 2]]


def test_an_answer_is_forgiven_what_it_lacks():
    vectors = EMBED_CODEC.read_answer(b'{"embeddings":[],"model":7}')

    assert vectors == Vectors("", [])
    assert json.loads(EMBED_CODEC.write_answer(vectors, Embed(""))) == {
        "model": "",
        "embeddings": [],
    }


@pytest.mark.parametrize("body", [b"{}", b'{"embeddings":[1]}', b"7"])
def test_what_is_no_answer_is_refused(body):
    with pytest.raises(Misfit):
        EMBED_CODEC.read_answer(body)
