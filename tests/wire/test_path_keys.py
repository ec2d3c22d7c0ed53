import pytest
from hypothesis import given, strategies as st

from multillama.wire.path_keys import has_path_key, split_path_key, split_query_key


@pytest.mark.parametrize(
    ("path", "rest", "key"),
    [
        (b"/k/secret/api/chat", b"/api/chat", b"secret"),
        (b"/k/secret/", b"/", b"secret"),
        (b"/k/secret", b"/", b"secret"),
        (b"/k/se%2Fcret/v1/chat/completions", b"/v1/chat/completions", b"se/cret"),
        (b"/k//api/chat", b"/k//api/chat", None),
        (b"/k/a%20b/api/chat", b"/k/a%20b/api/chat", None),
        (b"/k/a%0D%0Ab/api/chat", b"/k/a%0D%0Ab/api/chat", None),
        (b"/api/chat", b"/api/chat", None),
        (b"/key/x/api/chat", b"/key/x/api/chat", None),
    ],
)
def test_a_key_is_taken_out_of_the_path(path, rest, key):
    assert split_path_key(path) == (rest, key)


@pytest.mark.parametrize(
    ("query", "rest", "key"),
    [
        (b"key=k", b"", b"k"),
        (b"alt=sse&key=a%2Bb&x=1", b"alt=sse&x=1", b"a+b"),
        (b"key=a&key=b", b"key=a&key=b", None),
        (b"key=", b"key=", None),
        (b"monkey=k", b"monkey=k", None),
        (b"alt=sse", b"alt=sse", None),
    ],
)
def test_googles_key_is_taken_out_of_the_query(query, rest, key):
    assert split_query_key(b"/v1beta/models/m:generateContent", query) == (rest, key)


def test_a_version_of_both_is_googles_where_its_verb_says_so():
    assert split_query_key(b"/v1/models/m:countTokens", b"key=k") == (b"", b"k")
    assert split_query_key(b"/v1/models", b"key=k") == (b"key=k", None)


def test_elsewhere_a_key_in_the_query_stays_and_is_refused_later():
    assert split_query_key(b"/v1/chat/completions", b"key=k") == (b"key=k", None)


def test_a_path_as_received_tells_whether_it_had_a_key():
    assert has_path_key(b"GET /k/secret/ HTTP/1.1\r\n")
    assert not has_path_key(b"GET / HTTP/1.1\r\n")


@given(st.binary(), st.binary())
def test_whatever_the_bytes_there_is_an_answer(path, query):
    rest, key = split_path_key(path)
    split_query_key(path, query)

    assert (rest == path) or key


def test_a_call_without_a_version_is_googles_too():
    found = split_query_key(b"/models/m:generateContent", b"key=K&alt=sse")

    assert found == (b"alt=sse", b"K")


def test_a_key_behind_a_model_of_openais_list_is_not_taken():
    assert split_query_key(b"/models/m", b"key=K") == (b"key=K", None)
