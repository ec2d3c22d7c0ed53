import pytest
from hypothesis import given, strategies as st

from multillama.core.sound import sound_part
from tests.core.streams import DIALECTS, chunk, event, stream


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_is_sound_to_its_end(dialect: str) -> None:
    data = b"".join(stream(dialect, ["One", " two"])) + b": note\n\ndata:\n\n" + event("ping")

    assert sound_part(data) == (data, None)


def test_an_error_that_is_null_is_none() -> None:
    data = chunk(choices=[], error=None)

    assert sound_part(data) == (data, None)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (chunk(error={"message": "out of memory"}), "error"),
        (event("error", error={"type": "overloaded_error"}), "error"),
        (b'data: {"type":"error"}\n\n', "error"),
        (b'error: {"code":500}\n\n', "error"),
        (b'data: {"choices":[{"index":0,"del\n\n', "no JSON"),
        (b"data: <html>\n\n", "no JSON"),
        (b"data: []\n\n", "no JSON"),
    ],
)
def test_what_comes_before_the_fault_is_sound(event: bytes, words: str) -> None:
    before = chunk(choices=[]) * 2

    sound, fault = sound_part(before + event + chunk(choices=[]))

    assert sound == before
    assert words in (fault or "")


@given(st.binary(max_size=80))
def test_no_bytes_are_a_crash(data: bytes) -> None:
    sound, fault = sound_part(b"data: " + data + b"\n\n")

    assert (sound == b"data: " + data + b"\n\n") == (fault is None)
