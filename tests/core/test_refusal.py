import json

import pytest
from hypothesis import given, strategies as st

from multillama.core.operations import OPERATIONS
from multillama.core.refusal import error_body, error_event, error_object, error_row
from multillama.errors import FAILURES, GatewayError

ALL_DIALECTS = sorted({operation.dialect for operation in OPERATIONS})
OWN = ("gemini", "ollama")
DIALECTS = [dialect for dialect in ALL_DIALECTS if not dialect.startswith(OWN)]
"""Those that can have OpenAI's shape."""
LOST = GatewayError("endpoint_truncated", "It broke off.", endpoint="here", param="model")


def parse_event(event):
    """The fields of a single server-sent event, as a browser would read them (WHATWG HTML §9.2.6)."""
    blocks = [block for block in event.decode().split("\n\n") if block]
    assert len(blocks) == 1
    return dict(line.split(": ", 1) for line in blocks[0].split("\n"))


def test_the_public_facts_are_those_of_openai_and_whose_fault_it_is():
    assert error_object(LOST) == {
        "message": "It broke off.",
        "type": "upstream_error",
        "param": "model",
        "code": "endpoint_truncated",
        "origin": "endpoint:here",
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_body_has_the_shape_of_openai_for_everyone_who_can_read_it(dialect):
    body = json.loads(error_body(LOST, dialect))

    assert body["error"] == error_object(LOST)


def test_an_anthropic_client_finds_its_own_envelope_too():
    body = json.loads(error_body(LOST, "anthropic.messages"))

    assert body == {"type": "error", "error": error_object(LOST)}


def test_a_body_without_a_dialect_is_openais():
    assert json.loads(error_body(LOST)) == {"error": error_object(LOST)}


def test_a_gemini_client_finds_the_shape_of_googles_apis():
    missing = GatewayError("model_not_found", "There is none.")

    body = json.loads(error_body(missing, "gemini"))

    assert body["error"] == {
        "code": 404,
        "message": "There is none.",
        "status": "NOT_FOUND",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "model_not_found",
                "domain": "multillama",
                "metadata": {"origin": "client"},
            }
        ],
        "origin": "client",
    }


@pytest.mark.parametrize("kind", sorted(FAILURES))
def test_every_failure_has_a_status_in_googles_words(kind):
    error = json.loads(error_body(GatewayError(kind, "x"), "gemini"))["error"]

    assert error["code"] == FAILURES[kind].status
    assert error["status"].replace("_", "").isupper()
    assert (error["status"] == "INVALID_ARGUMENT") <= (
        error["code"] not in (401, 403, 404, 429, 499) and error["code"] < 500
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_event_ends_whatever_was_left_unfinished(dialect):
    broken = b'data: {"choices":[{"delta":{"content":"Hel' + error_event(LOST, dialect)

    last = broken.decode().rstrip("\n").split("\n\n")[-1]

    assert json.loads(last.split("data: ")[1])["error"]["message"] == "It broke off."
    assert broken.endswith(b"\n\n")


@pytest.mark.parametrize("dialect", ["gemini", "gemini.embed"])
def test_a_gemini_client_gets_data_alone_in_a_stream(dialect):
    event = parse_event(error_event(LOST, dialect))

    assert list(event) == ["data"]
    assert json.loads(event["data"])["error"]["code"] == 502


@pytest.mark.parametrize("dialect", ["ollama.chat", "ollama.generate"])
def test_an_ollama_client_finds_a_text_in_a_body_and_in_a_line(dialect):
    told = {
        "error": "It broke off.", "code": "endpoint_truncated", "param": "model", "origin": "endpoint:here",
    }  # fmt: skip

    line = error_event(LOST, dialect)

    assert json.loads(error_body(LOST, dialect)) == told
    assert (json.loads(line), line.count(b"\n"), line[-1:]) == (told, 1, b"\n")


@pytest.mark.parametrize("dialect", ALL_DIALECTS)
def test_an_error_event_never_looks_like_a_good_end(dialect):
    event = error_event(LOST, dialect)

    assert b"[DONE]" not in event
    assert b"finish_reason" not in event
    assert b"stop" not in event


@pytest.mark.parametrize("dialect", ["anthropic.messages", "openai.responses"])
def test_a_client_that_goes_by_event_names_gets_one(dialect):
    event = parse_event(error_event(LOST, dialect))

    assert event["event"] == "error"
    assert json.loads(event["data"]) == {"type": "error", "error": error_object(LOST)}


def test_a_chat_client_gets_plain_data():
    event = parse_event(error_event(LOST, "openai.chat"))

    assert list(event) == ["data"]
    assert json.loads(event["data"]) == {"error": error_object(LOST)}


@given(
    text=st.text(),
    kind=st.sampled_from(sorted(FAILURES)),
    endpoint=st.none() | st.text(),
    param=st.none() | st.text(),
    dialect=st.sampled_from(DIALECTS),
)
def test_whatever_the_words_the_client_reads_them_back(text, kind, endpoint, param, dialect):
    error = GatewayError(kind, text, endpoint=endpoint, param=param)

    body = json.loads(error_body(error, dialect))
    event = parse_event(error_event(error, dialect))

    assert body["error"] == json.loads(event["data"])["error"] == error_object(error)


def test_the_last_row_of_an_array_is_geminis_error():
    error = GatewayError("endpoint_truncated", "It broke off.", endpoint="here")

    row = json.loads(error_row(error))["error"]

    assert (row["code"], row["status"], row["message"]) == (502, "UNAVAILABLE", "It broke off.")
