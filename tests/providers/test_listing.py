"""Lists of models are read in every known shape, and any bytes are survived."""

import json

import msgspec
import pytest
from hypothesis import given, strategies as st

from multillama.errors import GatewayError
from multillama.providers.listing import (
    CLOUDFLARE,
    COHERE,
    CONTEXT_MEMBERS,
    DATABRICKS,
    OLLAMA,
    OPENAI,
    SHAPES,
    Page,
    Shape,
    context_length,
    read_listing,
    text_of,
    whole_of,
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


CONTEXTS = [
    (
        "Gemini",
        {"name": "models/g", "inputTokenLimit": 1048576, "outputTokenLimit": 65536},
        1048576,
    ),
    ("Anthropic", {"id": "c", "max_input_tokens": 200000, "max_tokens": 64000}, 200000),
    (
        "OpenRouter",
        {"id": "o", "context_length": 131072, "top_provider": {"context_length": 65536}},
        131072,
    ),
    ("OpenRouter, by its provider", {"id": "o", "top_provider": {"context_length": 65536}}, 65536),
    ("Groq", {"id": "l", "context_window": 8192, "max_completion_tokens": 1024}, 8192),
    ("vLLM", {"id": "v", "max_model_len": 32768, "root": "v", "parent": None}, 32768),
    ("Mistral", {"id": "m", "max_context_length": 40960, "capabilities": {}}, 40960),
    ("llama.cpp", {"id": "x", "meta": {"n_ctx": 4096, "n_ctx_train": 8192, "n_params": 1}}, 4096),
    ("llama.cpp, before n_ctx", {"id": "x", "meta": {"n_ctx_train": 8192}}, 8192),
    ("llama.cpp, not loaded", {"id": "x", "meta": None}, None),
    ("OpenAI", {"id": "gpt", "object": "model", "created": 1, "owned_by": "openai"}, None),
    ("a zero, which is no length", {"id": "x", "context_length": 0, "max_model_len": 512}, 512),
    ("words", {"id": "x", "context_length": "large", "top_provider": [1], "meta": "?"}, None),
    ("a fraction", {"id": "x", "context_length": 8192.0}, 8192),
]


@pytest.mark.parametrize(
    ("row", "tokens"), [case[1:] for case in CONTEXTS], ids=[case[0] for case in CONTEXTS]
)
def test_the_context_length_is_read_wherever_a_server_tells_it(
    row: object, tokens: int | None
) -> None:
    (read,) = read_listing(json.dumps({"data": [row]}).encode()).rows

    assert context_length(read.fields) == tokens


def test_every_member_of_the_table_is_read_on_its_own() -> None:
    for member in CONTEXT_MEMBERS:
        outer, _, inner = member.rpartition(".")
        row = {outer: {inner: 77}} if outer else {inner: 77}
        (read,) = read_listing(json.dumps([{"id": "x"} | row]).encode()).rows

        assert context_length(read.fields) == 77


@pytest.mark.parametrize(
    ("text", "number"),
    [(b"7", 7), (b"7.9", 7), (b"0", 0), (b"-1", 0), (b"1e400", 0), (b"9" * 40, 0), (b"9" * 5000, 0), (b'"7"', 0),
     (b"true", 0), (b"null", 0)],
)  # fmt: skip
def test_a_number_is_whole_and_within_bounds(text: bytes, number: int) -> None:
    assert whole_of(msgspec.Raw(text)) == number
