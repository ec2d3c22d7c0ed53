import msgspec
import pytest
from hypothesis import example, given, strategies as st

from multillama.core.causes import (
    CAUSES,
    Scope,
    cause_of_body,
    cause_of_error,
    cause_of_first_event,
    cause_of_status,
    is_keep_alive,
    is_queue_full,
)
from multillama.core.policy import BreakerPolicy
from multillama.errors import FAILURES, GatewayError, Origin

MAY_STILL_GENERATE = {"first_byte_timeout", "idle_timeout"}
SAYS_LATER = {
    "request_timeout", "conflict", "too_early", "rate_limited", "bad_gateway", "unavailable", "overloaded",
}  # fmt: skip


def test_every_cause_says_what_it_means_and_stands_under_its_name():
    assert [row for name, row in CAUSES.items() if row.name != name or not row.meaning] == []


def test_what_may_still_be_generating_is_repeated_nowhere():
    assert {name for name in CAUSES if not CAUSES[name].next} == MAY_STILL_GENERATE | {
        "deadline",
        "internal",
    }


def test_the_same_target_is_asked_again_only_where_it_was_not_reached_or_says_later():
    assert {name for name, row in CAUSES.items() if row.same} == SAYS_LATER | {"unreachable"}


def test_what_is_no_load_is_what_was_not_asked_or_is_frozen():
    unseen = {name for name, row in CAUSES.items() if not row.reached}

    assert unseen == {"unreachable", "connect_timeout", "frozen", "untranslatable"}


@pytest.mark.parametrize(
    ("cause", "scope", "opens_at_once", "cooldown"),
    [
        ("unreachable", Scope.ENDPOINT, True, "cooldown_s"),
        ("key", Scope.ENDPOINT, True, "key_s"),
        ("rate_limited", Scope.MODEL, True, "rate_limit_s"),
        ("model_gone", Scope.MODEL, True, "cooldown_s"),
        ("overloaded", Scope.MODEL, False, "cooldown_s"),
        ("closed", Scope.MODEL, False, "cooldown_s"),
    ],
)
def test_the_breaker_learns_of_each_what_it_says(cause, scope, opens_at_once, cooldown):
    condition = CAUSES[cause].condition

    assert (condition.scope, condition.opens_at_once) == (scope, opens_at_once)
    assert condition.cooldown.value == cooldown
    assert hasattr(BreakerPolicy(), cooldown)


@pytest.mark.parametrize("cause", ["conflict", "too_early", "unsupported", "internal"])
def test_the_breaker_learns_nothing_from_what_one_request_brought_about(cause):
    assert CAUSES[cause].condition.scope is Scope.NONE


@pytest.mark.parametrize(
    "kind", [k for k, row in FAILURES.items() if row.origin is Origin.ENDPOINT]
)
def test_every_failure_of_an_endpoint_has_its_cause(kind):
    cause = cause_of_error(GatewayError(kind, "It failed."))

    assert cause != "internal"


def test_a_failure_of_the_client_or_ours_is_not_survived():
    assert cause_of_error(GatewayError("client_gone", "Left.")) == "internal"


@pytest.mark.parametrize("status", [200, 204, 304, 307, 400, 406, 410, 413, 415, 422, 451, 499])
def test_what_every_endpoint_would_say_goes_to_the_client(status):
    assert (
        cause_of_status(status, b'{"error":{"code":"insufficient_quota","message":"model"}}')
        is None
    )


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (401, "key"), (402, "key"), (403, "key"), (405, "unsupported"), (408, "request_timeout"),
        (409, "conflict"), (425, "too_early"), (429, "rate_limited"), (500, "server_error"),
        (501, "unsupported"), (502, "bad_gateway"), (503, "unavailable"), (504, "gateway_timeout"),
        (520, "server_error"), (529, "overloaded"), (599, "server_error"),
    ],
)  # fmt: skip
def test_each_status_has_its_cause(status, cause):
    assert cause_of_status(status, b"") == cause


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"You exceeded your current quota","type":"insufficient_quota"}}',
        b'{"type":"error","error":{"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}}}',
    ],
)
def test_a_used_up_quota_is_not_waited_for(body):
    assert cause_of_status(429, body) == "key"


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (
            b'{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}',
            "model_gone",
        ),
        (b'{"error":"model \'x\' not found"}', "model_gone"),
        (b'{"type":"error","error":{"type":"not_found_error","message":"model: x"}}', "model_gone"),
        (
            b'{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}',
            "model_gone",
        ),
        (b'{"error":{"code":"DeploymentNotFound","message":"No such deployment."}}', "model_gone"),
        (b"", "unsupported"),
        (b"404 page not found", "unsupported"),
        (b'{"detail":"Not Found"}', "unsupported"),
        (
            b'{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}',
            "unsupported",
        ),
        (b"<html><title>404</title></html>", "unsupported"),
        (b'{"error":{"message":"No such File object: file-1"}}', None),
    ],
)
def test_a_404_is_the_models_the_paths_or_the_clients(body, cause):
    assert cause_of_status(404, body) == cause


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b'{"error":{"message":"Your project does not have access to model gpt-5"}}', "model_gone"),
        (b'{"error":{"code":403,"message":"Your input was flagged"}}', None),
        (b'{"error":{"message":"Country not supported"}}', "key"),
    ],
)
def test_one_users_words_do_not_take_an_endpoint_out(body, cause):
    assert cause_of_status(403, body) == cause


@pytest.mark.parametrize(
    ("status", "body", "is_full"),
    [
        (503, b'{"error":"server busy, please try again.  maximum pending requests exceeded"}', True),
        (503, b'{"error":{"message":"server busy, please try again.  maximum pending requests '
              b'exceeded","type":"api_error","param":null,"code":null}}', True),
        (503, b'{"error":{"message":"Loading model"}}', False),
        (500, b'{"error":"maximum pending requests exceeded"}', False),
    ],
)  # fmt: skip
def test_ollama_says_that_its_queue_is_full(status, body, is_full):
    assert is_queue_full(cause_of_status(status, body), body) is is_full


def test_only_the_beginning_of_a_body_is_searched():
    assert cause_of_status(429, b" " * 20_000 + b"insufficient_quota") == "rate_limited"


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"{\\"error\\": {}}"}}]}\n\n',
        b'event: message_start\ndata: {"type":"message_start","message":{"content":[]}}\n\n',
        b'event: response.created\ndata: {"type":"response.created","response":{"error":null}}\n\n',
        b'data: {"type":"response.created","response":{"error":null,"tools":[{"error":{"type":"object"}}]}}\n\n',
        b'{"model":"m","message":{"content":"error"},"done":false}\n',
        b'data: {"choices":[],"error":null}\n\n',
        b'data: {"error":""}\n\n',
        b'data: {"a":{"error":{"b"',
        b'data: ["error", {"error":{}}]\n\n',
        b'data: [{"error":null},{"error":{"code":1}}]\n\n',
        b"data: [DONE]\n\n",
    ],
)
def test_a_healthy_first_event_is_left_alone(event):
    assert cause_of_first_event(event) is None


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n', "overloaded"),
        (b'data: {"error":{"message":"slow down","type":"rate_limit_error","code":null}}\r\n\r\n', "rate_limited"),
        (b'data: {"error":{"type":"requests","code":"rate_limit_exceeded"}}\n\n', "rate_limited"),
        (b'data: {"error":{"type":"insufficient_quota","code":"insufficient_quota"}}\n\n', "key"),
        (b'data: {"error":{"type":"x","details":{"error_code":"enforced_spend_limit_reached"}}}\n\n', "key"),
        (b'data: [{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]\n\n', "rate_limited"),
        (b'data: {"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}\n\n', "unavailable"),
        (b'data: {"error":{"code":500,"message":"slot failed"}}\n\n', "server_error"),
        (b'{"error":{"code":"401","message":"Access denied"}}', "key"),
        (b'event: error\ndata: {"type":"error","code":"server_error","message":"x"}\n\n', "server_error"),
        (b'data: {"type":"response.failed","response":{"error":{"code":"server_error"}}}\n\n', "server_error"),
        (b'data: {"error":{\ndata: "type":"api_error"}}\n\n', "server_error"),
        (b'{"error":"llama runner process has terminated"}\n', "error_event"),
        (b'data: {"error":{"code":12,"message":"odd"}}\n\n', "error_event"),
        (b'data: {"error":{"type":"brand_new_error"}}\n\n', "error_event"),
        (b'data: {"error":{"code":"99999999999999999999999","details":"x"}}\n\n', "error_event"),
        (b'data: {"error":{"type":"invalid_request_error","code":"context_length_exceeded"}}\n\n', None),
        (b'data: {"error":{"code":400,"status":"INVALID_ARGUMENT"}}\n\n', None),
        (b'data: {"error":{"code":400,"message":"bad"}}\n\n', None),
    ],
)  # fmt: skip
def test_an_error_as_the_first_event_is_sorted_by_what_it_says(event, cause):
    assert cause_of_first_event(event) == cause


@example(b'\x80"', b'data: {"error":"')
@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b'"error":{', b'data: {"error":"', b'"type":"error"']),
)
def test_no_event_is_too_odd_to_be_judged(noise, marker):
    cause = cause_of_first_event(marker + noise)

    assert cause is None or cause in CAUSES


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(
        st.sampled_from(["error", "type", "code", "status", "details", "response"]), part, max_size=4
    ),
)  # fmt: skip


@given(_JSON)
def test_no_json_is_too_odd_to_be_judged(said):
    cause = cause_of_first_event(b"data: " + msgspec.json.encode({"error": said}))

    assert cause is None or cause in CAUSES


@given(st.integers(100, 999), st.binary(max_size=40))
def test_every_status_has_a_cause_or_none(status, body):
    cause = cause_of_status(status, body)

    assert cause in CAUSES if status >= 500 else cause is None or cause in CAUSES


@pytest.mark.parametrize(
    "event",
    [b": OPENROUTER PROCESSING\n\n", b":\n\n", b"event: ping\ndata: {\"type\": \"ping\"}\n\n", b"\r\n", b"\n\n"],
)  # fmt: skip
def test_a_keep_alive_is_no_news(event):
    assert is_keep_alive(event)


@pytest.mark.parametrize(
    "event",
    [
        b"data: {}\n\n",
        b": x\n\ndata: {}\n\n",
        b"event: error\ndata: {}\n\n",
        b"",
        b'{"done":false}\n',
    ],
)
def test_an_event_with_data_is_news(event):
    assert not is_keep_alive(event)


def test_long_comments_are_read_in_no_time():
    pings = b": ping - 2026-11-23 17:20:49\r\n\r\n" * 500 + b":" * 10_000

    assert is_keep_alive(pings)
    assert not is_keep_alive(pings + b'\ndata: {"choices":[]}\n\n')


def test_an_absurd_number_is_no_status():
    event = b'data: {"error":{"code":"%b"}}\n\n' % (b"000000500" + b"0" * 5000)

    assert cause_of_first_event(event) == "error_event"


@pytest.mark.parametrize("kind", FAILURES)
def test_only_what_is_the_endpoints_failure_or_dialect_may_be_tried_elsewhere(kind):
    cause = CAUSES[cause_of_error(GatewayError(kind, "It failed."))]

    is_the_endpoints = FAILURES[kind].origin is Origin.ENDPOINT
    assert not cause.next or is_the_endpoints or kind == "not_translatable"


def test_an_endpoint_that_was_not_reached_may_always_be_passed_over():
    causes = {kind: CAUSES[cause_of_error(GatewayError(kind, "It failed."))] for kind in FAILURES}
    not_reached = {kind for kind, cause in causes.items() if not cause.reached}

    assert not_reached == {
        "endpoint_unreachable", "endpoint_tls_failed", "connect_timeout", "endpoint_frozen",
        "not_translatable",
    }  # fmt: skip
    assert {causes[kind].next for kind in not_reached} == {True}


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b'{"error":{"message":"no","code":429}}', "rate_limited"),
        (b'{"error":{"message":"no"},"user_id":"u"}', "error_event"),
        (b'{"error":{"code":"invalid_request_error"}}', None),
        (b'{"error":{"code":502},"id":"r1"}', None),
        (b'{"error":"no"}', None),
        (b'[{"error":{"code":429}}]', "rate_limited"),
        (b'[{"error":{"code":429}},{}]', None),
        (b"[]", None),
        (b'{"error":', None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_a_body_is_a_failure_where_it_is_an_error_and_nothing_else(body, cause):
    assert cause_of_body(body) == cause
