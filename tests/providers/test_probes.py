"""What local servers tell of themselves is read from their own words, and any bytes are survived."""

import json

import pytest
from hypothesis import given, strategies as st

from multillama.providers.catalog import BY_NAME
from multillama.providers.probes import PROBES, UNKNOWN, Probe, Warmth

OLLAMA_PS = {
    "models": [
        {
            "name": "llama3.2:latest",
            "model": "llama3.2:latest",
            "size": 3343173632,
            "digest": "a80c4f17acd5",
            "details": {"family": "llama", "parameter_size": "3.2B"},
            "expires_at": "2026-11-20T10:00:00.1-08:00",
            "size_vram": 3343173632,
            "context_length": 4096,
        }
    ]
}
LM_STUDIO = {
    "models": [
        {
            "type": "llm",
            "key": "google/gemma-3-12b",
            "loaded_instances": [{"id": "gemma", "config": {"context_length": 4096}}],
        },
        {"type": "embedding", "key": "nomic", "loaded_instances": []},
    ]
}
LM_STUDIO_V0 = {
    "object": "list",
    "data": [
        {"id": "qwen", "object": "model", "type": "vlm", "state": "not-loaded"},
        {"id": "gemma", "object": "model", "type": "llm", "state": "loaded"},
    ],
}
LLAMA_SLOTS = [
    {"id": 0, "n_ctx": 8192, "speculative": False, "is_processing": True},
    {"id": 1, "n_ctx": 8192, "speculative": False, "is_processing": False},
]
LLAMA_ROUTER = {
    "object": "list",
    "data": [
        {"id": "a", "owned_by": "llamacpp", "status": {"value": "loaded", "args": []}},
        {"id": "b", "owned_by": "llamacpp", "status": {"value": "unloaded"}},
    ],
}
VLLM_METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a/b"} 3.0
vllm:num_requests_running{engine="1",model_name="a/b"} 1.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="a/b"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="a/b",reason="capacity"} 40.0
vllm:num_requests_total 100.0
"""


def probe(provider: str, path: str) -> Probe:
    return next(row for row in PROBES[provider] if row.path == path)


@pytest.mark.parametrize(
    ("provider", "path", "body", "told"),
    [
        ("ollama", "/api/ps", OLLAMA_PS, Warmth(loaded=frozenset({"llama3.2:latest"}))),
        ("ollama", "/api/ps", {"models": []}, Warmth(loaded=frozenset())),
        ("ollama", "/api/ps", {"models": None}, Warmth(loaded=frozenset())),
        (
            "lm-studio",
            "/api/v1/models",
            LM_STUDIO,
            Warmth(loaded=frozenset({"google/gemma-3-12b", "gemma"})),
        ),
        ("lm-studio", "/api/v0/models", LM_STUDIO_V0, Warmth(loaded=frozenset({"gemma"}))),
        ("llama.cpp", "/slots", LLAMA_SLOTS, Warmth(slots=2, busy=1)),
        ("llama.cpp", "/props", {"total_slots": 4, "chat_template": ""}, Warmth(slots=4)),
        ("llama.cpp", "/v1/models", LLAMA_ROUTER, Warmth(loaded=frozenset({"a"}))),
        ("vllm", "/v1/models", {"data": [{"id": "a/b"}]}, Warmth(loaded=frozenset({"a/b"}))),
    ],
)
def test_an_answer_tells_what_is_loaded_and_what_is_free(
    provider: str, path: str, body: object, told: Warmth
) -> None:
    assert probe(provider, path).read(json.dumps(body).encode()) == told


def test_metrics_count_what_runs_and_waits_over_all_engines() -> None:
    assert probe("vllm", "/metrics").read(VLLM_METRICS.encode()) == Warmth(busy=6)


@pytest.mark.parametrize("number", ["NaN", "+Inf", "1e999", "x", ""])
def test_metrics_that_are_no_counts_tell_nothing(number: str) -> None:
    body = f"vllm:num_requests_running {number}\n".encode()

    assert probe("vllm", "/metrics").read(body) == UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        # LM Studio answers so, with status 200, where it does not know the path
        b'{"error":"Unexpected endpoint or method. (GET /api/v1/models)"}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize(
    "row", [row for rows in PROBES.values() for row in rows if row.path != "/v1/models"]
)
def test_another_answer_tells_nothing(row: Probe, body: bytes) -> None:
    assert row.read(body) == UNKNOWN


@pytest.mark.parametrize("row", [row for rows in PROBES.values() for row in rows])
@given(body=st.binary())
def test_any_bytes_are_survived(row: Probe, body: bytes) -> None:
    assert isinstance(row.read(body), Warmth)


def test_only_local_runtimes_are_probed() -> None:
    assert all(BY_NAME[name].port is not None for name in PROBES)
