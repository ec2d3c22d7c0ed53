import itertools
import time

import pytest
from hypothesis import given, settings, strategies as st

from multillama.errors import GatewayError
from multillama.wire.multipart import ModelFinder, boundary_of, replace_model

LIMIT_BYTES = 1 << 20
NAMED = b"Content-Disposition: form-data; name="
FILE = NAMED + b'"file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
FIELD = NAMED + b'"model"\r\n\r\n'


def form(*parts: bytes, boundary: bytes = b"b0") -> bytes:
    """Each part is its head, a blank line and its data."""
    return (
        b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts) + b"--%b--\r\n" % boundary
    )


def find(
    pieces: list[bytes], limit_bytes: int = LIMIT_BYTES
) -> tuple[str | None, bool, object] | str:
    """The model, whether the finder is done, and the span; or the kind of the failure."""
    finder = ModelFinder(b"b0", limit_bytes=limit_bytes)
    try:
        for piece in pieces:
            finder.feed(piece)
    except GatewayError as error:
        return error.kind
    return finder.model, finder.is_done, finder.span


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=b0", b"b0"),
        (b'Multipart/Form-Data;BOUNDARY="b 0:/?="', b"b 0:/?="),
        (b"multipart/form-data; charset=utf-8; boundary=----WebKit7MA4 ;", b"----WebKit7MA4"),
        (b'multipart/form-data; boundary="a\\+b"', b"a+b"),
        (b"multipart/form-data; boundary=" + b"x" * 70, b"x" * 70),
        (b"application/json", None),
        (b"multipart/mixed; boundary=b0", None),
        (b"", None),
    ],
)  # fmt: skip
def test_the_boundary_is_read_from_the_content_type(content_type, boundary):
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "parameters",
    [
        b"",
        b"; boundary=",
        b'; boundary=""',
        b'; boundary="b0',
        b'; boundary="b0 "',
        b'; boundary="b\r\n0"',
        b"; boundary=b0; boundary=b1",
        b"; boundary=b0; Boundary=b0",
        b"; boundary=b*0",
        b"; boundary=b\x80",
        b"; boundary b0",
        b" boundary=b0",
        b'; boundary="b0"b1',
        b"; boundary=" + b"x" * 71,
        b"; boundary=" + b"x" * (1 << 20),
    ],
)
def test_a_boundary_that_is_missing_or_illegal_is_refused(parameters):
    with pytest.raises(GatewayError) as caught:
        boundary_of(b"multipart/form-data" + parameters)

    assert caught.value.kind == "bad_request"


@pytest.mark.parametrize(
    "body",
    [
        form(FIELD + b"whisper-1", FILE + b"RIFF" * 99),
        form(FILE + b"RIFF" * 99, FIELD + b"whisper-1"),
        form(FILE + b"\r\n--b\r\n--\r\n\r\n\r", FIELD + b"whisper-1"),
        b"a preamble\r\n" + form(FIELD + b"whisper-1"),
        b"--b0 \t\r\n" + FIELD + b"whisper-1\r\n--b0",
        form(b"\r\ndata without a head", FIELD + b"whisper-1"),
        form(b"X: data-less\r\n", FIELD + b"whisper-1"),
        form(b"content-disposition : FORM-DATA; NAME=model\r\n\r\nwhisper-1"),
        form(b'X:y\r\nContent-Disposition: form-data;\r\n\tname="mo\\del"\r\n\r\nwhisper-1'),
        form(b"Content-Type: text/plain\r\n\r\nno name", FIELD + b"whisper-1"),
        form(b'Content-Disposition: attachment; name="model"\r\n\r\nx', FIELD + b"whisper-1"),
        form(NAMED + b'"model"; filename="m"\r\n\r\nx', FIELD + b"whisper-1"),
        form(NAMED + b"model; filename*=UTF-8''m\r\n\r\nx", FIELD + b"whisper-1"),
        form(NAMED + b'"file"; filename="; name=model"\r\n\r\nx', FIELD + b"whisper-1"),
        form(NAMED + b'"Model"\r\n\r\nx', FIELD + b"whisper-1"),
        form(FIELD + b"whisper-1", FIELD + b"another"),
    ],
)  # fmt: skip
def test_the_field_is_found_wherever_it_stands_and_however_it_arrives(body):
    whole = find([body])

    assert isinstance(whole, tuple)
    assert whole[:2] == ("whisper-1", True)
    assert find(one_by_one(body)) == whole
    assert [find([body[:at], body[at:]]) for at in range(len(body))] == [whole] * len(body)


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (form(FILE + b"RIFF"), (None, True, None)),
        (b"--b0--", (None, True, None)),
        (b"no boundary at all", (None, False, None)),
        (b"--b0\r\n" + FIELD + b"whisper", (None, False, None)),
        (b"", (None, False, None)),
        (form(FIELD), "model_missing"),
        (form(b'Content-Disposition: form-data; name="model"\r\n'), "model_missing"),
        (form(FIELD + b"\xff"), "bad_request"),
        (form(FIELD + b"x" * 513), "bad_request"),
        (form(b"no colon\r\n\r\n", FIELD + b"x"), "bad_request"),
        (form(b"Content-Disposition: form-data; name=model\r\n" * 2 + b"\r\nx"), "bad_request"),
        (form(b"Content-Disposition: form-data; name=model; name=x\r\n\r\nx"), "bad_request"),
        (form(b'Content-Disposition: form-data; name="model\r\n\r\nx'), "bad_request"),
        (form(b"X: " + b"x" * 8192 + b"\r\n\r\nx"), "bad_request"),
        (b"--b0\r\nX: " + b"x" * 9000, "bad_request"),
        (b"--b0" + b" " * 67 + b"\r\n", "bad_request"),
        (b"--b0" + b" " * 66, "bad_request"),
        (b"--b0x\r\n", "bad_request"),
        (b"--b0-\r\n", "bad_request"),
    ],
)
def test_without_a_field_that_can_be_read_there_is_no_model(body, result):
    assert find([body]) == result
    assert find(one_by_one(body)) == result


def test_a_name_of_512_bytes_is_read():
    assert find([form(FIELD + b"x" * 512)]) == ("x" * 512, True, (54, 566))


def test_a_name_in_any_language_is_read():
    body = form(FIELD + "模型-é".encode())

    assert find(one_by_one(body)) == ("模型-é", True, (54, 54 + 9))


@pytest.mark.parametrize("pieces", [lambda data: [data], one_by_one])
def test_a_field_beyond_the_limit_is_refused(pieces):
    body = form(FILE + b"x" * 1000, FIELD + b"whisper-1")
    needed = body.index(b"whisper-1") + len(b"whisper-1\r\n--b0")

    assert find(pieces(body), limit_bytes=needed) == (
        "whisper-1",
        True,
        (needed - 15, needed - 6),
    )
    assert find(pieces(body), limit_bytes=needed - 1) == "body_too_large"


def test_a_large_file_before_the_field_is_not_kept():
    finder = ModelFinder(b"b0", limit_bytes=LIMIT_BYTES)

    finder.feed(b"--b0\r\n" + FILE + b"\r\n--b" * 100_000)

    assert len(finder._buffer) < 10


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n--b" * 40_000,
        b"\r" * 200_000,
        b"\r\n--b0\r\n\r\n" * 20_000,
        b"\r\n--b0\r\n" + b"x:y\r\n" * 1600 + b"\r\n" + b"x" * 190_000,
    ],
)
def test_hostile_data_in_single_bytes_costs_linear_time(data):
    finder = ModelFinder(b"b0", limit_bytes=LIMIT_BYTES)
    started = time.process_time()

    for piece in one_by_one(data):
        finder.feed(piece)

    assert time.process_time() - started < 3  # 0.2 s here; quadratic work takes minutes


def test_hostile_parameters_cost_linear_time():
    started = time.process_time()

    for value in (b'; a="' + b"\\" * 200_001, b"; a=" * 100_000, b";" * 200_000 + b'"'):
        with pytest.raises(GatewayError):
            boundary_of(b"multipart/form-data" + value)

    assert time.process_time() - started < 3


def test_only_the_value_is_replaced():
    body = form(FILE + b"whisper-1", FIELD + b"whisper-1", FILE + b"whisper-1")

    replaced = replace_model(body, b"b0", b"large-v3")

    assert replaced == form(FILE + b"whisper-1", FIELD + b"large-v3", FILE + b"whisper-1")


def test_nothing_is_replaced_where_there_is_no_field():
    with pytest.raises(GatewayError) as caught:
        replace_model(form(FILE + b"RIFF"), b"b0", b"large-v3")

    assert caught.value.kind == "model_missing"


PIECES = st.lists(
    st.sampled_from(
        [b"--b0", b"--b0--", b"\r\n", b"\r", b"\n", b"-", b":", b";", b'"', b"=", b" ", b"\xff",
         FIELD, FILE, b"Content-Disposition: form-data; name=model", b"whisper-1", b"\r\n--b0\r\n"]
    )
    | st.binary(max_size=8),
    max_size=24,
)  # fmt: skip


@settings(max_examples=300)
@given(
    pieces=PIECES, cuts=st.lists(st.integers(0, 400), max_size=6), limit_bytes=st.integers(0, 400)
)
def test_any_bytes_in_any_pieces_give_the_same_model_or_the_same_failure(pieces, cuts, limit_bytes):
    body = b"".join(pieces)
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})

    whole = find([body], limit_bytes)

    assert find(one_by_one(body), limit_bytes) == whole
    assert find([body[a:b] for a, b in itertools.pairwise(edges)], limit_bytes) == whole


@settings(max_examples=100)
@given(
    data=st.binary(max_size=200).filter(lambda data: b"\r\n--b0" not in b"\r\n" + data),
    model=st.text(min_size=1, max_size=99).filter(lambda text: "--b0" not in text),
    is_first=st.booleans(),
)
def test_what_a_form_says_is_what_is_found(data, model, is_first):
    parts = [FIELD + model.encode(), FILE + data]
    body = form(*(parts if is_first else reversed(parts)))

    found = find([body])

    assert isinstance(found, tuple)
    assert found[0] == model
    assert (
        replace_model(body, b"b0", b"new").replace(b"new", model.encode()) == body
        or b"new" in data + model.encode()
    )


@given(
    st.lists(
        st.sampled_from(
            [b"multipart/form-data", b"boundary=", b";", b'"', b"b0", b"\\", b"=", b" ", b"\xff", b"'", b"name*=x"]
        )
        | st.binary(max_size=4),
        max_size=12,
    ).map(b"".join)
)  # fmt: skip
def test_any_content_type_gives_a_legal_boundary_or_none_or_a_failure(content_type):
    try:
        boundary = boundary_of(content_type)
    except GatewayError as error:
        assert error.kind == "bad_request"
    else:
        assert boundary is None or 0 < len(boundary) <= 70
