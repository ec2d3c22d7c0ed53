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
SGLANG_INFO = {
    "model_path": "qwen/qwen2.5-0.5b-instruct",
    "max_running_requests": None,
    "internal_states": [
        {"last_gen_throughput": 129.3, "effective_max_running_requests_per_dp": 52},
        {"last_gen_throughput": 0.0, "effective_max_running_requests_per_dp": 52},
    ],
    "version": "0.5.18",
}
SGLANG_METRICS = """\
# HELP sglang:num_running_reqs The number of running requests.
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{engine_type="unified",model_name="a/b",pp_rank="0",tp_rank="0"} 4.0
sglang:num_running_reqs{engine_type="unified",model_name="a/b",pp_rank="0",tp_rank="1"} 4.0
sglang:num_running_reqs{model_name="a/b",pp_rank="0",priority="1",tp_rank="0"} 3.0
sglang:num_queue_reqs{model_name="a/b",pp_rank="0",priority="",tp_rank="0"} 2.0
sglang:num_queue_reqs{model_name="a/b",pp_rank="0",priority="1",tp_rank="0"} 2.0
sglang:num_grammar_queue_reqs{model_name="a/b",pp_rank="0",tp_rank="0"} 7.0
"""


def lm_studio(*parallel: int | None) -> object:
    """Its list with one model, and an instance of it for each of these limits."""
    configs = [{"context_length": 8192, "parallel": limit} for limit in parallel]
    instances = [{"id": f"a:{at}", "config": config} for at, config in enumerate(configs, 1)]
    return {"models": [{"type": "llm", "key": "a", "loaded_instances": instances}]}


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
            Warmth(loaded=frozenset({"google/gemma-3-12b", "gemma"}), slots=0),
        ),
        ("lm-studio", "/api/v1/models", lm_studio(4), Warmth(frozenset({"a", "a:1"}), slots=4)),
        (
            "lm-studio",
            "/api/v1/models",
            lm_studio(4, 2),
            Warmth(frozenset({"a", "a:1", "a:2"}), slots=6),
        ),
        (
            "lm-studio",
            "/api/v1/models",
            lm_studio(4, None),
            Warmth(frozenset({"a", "a:1", "a:2"}), slots=0),
        ),
        ("lm-studio", "/api/v1/models", lm_studio(), Warmth(frozenset(), slots=0)),
        ("lm-studio", "/api/v0/models", LM_STUDIO_V0, Warmth(loaded=frozenset({"gemma"}))),
        ("llama.cpp", "/slots", LLAMA_SLOTS, Warmth(slots=2, busy=1)),
        ("llama.cpp", "/props", {"total_slots": 4, "chat_template": ""}, Warmth(slots=4)),
        ("llama.cpp", "/v1/models", LLAMA_ROUTER, Warmth(loaded=frozenset({"a"}))),
        ("sglang", "/get_server_info", SGLANG_INFO, Warmth(slots=104)),
        ("vllm", "/v1/models", {"data": [{"id": "a/b"}]}, Warmth(loaded=frozenset({"a/b"}))),
    ],
)
def test_an_answer_tells_what_is_loaded_and_what_is_free(
    provider: str, path: str, body: object, told: Warmth
) -> None:
    assert probe(provider, path).read(json.dumps(body).encode()) == told


def test_metrics_count_what_runs_and_waits_over_all_engines() -> None:
    told = probe("vllm", "/metrics").read(VLLM_METRICS.encode())

    assert (told.busy, told.running) == (6, 4)


def test_what_is_counted_twice_in_metrics_is_read_once() -> None:
    told = probe("sglang", "/metrics").read(SGLANG_METRICS.encode())

    assert told == Warmth(busy=6, running=4, is_short=True)


def vllm(running: list[int], waiting: list[int], *more: str) -> Warmth:
    lines = [
        f'vllm:num_requests_{name}{{engine="{engine}",model_name="a/b"}} {count}.0'
        for name, counts in (("running", running), ("waiting", waiting))
        for engine, count in enumerate(counts)
    ]
    return probe("vllm", "/metrics").read("\n".join([*lines, *more, ""]).encode())


def because(reason: str, count: int) -> str:
    return f'vllm:num_requests_waiting_by_reason{{engine="0",reason="{reason}"}} {count}.0'


@pytest.mark.parametrize(
    ("told", "is_short"),
    [
        (vllm([3], [1]), True),
        (vllm([3], [0]), False),
        (vllm([3, 3], [1, 1]), True),
        # the next request may go to the second engine
        (vllm([3, 1], [4, 0]), False),
        (vllm([3], []), None),
        # what waits for an adapter or for a remote cache waits for no place
        (vllm([3], [2], because("capacity", 0), because("deferred", 2)), False),
        (vllm([3], [2], because("capacity", 1), because("deferred", 1)), True),
        (vllm([3], [2], 'vllm:lora_requests_info{max_lora="1"} 1.0'), None),
        (vllm([3], [2], "vllm:lora_requests_info 1.0", because("capacity", 2)), True),
    ],
)
def test_a_server_is_short_of_room_where_something_waits_for_it_at_every_engine(
    told: Warmth, is_short: bool | None
) -> None:
    assert told.is_short is is_short


@pytest.mark.parametrize("limits", [[], [0], [8, 0]])
def test_a_scheduler_without_a_limit_makes_none(limits: list[int]) -> None:
    states = [{"effective_max_running_requests_per_dp": limit} for limit in limits]
    body = json.dumps({"internal_states": states}).encode()

    assert probe("sglang", "/get_server_info").read(body) == UNKNOWN


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
