import json
import pathlib
from base64 import b64decode, b64encode
from struct import pack, unpack

import hypothesis.strategies as st
import pytest
from hypothesis import given

from multillama.core.canonical import Embed, Vectors
from multillama.core.codec import Goal, Losses, Misfit
from multillama.dialects.openai_embeddings import EMBED_CODEC
from tests.dialects.seen import is_of, seen, status_of, stem_of
from tests.recorded import recorded

HOSTS = (
    "openllmetry/api.openai.com",
    "openllmetry/api.mistral.ai",
    "openllmetry/test-resource.openai.azure.com",
)


def goal() -> Goal:
    return Goal("m", "openai", "openai", False, Losses())


def read(**members) -> Embed:
    return EMBED_CODEC.read_request(json.dumps({"model": "m", **members}).encode())


@pytest.mark.parametrize(
    ("given", "inputs", "is_single"),
    [
        ("a", ["a"], True),
        (["a", "b"], ["a", "b"], False),
        ([1, 2], [[1, 2]], True),
        ([[1], [2, 3]], [[1], [2, 3]], False),
        (["a"], ["a"], False),
    ],
)
def test_inputs_are_read_and_come_back(given, inputs, is_single):
    embed = read(input=given)

    assert (embed.inputs, embed.is_single) == (inputs, is_single)
    assert json.loads(EMBED_CODEC.write_request(embed, goal())) == {"model": "m", "input": given}


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({}, "input"),
        ({"input": 3}, "input"),
        ({"input": [{}]}, "input[0]"),
        ({"input": ["a", [True]]}, "input[1]"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "a", "dimensions": "many"}, "dimensions"),
    ],
)
def test_what_is_no_request_is_told_with_its_place(members, path):
    with pytest.raises(Misfit) as told:
        read(**members)

    assert told.value.path == path


def test_the_rest_of_a_request_comes_back_to_the_family():
    embed = read(input="a", dimensions=8, user="u", encoding_format="base64", input_type="query")

    assert embed.is_base64
    assert json.loads(EMBED_CODEC.write_request(embed, goal())) == {
        "model": "m",
        "input": "a",
        "dimensions": 8,
        "user": "u",
        "input_type": "query",
    }
    embed.family = "gemini"
    assert "input_type" not in json.loads(EMBED_CODEC.write_request(embed, goal()))


def test_vectors_are_read_in_either_form_and_put_in_order():
    base64 = b64encode(pack("<2f", 0.5, -2.0)).decode()
    rows = [{"index": 1, "embedding": base64}, {"index": 0, "embedding": [1, 2.5]}]
    body = {"data": rows, "model": "e", "usage": {"total_tokens": 9}}

    vectors = EMBED_CODEC.read_answer(json.dumps(body).encode())

    assert vectors == Vectors("e", [[1, 2.5], [0.5, -2.0]], 9)


def test_vectors_are_written_in_the_form_that_the_client_asked_for():
    vectors = Vectors("e", [[0.5, -2.0]], 3)

    plain = json.loads(EMBED_CODEC.write_answer(vectors, Embed("m", ["a"])))
    packed = json.loads(EMBED_CODEC.write_answer(vectors, Embed("m", ["a"], is_base64=True)))

    assert plain["data"] == [{"object": "embedding", "index": 0, "embedding": [0.5, -2.0]}]
    assert unpack("<2f", b64decode(packed["data"][0]["embedding"])) == (0.5, -2.0)
    assert plain["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert plain["model"] == "m"


def test_an_answer_may_tell_nothing_but_vectors():
    assert EMBED_CODEC.read_answer(b'{"data": [{"embedding": []}]}') == Vectors("", [[]])


def test_a_figure_too_great_is_infinite():
    packed = json.loads(
        EMBED_CODEC.write_answer(Vectors("", [[1e300]]), Embed("m", is_base64=True))
    )

    assert unpack("<f", b64decode(packed["data"][0]["embedding"])) == (float("inf"),)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"data": [1]}',
        b'{"data": [{"embedding": "QQ"}]}',
        b'{"data": [{"embedding": [true]}]}',
        b'{"data": [{"embedding": "AAA"}]}',
        b'{"data": [{"embedding": "AAAAAAA="}]}',
        '{"data": [{"embedding": "ä"}]}'.encode(),
    ],
)
def test_what_is_no_answer_is_told(body):
    with pytest.raises(Misfit):
        EMBED_CODEC.read_answer(body)


@given(st.binary())
def test_any_bytes_are_values_or_a_misfit(data):
    for reader in (EMBED_CODEC.read_request, EMBED_CODEC.read_answer):
        with pytest.raises(Misfit):
            reader(data)


@pytest.mark.parametrize("host", HOSTS)
def test_every_recorded_request_and_answer_comes_back(host):
    metas = [meta for meta in recorded(f"{host}/*.meta.json") if is_of(meta, "/embeddings")]
    for meta in metas:
        if status_of(meta) != 200:
            continue
        sent = json.loads(pathlib.Path(f"{stem_of(meta)}.req.json").read_bytes())
        body = pathlib.Path(f"{stem_of(meta)}.resp.json").read_bytes()
        embed = EMBED_CODEC.read_request(json.dumps(sent).encode())

        written = json.loads(EMBED_CODEC.write_request(embed, goal()))
        answer = json.loads(EMBED_CODEC.write_answer(EMBED_CODEC.read_answer(body), embed))

        sent.pop("encoding_format", None)  # numbers are asked for, and packed for the client
        assert seen(written) == {**seen(sent), "model": "m"}, meta
        expected = json.loads(body)
        if embed.is_base64 == isinstance(expected["data"][0]["embedding"], str):
            assert answer["data"] == expected["data"], meta
        assert answer["usage"]["prompt_tokens"] == expected["usage"]["prompt_tokens"], meta
