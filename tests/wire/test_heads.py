import time

import pytest
from hypothesis import given, strategies as st

from multillama.errors import GatewayError
from multillama.wire.heads import (
    MAX_FIELDS,
    MAX_LENGTH_DIGITS,
    ROLE_OF,
    WISHES,
    Role,
    drop_fields,
    read_head,
    role_of,
)
from tests.wire.heads import forwarded, read, refusal

# which fields travel on (RFC 9110 §7.6.1)


@pytest.mark.parametrize(
    "name",
    [
        b"anthropic-version", b"anthropic-beta", b"openai-organization", b"openai-project", b"user-agent",
        b"accept", b"traceparent", b"x-stainless-lang", b"idempotency-key", b"x-goog-api-client", b"content-type",
    ],
)  # fmt: skip
@pytest.mark.parametrize("spell", [bytes.lower, bytes.title, bytes.upper])
def test_what_the_endpoint_may_want_to_know_travels_as_it_came(name, spell):
    assert forwarded((spell(name), b"caf\xe9; q=1")) == spell(name) + b": caf\xe9; q=1\r\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, b"x") for name, role in ROLE_OF.items() if role is Role.DROP],
        (b"host2_name", b"x"),
        (b"transfer_encoding", b"chunked"),
        (b"x-multillama-endpoint", b"x"),
        (b"proxy-anything", b"x"),
        (b"content-length", b"5"),
        (b"transfer-encoding", b"chunked"),
        (b"connection", b"keep-alive"),
        (b"authorization", b"Bearer k"),
        (b"authorization", b"Basic eA=="),
        (b"x-api-key", b"k"),
        (b"api-key", b"k"),
        (b"x-goog-api-key", b"k"),
        (b"expect", b"100-continue"),
        (b"x-multillama-hops", b"1"),
        *[(f"x-multillama-{wish}".encode(), b"x") for wish in WISHES],
    ],
)
@pytest.mark.parametrize("spell", [bytes.lower, bytes.title, bytes.upper])
def test_framing_credentials_and_hop_by_hop_fields_end_here(name, value, spell):
    assert forwarded((spell(name), value), (b"x-other", b"y")) == b"x-other: y\r\n"


def test_what_connection_names_ends_here_too_however_often_it_is_said():
    fields = [
        (b"X-A", b"1"),
        (b"Connection", b"close, x-a"),
        (b"X-B", b"2"),
        (b"connection", b"X-B , x-content-type"),
        (b"x-a", b"3"),
        (b"X-C", b"4"),
    ]

    assert forwarded(*fields) == b"X-C: 4\r\n"


def test_order_and_repeats_are_kept():
    fields = [
        (b"x-b", b"1"),
        (b"X-A", b"2"),
        (b"x-b", b"3"),
        (b"Content-Type", b"a/b"),
        (b"x-b", b""),
    ]

    assert forwarded(*fields) == b"".join(b"%b: %b\r\n" % field for field in fields)


def test_every_role_has_its_kind_of_field():
    assert {role_of(name) for name in ROLE_OF} == set(Role) - {Role.FORWARD}
    assert role_of(b"X-Title") is Role.FORWARD


def test_fields_are_taken_out_by_lower_case_name():
    forward = [
        b"X-A",
        b": ",
        b"1",
        b"\r\n",
        b"x-b",
        b": ",
        b"x-a",
        b"\r\n",
        b"x-a",
        b": ",
        b"2",
        b"\r\n",
    ]

    drop_fields(forward, {b"x-a"})

    assert forward == [b"x-b", b": ", b"x-a", b"\r\n"]


# framing (RFC 9112 §6)


@pytest.mark.parametrize(
    ("value", "length"), [(b"0", 0), (b"12", 12), (b"0" * 40 + b"7", 7), (b"9" * 18, 10**18 - 1)]
)
def test_a_length_is_a_plain_decimal(value, length):
    assert read((b"Content-Length", value)).length == length


@pytest.mark.parametrize(
    "value", [b"", b"+5", b"-5", b"5,5", b"5 5", b"0x5", b"5.0", b"\xb2", b"1_0"]
)
def test_what_is_no_plain_decimal_is_refused(value):
    assert refusal((b"Content-Length", value)) == "bad_request"


@pytest.mark.parametrize("digits", [MAX_LENGTH_DIGITS + 1, 4000])
def test_a_length_beyond_all_limits_is_too_large_and_never_computed(digits):
    assert refusal((b"Content-Length", b"9" * digits)) == "body_too_large"


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"CHUNKED"])
def test_chunked_is_the_one_coding(value):
    head = read((b"Transfer-Encoding", value))

    assert (head.chunked, head.length) == (True, None)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"gzip, chunked", "not_implemented"),
        (b"deflate", "not_implemented"),
        (b"x-compress,chunked", "not_implemented"),
        (b",chunked", "bad_request"),
        (b"chunked, chunked", "bad_request"),
        (b"chunked;a=b", "bad_request"),
        (b"xchunked", "bad_request"),
        (b"identity", "bad_request"),
        (b"", "bad_request"),
    ],
)
def test_another_coding_is_refused(value, kind):
    assert refusal((b"Transfer-Encoding", value)) == kind


def test_http_10_knows_no_codings():
    assert refusal((b"Transfer-Encoding", b"chunked"), has_http_11=False) == "bad_request"


@pytest.mark.parametrize("order", [1, -1])
def test_two_ways_to_end_a_body_are_one_too_many(order):
    fields = [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")]

    assert refusal(*fields[::order]) == "bad_request"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"Host", b"a"),
        (b"Content-Length", b"5"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Content-Type", b"application/json"),
        (b"Content-Encoding", b"identity"),
        (b"Authorization", b"Bearer k"),
        (b"x-api-key", b"k"),
        (b"api-key", b"k"),
        (b"x-goog-api-key", b"k"),
    ],
)
def test_what_may_stand_once_is_refused_twice_even_alike(name, value):
    assert refusal((name, value), (name.upper(), value), host=None) == "bad_request"


def test_there_is_a_limit_to_the_number_of_fields():
    assert len(read(*[(b"a", b"b")] * (MAX_FIELDS - 1)).forward) == 4 * (MAX_FIELDS - 1)
    assert refusal(*[(b"a", b"b")] * MAX_FIELDS) == "head_too_large"


@pytest.mark.parametrize(
    ("value", "is_fine"), [(b"identity", True), (b"Identity", True), (b"gzip", False)]
)
def test_a_compressed_body_is_not_read(value, is_fine):
    if is_fine:
        assert forwarded((b"Content-Encoding", value)) == b"Content-Encoding: %b\r\n" % value
    else:
        assert refusal((b"Content-Encoding", value)) == "unsupported_media_type"


# the connection (RFC 9112 §9.3)


@pytest.mark.parametrize(
    ("values", "in_11", "in_10"),
    [
        ([], True, False),
        ([b"keep-alive"], True, True),
        ([b"Keep-Alive"], True, True),
        ([b"x-a, keep-alive"], True, True),
        ([b"close"], False, False),
        ([b"Close , x-a"], False, False),
        ([b"keep-alive, close"], False, False),
        ([b"close", b"keep-alive"], False, False),
        ([b"x-a"], True, False),
        ([b""], True, False),
    ],
)
def test_a_connection_stays_unless_anything_says_close(values, in_11, in_10):
    fields = [(b"Connection", value) for value in values]

    stays = [read(*fields, has_http_11=has_http_11).keep_alive for has_http_11 in (True, False)]

    assert stays == [in_11, in_10]


@pytest.mark.parametrize(("has_http_11", "expects"), [(True, True), (False, False)])
def test_an_expectation_of_http_10_is_ignored(has_http_11, expects):
    # RFC 9110 §10.1.1
    head = read((b"Expect", b"100-Continue"), has_http_11=has_http_11)

    assert head.expects_continue is expects


def test_another_expectation_fails():
    assert refusal((b"Expect", b"200-maybe")) == "expectation_failed"


@pytest.mark.parametrize(
    ("value", "hops"), [(b"3", 3), (b"0", 0), (b"999", 999), (b"1000", 0), (b"-1", 0), (b"x", 0)]
)
def test_hops_are_counted_when_they_can_be_read(value, hops):
    assert read((b"x-multillama-hops", value)).hops == hops


# cost and safety


def test_a_connection_of_many_names_costs_linear_time():
    fields = [(b"x-%d" % at, b"y") for at in range(98)]
    started = time.process_time()

    read(*fields, (b"Connection", b",".join(b"%d" % at for at in range(5000))))

    assert time.process_time() - started < 0.1


NAMES = st.sampled_from([*ROLE_OF, b"X-A", b"x_b", b"Proxy-X"]) | st.binary(max_size=6)
VALUES = st.sampled_from(
    [
        b"chunked",
        b"5",
        b"close",
        b"keep-alive, x-a",
        b"Bearer k",
        b"k",
        b"identity",
        b"100-continue",
        b"a",
    ]
) | st.binary(max_size=8)
TARGETS = st.sampled_from([b"/", b"*", b"http://a/", b"/?key=k"]) | st.binary(max_size=8)


@given(
    method=st.sampled_from([b"POST", b"OPTIONS"]),
    target=TARGETS,
    fields=st.lists(st.tuples(NAMES, VALUES), max_size=8),
    has_http_11=st.booleans(),
)
def test_any_fields_give_facts_or_a_failure_of_the_client(method, target, fields, has_http_11):
    try:
        head = read_head(method, target, fields, has_http_11=has_http_11)
    except GatewayError as error:
        assert error.origin == "client"
        return

    secrets = {b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"cookie"}
    framing = {b"host", b"content-length", b"transfer-encoding", b"connection", b"te", b"upgrade"}
    names = {name.lower() for name in head.forward[::4]}
    assert not names & (secrets | framing)
    assert not any(b"_" in name for name in names)
    assert (head.path[:1] == b"/") or head.path == b"*"


# what the client asks of routing


@pytest.mark.parametrize("spell", [bytes.lower, bytes.title, bytes.upper])
def test_wishes_are_kept_by_name(spell):
    fields = [
        (spell(b"x-multillama-only"), b"desk, laptop"),
        (spell(b"x-multillama-local-only"), b"true"),
    ]

    assert read(*fields).wishes == {"only": b"desk, laptop", "local-only": b"true"}


def test_without_wishes_there_are_none():
    assert read().wishes == {}


def test_a_wish_that_comes_in_several_fields_is_one_list():
    fields = [(b"x-multillama-order", b"desk"), (b"X-MULTILLAMA-ORDER", b"laptop,box")]

    assert read(*fields).wishes == {"order": b"desk,laptop,box"}


def test_a_wish_that_connection_names_is_kept_nevertheless():
    fields = [
        (b"connection", b"x-multillama-local-only"),
        (b"x-multillama-local-only", b"true"),
    ]

    assert read(*fields).wishes == {"local-only": b"true"}


def test_wishes_of_one_request_are_not_those_of_the_next():
    read((b"x-multillama-only", b"desk"))

    assert read((b"x-multillama-session", b"a")).wishes == {"session": b"a"}


def test_a_field_that_looks_like_a_wish_is_one():
    assert role_of(b"X-MultiLlama-Onyl") is Role.WISH
    assert role_of(b"x-multillama-endpoint") is Role.DROP
