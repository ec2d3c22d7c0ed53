import pytest

from multillama.core.own_key import hide_own_key

KEY = b"sk-proj-abcdefghijklmnop"
HEAD = b"host: a\r\naccept-encoding: identity\r\nauthorization: Bearer " + KEY + b"\r\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            b"Incorrect API key provided: %b." % KEY,
            b"Incorrect API key provided: %b." % (b"*" * 24),
        ),
        (b"provided: sk-proj-********mnop.", b"provided: ********************."),
        (b"provided: sk-...nop", b"provided: *********"),
        ("provided: sk-p\u2026op".encode(), b"provided: *********"),
        # another's, or no key at all
        (b"provided: sk-other********mnop.", b"provided: sk-other********mnop."),
        (b"provided: sk-proj-********wxyz.", b"provided: sk-proj-********wxyz."),
        (b"wait...p", b"wait...p"),
        (b"s...mnop", b"s...mnop"),
        (b"identity of host a", b"identity of host a"),
    ],
)
def test_our_key_is_hidden_and_nothing_else(said, told):
    assert hide_own_key(said, HEAD) == told
    assert len(told) == len(said)


@pytest.mark.parametrize("name", [b"x-api-key", b"api-key", b"X-Goog-Api-Key", b"x-auth-token"])
def test_the_key_is_known_in_every_header_that_holds_one(name):
    assert hide_own_key(b"no: 0123456789", name + b": 0123456789\r\n") == b"no: **********"


def test_what_is_too_short_for_a_secret_is_a_word():
    assert hide_own_key(b"ask ollama", b"authorization: Bearer ollama\r\n") == b"ask ollama"
