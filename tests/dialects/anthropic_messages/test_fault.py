import json

import pytest

from multillama.core.canonical import Fault
from multillama.dialects.anthropic_messages.fault import (
    fault_of,
    read_fault,
    write_fault,
    write_fault_event,
)

LIMITED = {
    "type": "error",
    "error": {
        "type": "rate_limit_error", "message": "Slow down.",
        "details": {"error_code": "enforced_spend_limit_reached"},
    },
    "request_id": "req_1",
}  # fmt: skip


def own(status, message, **members):
    return Fault(status, message, family="anthropic", **members)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"type": "error", "error": {"type": "not_found_error", "message": "model: x"}}, own(400, "model: x",
        type="not_found_error")),
        (
            {"error": {"message": "m", "type": "BadRequestError", "code": "c", "param": "p"}},
            own(400, "m", type="BadRequestError", code="c", param="p"),
        ),
        ({"error": {"message": "m", "code": 400}}, own(400, "m")),
        ({"error": "no such model"}, own(400, "no such model")),
        ({"message": "m"}, own(400, "m")),
        ({"detail": "d"}, own(400, "d")),
        ({"detail": [{"loc": 1}]}, own(400, "status 400")),
        ({}, own(400, "status 400")),
        ([], own(400, "status 400")),
        ("gone", own(400, "gone")),
    ],
)  # fmt: skip
def test_an_error_of_any_shape_is_read(body, fault):
    assert read_fault(400, json.dumps(body).encode()) == fault


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "status 502"),
        (b" <html>Bad</html>\n", "<html>Bad</html>"),
        (b"\xff", "\ufffd"),
        (b"x" * 9999, "x" * 2000),
    ],
)
def test_an_error_that_is_no_json_is_read(body, message):
    assert read_fault(502, body) == own(502, message)


def test_an_error_of_this_dialect_is_written_as_it_came():
    fault = read_fault(429, json.dumps(LIMITED).encode())

    assert fault.code == "enforced_spend_limit_reached"
    written = json.loads(write_fault(fault))
    assert written["error"].pop("code") == fault.code
    assert written == LIMITED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"), (401, "authentication_error"), (402, "billing_error"), (403,
        "permission_error"),
        (404, "not_found_error"), (408, "timeout_error"), (409, "conflict_error"), (413, "request_too_large"),
        (418, "invalid_request_error"), (429, "rate_limit_error"), (500, "api_error"), (502, "api_error"),
        (503, "overloaded_error"), (504, "timeout_error"), (529, "overloaded_error"),
    ],
)  # fmt: skip
def test_a_status_has_its_type(status, kind):
    written = json.loads(
        write_fault(Fault(status, "m", type="whatever", origin="endpoint:a", family="gemini"))
    )

    assert written == {
        "type": "error",
        "error": {"type": kind, "message": "m", "origin": "endpoint:a"},
    }


def test_an_empty_account_is_no_rate_limit():
    fault = Fault(429, "m", type="insufficient_quota", code="insufficient_quota", family="openai")

    assert json.loads(write_fault(fault))["error"]["type"] == "billing_error"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"type": "overloaded_error"}, 529),
        ({"type": "timeout_error"}, 504),
        ({"type": "new", "code": 429}, 429),
        ({"type": "new", "code": 7}, 500),
        ({"type": "new", "code": "429"}, 500),
        ({}, 500),
    ],
)
def test_the_type_tells_the_status_inside_a_stream(error, status):
    assert fault_of(None, {"type": "error", "error": error}).status == status


def test_an_error_inside_a_stream_is_an_event():
    event = write_fault_event(Fault(503, "m"))

    assert (
        event
        == b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"}}\n\n'
    )
