import json

import pytest

from multillama.core.canonical import Fault
from multillama.dialects.openai_responses.fault import (
    error_members,
    failed,
    fault_of,
    read_fault,
    write_fault,
    write_fault_event,
)
from tests.dialects.openai_responses.spoken import FAMILY, spoken

NOT_FOUND = {
    "message": "The model `x` does not exist.",
    "type": "invalid_request_error",
    "param": "model",
    "code": "model_not_found",
}


def test_an_error_is_read_and_written_as_it_was():
    body = {"error": NOT_FOUND}

    fault = read_fault(400, json.dumps(body).encode())

    assert fault == Fault(
        400, NOT_FOUND["message"], NOT_FOUND["type"], "model_not_found", "model", family=FAMILY
    )
    assert json.loads(write_fault(fault)) == body


def test_what_else_an_error_says_is_kept():
    body = {"error": {**NOT_FOUND, "misalignment": {"error_type": "other"}}}

    assert json.loads(write_fault(read_fault(400, json.dumps(body).encode()))) == body


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b"", "status 502", None),
        (b"<html>", "<html>", None),
        (b"\xff", "\ufffd", None),
        (b'"no"', "no", None),
        (b"[1]", "[1]", None),
        (b'{"error":"no"}', "no", None),
        (b'{"error":null}', "null", None),
        (b'{"error":{}}', "{}", None),
        (b'{"detail":"no"}', "no", None),
        (b'{"message":"no","code":429}', "no", "429"),
        (b'{"error":{"message":"no","code":1.5,"type":5,"param":[]}}', "no", None),
    ],
)
def test_an_error_in_any_shape_is_read(body, message, code):
    fault = read_fault(502, body)

    assert fault == Fault(502, message, "", code, family=FAMILY)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": "rate_limit_exceeded"}, 429),
        ({"code": "insufficient_quota"}, 429),
        ({"code": "503"}, 503),
        ({"code": 404}, 404),
        ({"code": 12}, 502),
        ({"type": "invalid_request_error", "code": "unknown"}, 400),
        ({"type": "error", "code": None}, 502),
        ("no", 502),
    ],
)
def test_an_error_inside_a_stream_has_the_status_its_words_mean(error, status):
    assert fault_of(0, {"error": error}).status == status


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (
            Fault(429, "slow", "rate_limit_error", family="anthropic"),
            "rate_limit_exceeded",
            "rate_limit_exceeded",
        ),
        (
            Fault(529, "busy", "overloaded_error", family="anthropic"),
            "server_error",
            "server_is_overloaded",
        ),
        (
            Fault(404, "no", "NOT_FOUND", "404", family="gemini"),
            "invalid_request_error",
            "model_not_found",
        ),
        (Fault(418, "no", family="ollama"), "invalid_request_error", None),
        (Fault(500, "no", family="ollama"), "server_error", "server_error"),
        (
            Fault(502, "no", "upstream_error", "endpoint_closed"),
            "upstream_error",
            "endpoint_closed",
        ),
        (Fault(401, "no", "", "bad_key", family=FAMILY), "invalid_request_error", "bad_key"),
    ],
)
def test_errors_are_told_in_the_words_of_the_family(fault, kind, code):
    members = error_members(fault)

    assert (members["type"], members["code"]) == (kind, code)


def test_whose_an_error_is_is_told_where_that_is_known():
    assert error_members(Fault(502, "no", "t", "c", origin="gateway"))["origin"] == "gateway"


def test_an_event_tells_the_sdk_and_codex():
    first, last = spoken(
        write_fault_event(Fault(429, "slow", "rate_limit_error", family="anthropic"))
    )

    assert first == {
        "type": "error",
        "error": {
            "message": "slow",
            "type": "rate_limit_exceeded",
            "param": None,
            "code": "rate_limit_exceeded",
        },
    }
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": "rate_limit_exceeded", "message": "slow"}


def test_a_failed_response_always_has_a_code():
    assert failed(Fault(400, "no", family=FAMILY)) == {
        "code": "invalid_request_error",
        "message": "no",
    }
