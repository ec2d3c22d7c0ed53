import pytest
from hypothesis import given, strategies as st

from multillama.core.sound import look_through, sound_part
from multillama.errors import GatewayError
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


WORD = chunk(choices=[{"index": 0, "delta": {"content": "One"}}])
DONE = b"data: [DONE]\n\n"


def test_what_is_sound_passes_whole() -> None:
    assert look_through(WORD, [], None, is_last=False) == (WORD, b"", None)
    assert look_through(DONE, [WORD], None, is_last=True) == (DONE, b"", None)
    assert look_through(b"", [WORD, DONE], None, is_last=True) == (b"", b"", None)


def test_what_is_wrong_is_held_back_with_all_that_follows_it() -> None:
    wrong = b"data: <html>\n\n"

    passes, held, fault = look_through(WORD + wrong + DONE, [], None, is_last=True)

    assert (passes, held) == (WORD, wrong + DONE)
    assert fault == ("endpoint_malformed", "sent an event that is no JSON object")


def test_an_end_before_the_last_event_is_a_fault() -> None:
    _, _, fault = look_through(WORD, None, None, is_last=True)

    assert fault == ("endpoint_truncated", "ended its answer before the last event")


def test_a_continuation_is_what_its_stitch_makes_of_it() -> None:
    def rest(data: bytes, *, is_last: bool) -> bytes:
        if is_last:
            raise GatewayError("endpoint_malformed", "is none")
        return data.upper()

    assert look_through(b"a", [], rest, is_last=False) == (b"A", b"", None)
    assert look_through(b"a", [], rest, is_last=True) == (
        b"", b"", ("endpoint_malformed", "is none"),
    )  # fmt: skip
