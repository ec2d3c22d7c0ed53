import pytest

from multillama.core.canonical import Embed
from multillama.core.codec import Misfit
from multillama.dialects.ollama_family.embedding import read_vector, texts_of, write_embed
from tests.dialects.ollama_cases import goal


def test_tokens_are_refused_with_their_place():
    with pytest.raises(Misfit, match=r"input\[1\] must be a text"):
        texts_of(Embed("m", ["a", [1, 2]]))


@pytest.mark.parametrize("value", [None, 7, ["a"], [True], [[1]]])
def test_what_is_no_vector_is_refused(value):
    with pytest.raises(Misfit, match="must be a list of numbers"):
        read_vector(value, "embedding")


def test_extras_of_others_are_not_written():
    body = {}

    write_embed(Embed("m", family="openai", extras={"a": 1}), goal(), body)

    assert body == {}
