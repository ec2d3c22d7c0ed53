import json

import ollama
import pytest

from multillama.core.canonical import Fault
from multillama.dialects.ollama_family.fault import (
    fault_in,
    read_fault,
    write_fault,
    write_fault_event,
)

WORDLESS = "no word of what is wrong"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"error":"model \'x\' not found"}', Fault(404, "model 'x' not found", family="ollama")),
        (
            b'{"error":"sign in","signin_url":"u"}',
            Fault(404, "sign in", family="ollama", extras={"signin_url": "u"}),
        ),
        (
            b'{"error":{"message":"no","type":"t","code":"c","param":"p"}}',
            Fault(404, "no", "t", "c", "p", family="ollama"),
        ),
        (b"404 page not found", Fault(404, "404 page not found", family="ollama")),
        (b"", Fault(404, WORDLESS, family="ollama")),
        (b"[1]", Fault(404, WORDLESS, family="ollama")),
        (b'{"error":""}', Fault(404, WORDLESS, family="ollama")),
        (
            b'{"error":"x","code":7,"origin":"gateway"}',
            Fault(404, "x", origin="gateway", family="ollama"),
        ),
    ],
)
def test_an_error_is_read_whatever_its_body_is(body, fault):
    assert read_fault(404, body) == fault


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ({"error": "x"}, 500),
        ({"error": "x", "status_code": 429}, 429),
        ({"error": "x", "status_code": 7}, 500),
    ],
)
def test_a_line_may_tell_the_status(line, status):
    assert fault_in(line).status == status


def test_an_error_of_ollama_comes_back_with_all_it_has():
    body = {"signin_url": "u", "type": "t", "error": "no", "code": "c", "param": "p", "origin": "o"}

    written = write_fault(read_fault(401, json.dumps(body).encode()))

    assert json.loads(written) == body


def test_an_error_of_others_is_a_text():
    fault = Fault(429, "slowly", "rate_limit_error", family="openai", extras={"a": 1})

    assert write_fault(fault) == b'{"error":"slowly"}'
    assert write_fault_event(fault) == b'{"error":"slowly"}\n'


def test_the_sdk_reads_the_text():
    error = ollama.ResponseError(write_fault(Fault(503, "busy", origin="gateway")).decode(), 503)

    assert error.error == "busy"
