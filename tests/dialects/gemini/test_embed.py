import json

import pytest

from multillama.core.canonical import Embed, Vectors
from multillama.core.codec import Misfit
from multillama.dialects.gemini.embed import (
    read_batch,
    read_embed,
    read_vectors,
    write_batch,
    write_embed,
    write_vector,
    write_vectors,
)
from tests.dialects.gemini.saying import goal

ONE = {
    "model": "models/e",
    "content": {"parts": [{"text": "a"}]},
    "taskType": "RETRIEVAL_DOCUMENT",
    "title": "t",
    "outputDimensionality": 8,
    "autoTruncate": True,
}


def encoded(value):
    return json.dumps(value).encode()


def test_one_text_is_read_and_comes_back():
    embed = read_embed(encoded(ONE))

    assert embed == Embed(
        "",
        ["a"],
        is_single=True,
        dimensions=8,
        task="RETRIEVAL_DOCUMENT",
        title="t",
        truncate=True,
        family="gemini",
    )
    assert json.loads(write_embed(embed, goal("e"))) == ONE


def test_many_texts_are_read_and_come_back():
    batch = {"requests": [{**ONE, "content": {"parts": [{"text": text}]}} for text in "ab"]}

    embed = read_batch(encoded(batch))

    assert (embed.inputs, embed.is_single) == (["a", "b"], False)
    assert json.loads(write_batch(embed, goal("e"))) == batch


def test_each_text_may_have_a_title_of_its_own():
    rows = [
        {**ONE, "title": "x"},
        {**ONE, "title": "y"},
        {key: ONE[key] for key in ONE if key != "title"},
    ]

    embed = read_batch(encoded({"requests": rows}))

    assert json.loads(write_batch(embed, goal("e"))) == {"requests": rows}


LENIENT = {
    "a text": {"content": "a"},
    "one part": {"content": {"parts": {"text": "a"}}},
    "parts": {"content": {"parts": [{"text": ""}, {"text": "a"}]}},
    "the place where the cloud has it": {
        "content": {"parts": [{"text": "a"}]},
        "embedContentConfig": {"task_type": "B", "outputDimensionality": 4},
    },
}


@pytest.mark.parametrize("case", LENIENT)
def test_one_text_may_be_told_in_short(case):
    assert read_embed(encoded(LENIENT[case])).inputs == ["a"]


def test_the_clouds_settings_are_read():
    embed = read_embed(encoded(LENIENT["the place where the cloud has it"]))

    assert (embed.task, embed.dimensions) == ("B", 4)


WRONG = {
    "no content": (read_embed, {}, "content must be an object"),
    "an image": (
        read_embed,
        {"content": {"parts": [{"inlineData": {}}]}},
        r"content.parts\[0\].text must be",
    ),
    "no requests": (read_batch, {}, "requests is missing"),
    "no request": (read_batch, {"requests": [1]}, r"requests\[0\] must be an object"),
    "different wishes": (
        read_batch,
        {"requests": [ONE, {**ONE, "outputDimensionality": 9}]},
        r"requests\[1\] must ask for the same",
    ),
    "no vectors": (read_vectors, {}, r"embeddings\[0\] must be an object|embedding"),
    "no numbers": (
        read_vectors,
        {"embedding": {"values": ["a"]}},
        r"embeddings\[0\].values must be a number",
    ),
    "no list": (read_vectors, {"embeddings": [{}]}, r"embeddings\[0\].values must be a list"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_told(case):
    read, body, match = WRONG[case]

    with pytest.raises(Misfit, match=match):
        read(encoded(body))


def test_texts_of_others_are_written():
    embed = Embed("m", ["a", "b"], dimensions=4, family="openai", extras={"encoding": 1})

    assert json.loads(write_batch(embed, goal("tunedModels/e"))) == {
        "requests": [
            {
                "model": "tunedModels/e",
                "content": {"parts": [{"text": text}]},
                "outputDimensionality": 4,
            }
            for text in "ab"
        ]
    }


@pytest.mark.parametrize("inputs", [["a", "b"], [], [[1, 2]]])
def test_one_text_is_all_that_fits(inputs):
    with pytest.raises(Misfit):
        write_embed(Embed("m", inputs), goal("e"))


def test_tokens_cannot_be_told():
    with pytest.raises(Misfit, match="takes no tokens"):
        write_batch(Embed("m", ["a", [1, 2]]), goal("e"))


VECTORS = Vectors(vectors=[[0.5, -1.0]], input_tokens=3)


def test_vectors_are_read_and_come_back():
    usage = {"usageMetadata": {"promptTokenCount": 3}}
    single = {"embedding": {"values": [0.5, -1.0]}, **usage}
    batch = {"embeddings": [{"values": [0.5, -1.0]}], **usage}

    assert read_vectors(encoded(single)) == read_vectors(encoded(batch)) == VECTORS
    assert json.loads(write_vector(VECTORS, Embed("m"))) == single
    assert json.loads(write_vectors(VECTORS, Embed("m"))) == batch


def test_no_vectors_are_an_empty_one():
    assert json.loads(write_vector(Vectors(), Embed("m"))) == {"embedding": {"values": []}}


def test_tokens_that_are_no_number_are_not_known():
    assert (
        read_vectors(b'{"embeddings": [], "usageMetadata": {"promptTokenCount": "3"}}') == Vectors()
    )
