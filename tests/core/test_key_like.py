import pytest

from multillama.core.key_like import hide_keys


@pytest.mark.parametrize("key", ["sk-abc123", "gsk_0123456789abcdefABCD"])
def test_what_looks_like_a_key_is_hidden_and_the_rest_stays(key: str) -> None:
    assert hide_keys(f"names '{key}', which") == "names '***', which"


def test_a_models_name_stays() -> None:
    assert hide_keys("the model 'my-sk-learning-model'") == "the model 'my-sk-learning-model'"
