import pytest

from multillama.config.problem import path_text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), ""),
        (("endpoints", 1, "weight"), "endpoints[1].weight"),
        (("routing", "models", "llama*", "retry"), 'routing.models."llama*".retry'),
    ],
)
def test_a_path_is_written_as_people_do(path, expected):
    assert path_text(path) == expected
