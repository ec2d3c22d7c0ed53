import json

import pytest

from multillama.core.canonical import Fault
from multillama.dialects.gemini.fault import (
    error_in,
    fault_of,
    read_fault,
    write_fault,
    write_fault_event,
)

RPC = "type.googleapis.com/google.rpc."
DETAILS = [
    {"@type": f"{RPC}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"},
    {"@type": f"{RPC}BadRequest", "fieldViolations": [{"field": "contents", "description": "no"}]},
    {"@type": f"{RPC}RetryInfo", "retryDelay": "34.4s"},
    {"@type": f"{RPC}BadRequest", "fieldViolations": [{"field": "other"}]},
    "note",
]
ERROR = {
    "error": {
        "code": 429,
        "message": "slow down",
        "status": "RESOURCE_EXHAUSTED",
        "details": DETAILS,
    }
}


def encoded(value):
    return json.dumps(value).encode()


@pytest.mark.parametrize("body", [ERROR, [ERROR]])
def test_an_error_is_read_and_comes_back(body):
    fault = read_fault(429, encoded(body))

    assert fault == Fault(
        429,
        "slow down",
        "RESOURCE_EXHAUSTED",
        "API_KEY_INVALID",
        "contents",
        retry_after_s=34.4,
        family="gemini",
        extras={"details": DETAILS},
    )
    assert json.loads(write_fault(fault)) == ERROR


ODD = {
    "no JSON": (b"<html>", 502, Fault(502, "<html>", "UNAVAILABLE", family="gemini")),
    "nothing": (b"", 500, Fault(500, "status 500", "INTERNAL", family="gemini")),
    "no text": (b"\xff", 418, Fault(418, "\ufffd", "INVALID_ARGUMENT", family="gemini")),
    "an error that is a text": (
        b'{"error": "no"}',
        404,
        Fault(404, "no", "NOT_FOUND", family="gemini"),
    ),
    "an empty error": (
        b'{"error": {}}',
        599,
        Fault(599, '{"error": {}}', "INTERNAL", family="gemini"),
    ),
    "an error without words": (
        b'{"error": {"code": 7, "status": 8, "message": 9}}',
        403,
        Fault(403, "status 403", "PERMISSION_DENIED", family="gemini"),
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_any_body_is_an_error(case):
    body, status, fault = ODD[case]

    assert read_fault(status, body) == fault


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 503}, 503),
        ({"status": "RESOURCE_EXHAUSTED"}, 429),
        ({"code": 7, "status": "PERMISSION_DENIED"}, 403),
        ({"message": "?"}, 500),
    ],
)
def test_an_error_in_a_stream_has_its_own_status(error, status):
    assert fault_of(error).status == status


@pytest.mark.parametrize("value", [None, 1, {}, {"error": None}, {"error": {}}, [{}, {}]])
def test_what_has_no_error_has_none(value):
    assert error_in(value) is None


DELAYS = [
    ("34s", 34.0),
    ("0.5s", 0.5),
    ("34", None),
    (34, None),
    ("xs", None),
    ("-1s", None),
    ("nans", None),
    ("1e99s", None),
]


@pytest.mark.parametrize(("delay", "seconds"), DELAYS)
def test_when_to_come_back_stands_in_the_body(delay, seconds):
    details = [{"@type": f"{RPC}RetryInfo", "retryDelay": delay}]

    assert fault_of({"code": 429, "details": details}).retry_after_s == seconds


@pytest.mark.parametrize(
    "detail",
    [
        {"@type": f"{RPC}BadRequest"},
        {"@type": f"{RPC}BadRequest", "fieldViolations": [1]},
        {"@type": f"{RPC}BadRequest", "fieldViolations": [{"field": ""}]},
        {"@type": f"{RPC}ErrorInfo", "reason": 1},
    ],
)
def test_details_that_tell_nothing_are_kept(detail):
    fault = fault_of({"code": 400, "details": [detail]})

    assert (fault.code, fault.param, fault.extras) == (None, None, {"details": [detail]})


def test_an_error_of_ours_is_told_in_googles_words():
    fault = Fault(
        429, "too many", "rate_limit_error", "rate_limited", "model", "gateway", retry_after_s=2.5
    )

    assert json.loads(write_fault(fault)) == {
        "error": {
            "code": 429,
            "message": "too many",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {
                    "@type": f"{RPC}ErrorInfo",
                    "reason": "rate_limited",
                    "domain": "multillama",
                    "metadata": {"origin": "gateway"},
                },
                {
                    "@type": f"{RPC}BadRequest",
                    "fieldViolations": [{"field": "model", "description": "too many"}],
                },
                {"@type": f"{RPC}RetryInfo", "retryDelay": "2.5s"},
            ],
        }
    }


@pytest.mark.parametrize(
    ("status", "word"),
    [(400, "INVALID_ARGUMENT"), (413, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (402, "FAILED_PRECONDITION"),
     (529, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED"), (507, "INTERNAL")],
)  # fmt: skip
def test_a_status_has_a_word(status, word):
    assert json.loads(write_fault(Fault(status, "a", "api_error", family="anthropic", code="b")))[
        "error"
    ] == {
        "code": status,
        "message": "a",
        "status": word,
        "details": [{"@type": f"{RPC}ErrorInfo", "reason": "b", "domain": "multillama"}],
    }


def test_an_error_in_a_stream_is_one_event():
    assert write_fault_event(Fault(500, "a\nb")) == (
        b'data: {"error":{"code":500,"message":"a\\nb","status":"INTERNAL"}}\n\n'
    )
