import json

import hypothesis.strategies as st
import pytest
from hypothesis import given

from multillama.core.canonical import Fault
from multillama.dialects.openai_family.fault import (
    fault_in,
    read_fault,
    write_fault,
    write_fault_event,
)

NOT_FOUND = {
    "message": "The model `x` does not exist.",
    "type": "invalid_request_error",
    "param": None,
    "code": "model_not_found",
}


def test_an_error_comes_back_as_it_was():
    body = {"error": {**NOT_FOUND, "innererror": {"code": "deep"}}}

    fault = read_fault(404, json.dumps(body).encode())

    assert (fault.status, fault.code, fault.family) == (404, "model_not_found", "openai")
    assert json.loads(write_fault(fault)) == body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": "no such model"}', "no such model"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"msg": "too long"}]}', '[{"msg":"too long"}]'),
        (b'{"message": "invalid api token", "id": "1"}', "invalid api token"),
        (b'[{"error": {"code": 400, "message": "bad"}}]', "bad"),
        (b"<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        (b"", "status 502, without a word"),
        (b"{}", "no word of what is wrong"),
        (b"null", "no word of what is wrong"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_other_bodies_are_understood_too(body, message):
    assert read_fault(502, body).message == message


def test_googles_words_and_waiting_time_are_read():
    error = {
        "code": 429,
        "message": "Quota exceeded",
        "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "…RetryInfo", "retryDelay": "34.4s"}],
    }

    fault = fault_in({"error": error}, 429)

    assert (fault.type, fault.code, fault.retry_after_s) == ("RESOURCE_EXHAUSTED", "429", 34.4)


@pytest.mark.parametrize("delay", ["soon", "s", "1m", "-1s", 3, "1.2.3s"])
def test_a_waiting_time_that_is_none_is_none(delay):
    details = [{"retryDelay": delay}, "odd"]

    assert fault_in({"error": {"message": "x", "details": details}}, 429).retry_after_s is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429}, 429),
        ({"code": "503"}, 503),
        ({"status_code": 400}, 400),
        ({"type": "rate_limit_error"}, 429),
        ({"code": "insufficient_quota"}, 429),
        ({"type": "overloaded_error"}, 503),
        ({"type": "invalid_request_error"}, 400),
        ({"type": "server_error"}, 500),
        ({"code": 7}, 500),
    ],
)
def test_an_error_inside_a_stream_has_the_status_that_it_tells(error, status):
    assert fault_in({"error": {"message": "x", **error}}).status == status


@pytest.mark.parametrize(
    ("status", "type_", "code"),
    [
        (400, "invalid_request_error", None),
        (401, "invalid_request_error", "invalid_api_key"),
        (404, "invalid_request_error", "model_not_found"),
        (409, "invalid_request_error", None),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "server_error", None),
        (529, "server_error", "overloaded"),
    ],
)
def test_another_familys_error_gets_our_words(status, type_, code):
    fault = Fault(status, "x", type="api_error", family="anthropic", extras={"odd": 1})

    error = json.loads(write_fault(fault))["error"]

    assert error == {"message": "x", "type": type_, "param": None, "code": code}


def test_our_own_error_is_told_with_its_origin():
    fault = Fault(502, "x", type="upstream_error", code="endpoint_closed", origin="endpoint:a")

    error = json.loads(write_fault(fault))["error"]

    assert error["type"] == "upstream_error"
    assert (error["code"], error["origin"]) == ("endpoint_closed", "endpoint:a")


def test_an_event_of_an_error_is_one_whole_event():
    assert write_fault_event(Fault(500, "x")) == (
        b'data: {"error":{"message":"x","type":"server_error","param":null,"code":null}}\n\n'
    )


@given(st.binary())
def test_any_bytes_are_some_error(body):
    fault = read_fault(500, body)

    assert fault.message
    json.loads(write_fault(fault))


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["error", "message", "type", "code", "param", "details", "status", "detail"]),
        inner,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSONS)
def test_any_json_is_some_error(value):
    json.loads(write_fault(fault_in(value)))
