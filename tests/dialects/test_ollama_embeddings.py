import json

import ollama
import pytest

from multillama.core.canonical import Embed, Vectors
from multillama.core.codec import Misfit
from multillama.dialects.ollama_embeddings import EMBED_CODEC
from tests.dialects.ollama_cases import goal
from tests.recorded import recorded


def test_a_request_comes_back():
    body = {"model": "there", "prompt": "a", "keep_alive": "5m", "options": {"num_ctx": 512}}

    embed = EMBED_CODEC.read_request(json.dumps(body).encode())

    assert embed == Embed(
        "there",
        ["a"],
        is_single=True,
        keep_alive="5m",
        family="ollama",
        extras={"options.num_ctx": 512},
    )
    assert json.loads(EMBED_CODEC.write_request(embed, goal())) == body


def test_no_prompt_only_loads_the_model():
    embed = EMBED_CODEC.read_request(b'{"model":"m"}')

    assert embed.inputs == []
    assert EMBED_CODEC.write_request(embed, goal()) == b'{"model":"there","prompt":""}'


def test_several_texts_are_refused():
    with pytest.raises(Misfit, match="must be one text"):
        EMBED_CODEC.write_request(Embed("m", ["a", "b"]), goal())


def test_a_vector_comes_back_as_the_sdk_reads_it():
    vectors = EMBED_CODEC.read_answer(b'{"embedding":[0.5,1]}')
    written = EMBED_CODEC.write_answer(vectors, Embed("public"))

    assert vectors == Vectors("", [[0.5, 1]])
    assert ollama.EmbeddingsResponse(**json.loads(written)).embedding == [0.5, 1.0]


def test_no_vector_is_an_empty_one():
    vectors = EMBED_CODEC.read_answer(b'{"embedding":[]}')

    assert EMBED_CODEC.write_answer(vectors, Embed("public")) == b'{"embedding":[]}'


@pytest.mark.parametrize("body", [b"{}", b'{"embedding":"a"}', b"7"])
def test_what_is_no_answer_is_refused(body):
    with pytest.raises(Misfit):
        EMBED_CODEC.read_answer(body)


def test_recorded_requests_and_answers_come_back():
    """Not compared: options and `keep_alive` that are empty or null."""
    for path in recorded("openllmetry/127.0.0.1_11434/test_embeddings*.req.json"):
        sent = json.loads(path.read_bytes())
        got = path.with_name(path.name.replace(".req.", ".resp.")).read_bytes()

        embed = EMBED_CODEC.read_request(path.read_bytes())
        asked = json.loads(EMBED_CODEC.write_request(embed, goal(model=sent["model"])))
        answered = EMBED_CODEC.write_answer(EMBED_CODEC.read_answer(got), embed)

        assert asked == {name: value for name, value in sent.items() if value}
        assert json.loads(answered) == json.loads(got)
