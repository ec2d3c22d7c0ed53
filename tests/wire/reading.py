"""Answers as bytes, and what a reader makes of them."""

import pytest

from multillama.errors import GatewayError
from multillama.wire.answers import (
    AnswerReader,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def answer(*fields, status=b"200 OK", body=b""):
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    return b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, lines, body)


def read_head(*fields, status=b"200 OK"):
    reader = AnswerReader()
    reader.feed(answer(*fields, status=status))
    assert reader.head is not None
    return reader.head


def lines_of(head):
    return b"".join(line + b"\r\n" for line in head.lines)


def read(pieces, *, ends=False):
    """What a reader tells, as a tuple (status, header lines, body, complete, may stay, extra), or its failure."""
    reader = AnswerReader()
    try:
        for piece in pieces:
            reader.feed(piece)
        if ends:
            reader.end()
    except GatewayError as error:
        assert error.kind == "endpoint_malformed"
        return error.text
    head = reader.head
    facts = (head.status, lines_of(head)) if head is not None else (0, b"")
    stays = reader.is_complete and reader.may_stay
    return *facts, b"".join(reader.parts), reader.is_complete, stays, reader.has_extra


def one_by_one(data):
    return [data[at : at + 1] for at in range(len(data))]


def failure(raw):
    reader = AnswerReader()
    with pytest.raises(GatewayError) as caught:
        reader.feed(raw)
    assert (caught.value.kind, caught.value.status) == ("endpoint_malformed", 502)
    return caught.value.text
