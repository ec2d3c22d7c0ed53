"""Lists of models are read in every known shape, and any bytes are survived."""

import json

import msgspec
import pytest
from hypothesis import given, strategies as st

from multillama.errors import GatewayError
from multillama.providers.listing import (
    CLOUDFLARE,
    COHERE,
    DATABRICKS,
    OLLAMA,
    OPENAI,
    SHAPES,
    Page,
    Shape,
    read_listing,
    text_of,
)

LISTS = [
    (OPENAI, {"object": "list", "data": [{"id": "a"}, {"id": "b", "created": 1}]}),
    (OPENAI, [{"id": "a"}, {"id": "b"}]),
    (OPENAI, ["a", "b"]),
    (OLLAMA, {"models": [{"name": "a", "model": "a"}, {"name": "b", "model": "b"}]}),
    (OPENAI, {"models": [{"type": "llm", "key": "a"}, {"type": "llm", "key": "b"}]}),
    (COHERE, {"models": [{"name": "a", "endpoints": ["chat"]}, {"name": "b"}]}),
    (CLOUDFLARE, {"result": [{"id": "u1", "name": "a"}, {"id": "u2", "name": "b"}]}),
    (DATABRICKS, {"endpoints": [{"id": "u1", "name": "a"}, {"name": "b"}]}),
    # llama.cpp sends both; the models of Ollama's shape are for Ollama's clients
    (OPENAI, {"models": [{"name": "x"}], "object": "list", "data": [{"id": "a"}, {"id": "b"}]}),
]


def ids(page: Page) -> list[str]:
    return [row.id for row in page.rows]


@pytest.mark.parametrize(("shape", "body"), LISTS)
def test_every_known_shape_is_read(shape: Shape, body: object) -> None:
    page = read_listing(json.dumps(body).encode(), shape)

    assert ids(page) == ["a", "b"]
    assert page.next is None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("known", "body"), LISTS[:7])
def test_a_list_of_another_shape_than_expected_is_read_too(
    shape: Shape, known: Shape, body: object
) -> None:
    assert ids(read_listing(json.dumps(body).encode(), shape)) == ["a", "b"]


def test_fields_keep_their_bytes() -> None:
    row = b'{"id":"a","price": {"in":0.10,"out":1e-7} ,"big":123456789012345678901234567890}'

    page = read_listing(b'{"data":[' + row + b"]}")

    assert {name: bytes(value) for name, value in page.rows[0].fields.items()} == {
        "id": b'"a"',
        "price": b'{"in":0.10,"out":1e-7}',
        "big": b"123456789012345678901234567890",
    }


@pytest.mark.parametrize("body", [b'{"data":null}', b'{"data":[]}', b"[]", b'{"models":[]}'])
def test_an_endpoint_without_models_has_an_empty_list(body: bytes) -> None:
    assert read_listing(body) == Page((), None)


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (
            b'{"data":[{"id":"a"}],"has_more":true,"first_id":"a","last_id":"a/b&c"}',
            "after_id=a%2Fb%26c",
        ),
        (b'{"data":[{"id":"a"}],"has_more":false,"last_id":"a"}', None),
        (b'{"data":[{"id":"a"}],"last_id":"a"}', None),
        (b'{"data":[{"id":"a"}],"has_more":true,"last_id":null}', None),
        (b'{"models":[{"name":"models/a"}],"nextPageToken":"t="}', "pageToken=t%3D"),
        (b'{"models":[{"name":"models/a"}],"nextPageToken":""}', None),
    ],
)
def test_the_next_page_is_told_as_its_endpoint_wants_it(body: bytes, query: str | None) -> None:
    assert read_listing(body).next == query


def test_cohere_pages_by_its_own_token() -> None:
    body = b'{"models":[{"name":"command"}],"next_page_token":"t"}'

    assert read_listing(body, COHERE).next == "page_token=t"


def test_a_prefix_of_ids_is_left_out_and_remembered() -> None:
    body = b'{"data":[{"id":"models/gemini-pro"},{"id":"other"},{"id":"models/"}]}'

    page = read_listing(body, id_prefix="models/")

    assert [(row.id, row.own) for row in page.rows] == [
        ("gemini-pro", "models/gemini-pro"),
        ("other", None),
    ]


def test_rows_without_a_usable_name_are_left_out() -> None:
    rows = [
        {"id": "a"},
        {},
        {"id": 1},
        {"id": ""},
        {"id": "x\ny"},
        {"id": "\u202ex"},
        None,
        {"id": "b"},
    ]

    page = read_listing(json.dumps({"data": rows}).encode())

    assert ids(page) == ["a", "b"]


def test_the_first_of_equal_ids_counts() -> None:
    page = read_listing(b'{"data":[{"id":"a","n":1},{"id":"a","n":2}]}')

    assert [bytes(row.fields["n"]) for row in page.rows] == [b"1"]


def test_a_byte_order_mark_is_no_reason_to_fail() -> None:
    assert ids(read_listing(b'\xef\xbb\xbf{"data":[{"id":"a"}]}')) == ["a"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in</html>",
        b'{"error":{"message":"no"}}',
        b'{"data":"a"}',
        b'{"data":[1]}',
        b'{"data":[{"id":"\xff"}]}',
        rb'{"data":[{"id":"\ud800"}]}',
        b'{"data":[{"id":"a"}]} trailing',
        b'{"data":[' + b"[" * 100_000,
        b"null",
        b"42",
    ],
)
def test_what_is_no_list_is_malformed(body: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        read_listing(body)

    assert caught.value.kind == "endpoint_malformed"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "models", "result", "id", "name", "has_more", "last_id"]),
            inner,
        )
    ),
    max_leaves=20,
)


@given(
    st.binary() | st.builds(lambda value: json.dumps(value).encode(), JSON),
    st.sampled_from(SHAPES),
    st.sampled_from(["", "models/"]),
)
def test_any_bytes_give_rows_or_a_malformed_endpoint(
    body: bytes, shape: Shape, prefix: str
) -> None:
    kinds = set()

    try:
        page = read_listing(body, shape, id_prefix=prefix)
    except GatewayError as error:
        kinds.add(error.kind)
        page = Page((), None)

    assert kinds <= {"endpoint_malformed"}
    assert len({row.id for row in page.rows}) == len(page.rows)
    for row in page.rows:
        assert row.id.isprintable()
        assert row.id.encode()
        assert msgspec.json.decode(msgspec.json.encode(row.fields)) is not None


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (b'"a"', "a"), (b"1", ""), (b"null", ""), (rb'"\ud800"', ""), (b'{"a":1}', "")],
)
def test_only_a_string_has_text(value: bytes | None, text: str) -> None:
    assert text_of(None if value is None else msgspec.Raw(value)) == text
