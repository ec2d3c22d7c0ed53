import json

import msgspec
import pytest

from multillama.core.snapshot import Snapshot
from multillama.dataplane.builtin import answer_builtin, is_builtin, listing_dialect
from multillama.errors import GatewayError
from multillama.wire.parse import parse_head
from tests.core.samples import endpoint, serving

LISTS = {"openai": b'{"object":"list"}', "anthropic": b'{"data":[]}', "gemini": b'{"models":[]}'}
ROWS = {
    "openai": {"m1": b'{"id":"m1"}', "meta/llama-3:8b": b'{"id":"meta/llama-3:8b"}', "é": b"{}"},
    "anthropic": {"m1": b'{"id":"m1","type":"model"}'},
}


@pytest.fixture
def snapshot():
    return msgspec.structs.replace(serving(endpoint()), lists=LISTS, rows=ROWS)


def head(path, *lines):
    return parse_head(b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (path, b"".join(lines)))


@pytest.mark.parametrize(
    "path",
    [b"/v1/models", b"/models", b"/v1/models/a/b:c", b"/models/m1", b"/health", b"/v1/health", b"/healthz",
     b"/ready", b"/readyz"],
)  # fmt: skip
def test_these_paths_are_answered_from_memory(path):
    assert is_builtin(path)


@pytest.mark.parametrize("path", [b"/", b"/v1/modelsx", b"/v1", b"/Health", b"/v1/files", b"*"])
def test_other_paths_are_not(path):
    assert not is_builtin(path)


@pytest.mark.parametrize("path", [b"/health", b"/healthz", b"/v1/health"])
def test_a_gateway_that_answers_is_alive(snapshot, path):
    assert answer_builtin(head(path), Snapshot())[:3] == ("health", 200, b'{"status":"ok"}')


@pytest.mark.parametrize(
    ("states", "status", "up"),
    [
        ([], 503, 0),
        ([None], 503, 0),
        ([False], 503, 0),
        ([False, True], 200, 1),
        ([True] * 2, 200, 2),
    ],
)
@pytest.mark.parametrize("path", [b"/ready", b"/readyz"])
def test_it_is_ready_with_one_endpoint_up(path, states, status, up):
    endpoints = [endpoint(str(at), is_up=is_up) for at, is_up in enumerate(states)]

    answer = answer_builtin(head(path), serving(*endpoints))

    assert (answer.name, answer.status) == ("ready", status)
    body = json.loads(answer.body)
    assert (body["endpoints_up"], body["endpoints"]) == (up, len(states))
    assert (body["status"] == "ready") is (status == 200)


@pytest.mark.parametrize(
    ("line", "dialect"),
    [
        (b"", "openai"),
        (b"Authorization: Bearer k\r\n", "openai"),
        (b"x-api-key: k\r\n", "openai"),
        (b"anthropic-version: 2026-10-21\r\n", "anthropic"),
        (b"Anthropic-Version: 2023-06-01\r\nx-goog-api-client: x\r\n", "anthropic"),
        (b"x-goog-api-key: k\r\n", "gemini"),
        (b"X-Goog-Api-Client: google-genai-sdk/3.4.0\r\n", "gemini"),
    ],
)
def test_each_sdk_reads_the_list_in_its_own_shape(snapshot, line, dialect):
    asked = head(b"/v1/models", line)

    assert listing_dialect(asked.hints) == dialect
    assert answer_builtin(asked, snapshot)[:3] == ("models", 200, LISTS[dialect])


def test_before_any_model_is_known_the_list_is_empty():
    answer = answer_builtin(head(b"/v1/models"), Snapshot())

    assert json.loads(answer.body) == {"object": "list", "data": []}


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (b"/v1/models/m1", "m1"),
        (b"/models/m1", "m1"),
        (b"/v1/models/m1?x=y", "m1"),
        (b"/v1/models/meta/llama-3:8b", "meta/llama-3:8b"),
        (b"/v1/models/meta%2Fllama-3%3a8b", "meta/llama-3:8b"),
        (b"/v1/models/%C3%A9", "é"),
    ],
)
def test_one_model_is_found_by_its_id_however_it_is_escaped(snapshot, path, model):
    assert answer_builtin(head(path), snapshot)[:3] == ("model", 200, ROWS["openai"][model])


def test_one_model_has_the_shape_of_the_client_too(snapshot):
    asked = head(b"/v1/models/m1", b"anthropic-version: 2026-10-21\r\n")

    assert answer_builtin(asked, snapshot).body == ROWS["anthropic"]["m1"]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        (b"/v1/models/m1-mini", "Did you mean m1?"),
        (b"/v1/models/zzz", "by any endpoint."),
        (b"/v1/models/%ff", "by any"),
    ],
)
def test_a_model_that_is_not_there_is_named_with_what_looks_like_it(snapshot, path, hint):
    with pytest.raises(GatewayError, match="is not served") as caught:
        answer_builtin(head(path), snapshot)

    assert (caught.value.kind, caught.value.param) == ("model_not_found", "model")
    assert hint in caught.value.text


def test_a_huge_id_is_not_told_back(snapshot):
    with pytest.raises(GatewayError) as caught:
        answer_builtin(head(b"/v1/models/" + b"x" * 5000), snapshot)

    assert len(caught.value.text) < 300


@pytest.mark.parametrize("path", [b"/v1/models", b"/v1/models/m1"])
def test_the_models_are_for_those_with_the_key(snapshot, path):
    locked = msgspec.structs.replace(snapshot, api_key=b"front-door")

    with pytest.raises(GatewayError) as caught:
        answer_builtin(head(path), locked)

    assert caught.value.kind == "invalid_api_key"
    assert answer_builtin(head(path, b"x-api-key: front-door\r\n"), locked).status == 200


@pytest.mark.parametrize("path", [b"/health", b"/ready"])
def test_health_is_told_without_a_key(snapshot, path):
    locked = msgspec.structs.replace(snapshot, api_key=b"front-door")

    assert answer_builtin(head(path), locked).status in (200, 503)


BROWSER = b"User-Agent: Mozilla/5.0\r\nAccept-Language: en\r\n"


def asked_by(fields, host):
    return parse_head(b"GET /v1/models HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (host, fields))


def test_without_a_key_a_browser_reads_the_models_under_a_name_of_ours_only(snapshot):
    answer = answer_builtin(asked_by(BROWSER, b"localhost:3000"), snapshot)
    with pytest.raises(GatewayError) as caught:
        answer_builtin(asked_by(BROWSER, b"evil.example:3000"), snapshot)

    assert (answer.status, caught.value.kind) == (200, "host_not_allowed")


def test_a_program_reads_the_models_under_any_name(snapshot):
    assert answer_builtin(asked_by(b"", b"gateway.internal"), snapshot).status == 200


def test_with_a_key_the_key_alone_decides(snapshot):
    locked = msgspec.structs.replace(snapshot, api_key=b"front-door")
    asked = asked_by(BROWSER + b"Authorization: Bearer front-door\r\n", b"gateway.example")

    assert answer_builtin(asked, locked).status == 200


def test_a_key_in_the_models_place_is_not_repeated(snapshot):
    with pytest.raises(GatewayError, match=r"'\*\*\*'"):
        answer_builtin(head(b"/v1/models/sk-abc123456"), snapshot)
