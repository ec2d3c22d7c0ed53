"""Rows of a stream that is one JSON array, whatever the cuts between its bytes are."""

import json

import pytest

from multillama.wire import rows
from multillama.wire.rows import WholeRows

ARRAY = b' [{"a": "]}{\\\\ \\"x\\"", "b": [{"c": "\xc3\xa9"}, []]}\n,\r\n{"d": {}}\n,\r\n{"e": "\\u007d"}\n]\n'
ROW = b'{"error":1}'


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(ARRAY)])
def test_nothing_is_changed_however_it_arrives(size):
    stream = WholeRows()

    out = b"".join(stream.take(ARRAY[at : at + size]) for at in range(0, len(ARRAY), size))

    assert out + stream.rest() == ARRAY
    assert stream.last(ROW) == b""


@pytest.mark.parametrize("end", range(len(ARRAY)))
@pytest.mark.parametrize("size", [1, 5, len(ARRAY)])
def test_an_array_that_breaks_off_anywhere_can_be_ended(end, size):
    stream, cut = WholeRows(), ARRAY[:end]

    out = b"".join(stream.take(cut[at : at + size]) for at in range(0, end, size))

    said = json.loads(out + stream.last(ROW))
    whole = json.loads(ARRAY)
    assert said == whole or said == [*whole[: len(said) - 1], {"error": 1}]


def test_an_array_of_nothing_is_one():
    stream = WholeRows()

    assert (stream.take(b"[]"), stream.last(ROW)) == (b"[]", b"")


@pytest.mark.parametrize("data", [b'{"error": {', b"<html>", b"\x1f\x8b["])
def test_what_is_no_array_passes_as_it_comes_and_is_not_ended(data):
    stream = WholeRows()

    assert [stream.take(data), stream.take(b"more")] == [data, b"more"]
    assert stream.last(ROW) is None


def test_a_row_too_long_to_be_held_back_passes_and_nothing_can_end_it(monkeypatch):
    monkeypatch.setattr(rows, "MAX_HALF_BYTES", 8)
    stream = WholeRows()

    assert stream.take(b'[{"a": "bcdef') == b'[{"a": "bcdef'
    assert stream.take(b'g"}]') == b'g"}]'
    assert stream.last(ROW) is None
