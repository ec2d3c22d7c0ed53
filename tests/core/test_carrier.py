import pytest
from hypothesis import given, strategies as st

from multillama.core.carrier import PREFIX, holds_foreign, is_claudes, key_of, seal, unseal


@given(
    st.text(),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])),
    st.binary(max_size=80),
)
def test_what_is_sealed_comes_back_for_its_origin(signature, origin, key):
    signature = signature.encode("utf-8", "replace").decode()
    carrier = seal(signature, origin=origin, key=key)

    assert unseal(carrier, origin=origin, key=key) == (signature, False)
    assert unseal(carrier, origin=origin + "x", key=key) is None


def test_a_carrier_tells_that_there_was_no_text_to_read():
    carrier = seal("data", origin="o", key=b"k", is_redacted=True)

    assert unseal(carrier, origin="o", key=b"k") == ("data", True)


def test_another_gateway_cannot_open_it():
    assert unseal(seal("s", origin="o", key=b"a"), origin="o", key=b"b") is None


@pytest.mark.parametrize(
    "text", ["", "EqQB", PREFIX, PREFIX + "!", PREFIX + "A", PREFIX + "AAAA", PREFIX + "é"]
)
def test_what_is_no_carrier_is_nothing(text):
    assert unseal(text, origin="o", key=b"k") is None


def test_a_carrier_that_was_changed_is_nothing():
    carrier = seal("signature", origin="o", key=b"k")

    changed = [
        carrier[:at] + ("A" if letter != "A" else "B") + carrier[at + 1 :]
        for at, letter in enumerate(carrier)
    ]

    assert [unseal(text, origin="o", key=b"k") for text in changed] == [None] * len(carrier)


def test_the_key_follows_from_the_gateways_own():
    assert key_of(b"a") == key_of(b"a") != key_of(b"b")
    assert key_of(None) == key_of(b"")


@pytest.mark.parametrize(
    ("body", "provider", "found"),
    [
        (b'{"signature":"mlsig1-abc"}', "vllm", True),
        (b'{"signature":"3fa85f"}', "vllm", False),
        (b'{"signature": "3fa85f"}', "anthropic", True),
        (b'{"signature":"%b"}' % (b"x" * 300), "anthropic", False),
        (b'{"messages":[]}', "anthropic", False),
    ],
)
def test_a_conversation_with_foreign_signatures_is_seen(body, provider, found):
    assert holds_foreign(body, provider) is found


def test_claudes_signatures_are_long():
    assert (is_claudes("x" * 300), is_claudes("x" * 36)) == (True, False)
