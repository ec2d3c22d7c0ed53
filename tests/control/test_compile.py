"""What the endpoints serve is merged into routes and into lists that every SDK reads."""

import json
import time
import warnings
from typing import Any

import anthropic
import httpx2
import msgspec
import openai
import pytest

from multillama.config.routing import AliasSetting, PolicySetting, RoutingSetting
from multillama.config.schema import EndpointSetting
from multillama.control.compile import compile_snapshot
from multillama.control.endpoints import make_endpoints
from multillama.control.routes import PLAIN, Policies, Routing
from multillama.core.snapshot import Limits, Snapshot, Timeouts
from multillama.providers.listing import Row, read_listing

with warnings.catch_warnings():
    # its sources hold invalid escapes, which Python warns of when it compiles them for the first time
    warnings.simplefilter("ignore")
    from google import genai

TIMEOUTS, LIMITS = Timeouts(connect_s=1), Limits(head_bytes=1)

OPENAI_ROW = {"id": "gpt", "object": "model", "created": 1686935002, "owned_by": "openai"}
CLAUDE_ROW = {
    "type": "model",
    "id": "claude",
    "display_name": "Claude",
    "created_at": "2025-05-14T00:00:00Z",
    "max_input_tokens": 200000,
    "max_tokens": 64000,
    "capabilities": {"batch": {"supported": True}},
}
OLLAMA_ROW = {
    "name": "llama3:latest",
    "modified_at": "2024-05-24T20:57:43.3-07:00",
    "size": 4661224676,
}


def rows(*fields: dict[str, Any], id_prefix: str = "") -> tuple[Row, ...]:
    return read_listing(json.dumps(list(fields)).encode(), id_prefix=id_prefix).rows


def compiled(routing: Routing = PLAIN, **lists: tuple[Row, ...]) -> Snapshot:
    """One endpoint `http://<name>/` for each argument, in order."""
    endpoints = make_endpoints([EndpointSetting(url=f"http://{name}/") for name in lists], {})
    return compile_snapshot(
        endpoints, lists, api_key=None, timeouts=TIMEOUTS, limits=LIMITS, routing=routing
    )


def routing_with(*, models: dict[str, PolicySetting] | None = None, **aliases: str) -> Routing:
    """Policies, and for each further argument an alias of one target."""
    settings = {name: AliasSetting(targets=(model,)) for name, model in aliases.items()}
    return Routing(Policies(RoutingSetting(models=models or {})), settings)


@pytest.fixture
def seed() -> Snapshot:
    """The seed's own example: OpenAI, Anthropic and Ollama side by side."""
    urls = ["https://api.openai.com/", "https://api.anthropic.com/", "http://localhost:11434/"]
    endpoints = make_endpoints([EndpointSetting(url=url) for url in urls], {})
    lists = [rows(OPENAI_ROW), rows(CLAUDE_ROW), rows(OLLAMA_ROW)]
    return compile_snapshot(
        endpoints,
        {endpoint.name: list_ for endpoint, list_ in zip(endpoints, lists, strict=True)},
        timeouts=TIMEOUTS,
        limits=LIMITS,
    )


def transport(snapshot: Snapshot, dialect: str) -> httpx2.MockTransport:
    """Answers as the data plane does: the list, or one row by its id."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        model = request.url.path.partition("/models/")[2]
        body = snapshot.rows[dialect][model] if model else snapshot.lists[dialect]
        return httpx2.Response(200, content=body, headers={"content-type": "application/json"})

    return httpx2.MockTransport(answer)


def test_the_openai_sdk_lists_the_seeds_three_endpoints(seed: Snapshot) -> None:
    http = httpx2.Client(transport=transport(seed, "openai"))
    with openai.OpenAI(api_key="k", base_url="http://gateway/v1", http_client=http) as client:
        models = list(client.models.list())
        one = client.models.retrieve("llama3:latest")

    assert [(m.id, m.object, m.created, m.owned_by) for m in models] == [
        ("gpt", "model", 1686935002, "openai"),
        ("claude", "model", 1747180800, "anthropic"),
        ("llama3:latest", "model", 1716609463, "ollama"),
    ]
    assert [(m.model_extra or {})["multillama"]["endpoints"] for m in models] == [
        ["api.openai.com"],
        ["api.anthropic.com"],
        ["localhost:11434"],
    ]
    assert one == models[2]


def test_the_anthropic_sdk_lists_the_seeds_three_endpoints(seed: Snapshot) -> None:
    http = httpx2.Client(transport=transport(seed, "anthropic"))
    with anthropic.Anthropic(api_key="k", base_url="http://gateway", http_client=http) as client:
        page = client.models.list()
        models = list(page)
        one = client.models.retrieve("claude")

    assert [(m.id, m.type, m.display_name, m.created_at.isoformat()) for m in models] == [
        ("gpt", "model", "gpt", "2023-06-16T17:03:22+00:00"),
        ("claude", "model", "Claude", "2025-05-14T00:00:00+00:00"),
        ("llama3:latest", "model", "llama3:latest", "2024-05-25T03:57:43+00:00"),
    ]
    assert (page.has_more, page.first_id, page.last_id) == (False, "gpt", "llama3:latest")
    assert one == models[1]
    assert (one.max_input_tokens, one.max_tokens) == (200000, 64000)


def test_googles_sdk_lists_the_seeds_three_endpoints(seed: Snapshot) -> None:
    options = genai.types.HttpOptions(
        base_url="http://gateway",
        httpx_client=httpx2.Client(transport=transport(seed, "gemini")),
    )
    client = genai.Client(api_key="k", http_options=options)

    models = list(client.models.list())
    one = client.models.get(model="claude")

    assert [(m.name, m.display_name) for m in models] == [
        ("models/gpt", "gpt"),
        ("models/claude", "Claude"),
        ("models/llama3:latest", "llama3:latest"),
    ]
    assert (one.name, one.input_token_limit, one.output_token_limit) == (
        "models/claude",
        200000,
        64000,
    )


def test_a_row_keeps_every_field_its_endpoint_sent() -> None:
    row = b'{"id":"a","price":0.10,"meta":{"n":1e3},"object":"model","created":5,"owned_by":"me"}'

    snapshot = compiled(h=read_listing(b"[" + row + b"]").rows)

    assert snapshot.rows["openai"]["a"] == row[:-1] + b',"multillama":{"endpoints":["h"]}}'


def test_what_an_sdk_needs_is_there_even_if_the_endpoint_sent_nonsense() -> None:
    bad = {"id": "a", "object": None, "created": "soon", "owned_by": 7, "multillama": 1}

    snapshot = compiled(h=rows(bad))

    assert json.loads(snapshot.rows["openai"]["a"]) == {
        "id": "a",
        "object": "model",
        "created": 0,
        "owned_by": "openai-compatible",
        "multillama": {"endpoints": ["h"]},
    }


@pytest.mark.parametrize(
    ("fields", "created"),
    [
        ({"created": 17}, 17),
        ({"created": 17.9}, 17),
        ({"created": True}, 0),
        ({"created": -1}, 0),
        ({"created": 10**30}, 0),
        ({"created": 1e300}, 0),
        ({"created_at": "1970-01-01T00:00:09Z"}, 9),
        ({"created_at": "1970-01-01T00:00:09"}, 0),
        ({"created_at": "yesterday", "modified_at": "1970-01-01T01:00:08+01:00"}, 8),
        ({}, 0),
    ],
)
def test_the_time_of_making_is_read_from_whatever_tells_it(
    fields: dict[str, Any], created: int
) -> None:
    snapshot = compiled(h=rows({"id": "a", **fields}))

    assert json.loads(snapshot.rows["openai"]["a"])["created"] == created


def test_a_time_beyond_all_calendars_is_the_last_of_them() -> None:
    snapshot = compiled(h=rows({"id": "a", "created": 2**53}))

    assert json.loads(snapshot.rows["anthropic"]["a"])["created_at"] == "9999-12-31T23:59:59Z"


def test_a_time_that_is_none_is_not_passed_to_sdks_that_would_read_it() -> None:
    snapshot = compiled(h=rows({"id": "a", "created": 9, "created_at": "yesterday"}))

    assert json.loads(snapshot.rows["anthropic"]["a"])["created_at"] == "1970-01-01T00:00:09Z"


def test_a_model_on_several_endpoints_is_one_row_with_targets_in_order() -> None:
    snapshot = compiled(
        one=rows({"id": "a", "n": 1}),
        two=rows({"id": "b"}, {"id": "a", "n": 2}),
        three=rows({"id": "a"}),
    )

    row = json.loads(snapshot.rows["openai"]["a"])
    assert [target.endpoint.name for target in snapshot.routes["a"].targets] == [
        "one",
        "two",
        "three",
    ]
    assert [target.rename for target in snapshot.routes["a"].targets] == [None, None, None]
    assert (row["n"], row["multillama"]) == (1, {"endpoints": ["one", "two", "three"]})
    assert [m["id"] for m in json.loads(snapshot.lists["openai"])["data"]] == ["a", "b"]


def test_a_model_listed_twice_by_one_endpoint_has_one_target_there() -> None:
    snapshot = compiled(one=rows({"id": "a"}) + rows({"id": "a"}))

    assert [target.endpoint.name for target in snapshot.routes["a"].targets] == ["one"]


def test_a_target_carries_the_endpoints_own_name() -> None:
    snapshot = compiled(
        one=rows({"id": "gemini-pro"}), two=rows({"id": "models/gemini-pro"}, id_prefix="models/")
    )

    assert [t.rename for t in snapshot.routes["gemini-pro"].targets] == [
        None,
        b'"models/gemini-pro"',
    ]


def test_the_endpoints_own_name_is_understood_too() -> None:
    snapshot = compiled(two=rows({"id": "models/g"}, id_prefix="models/"))

    assert [t.rename for t in snapshot.routes["models/g"].targets] == [b'"models/g"']
    assert snapshot.rows["openai"]["models/g"] == snapshot.rows["openai"]["g"]
    assert [m["id"] for m in json.loads(snapshot.lists["openai"])["data"]] == ["g"]


def test_the_latest_tag_may_be_left_out() -> None:
    snapshot = compiled(one=rows({"name": "llama3:latest"}))

    assert [t.rename for t in snapshot.routes["llama3"].targets] == [b'"llama3:latest"']
    assert snapshot.aliases == {"llama3"}
    assert repr(snapshot) == "Snapshot(1 endpoints, 1 models)"
    assert snapshot.rows["openai"]["llama3"] == snapshot.rows["openai"]["llama3:latest"]


def test_another_name_never_hides_a_model_of_that_name() -> None:
    snapshot = compiled(one=rows({"name": "llama3:latest"}), two=rows({"id": "llama3"}))

    assert [t.endpoint.name for t in snapshot.routes["llama3"].targets] == ["two"]
    assert snapshot.aliases == set()


@pytest.mark.parametrize(
    ("fields", "limits"),
    [
        ({"max_model_len": 4096}, (4096, None)),
        ({"context_length": 8192, "max_completion_tokens": 100}, (8192, 100)),
        ({"context_window": None, "max_context_length": 9}, (9, None)),
        ({"context_length": "8k"}, (None, None)),
    ],
)
def test_the_sizes_a_model_takes_are_told_in_googles_words(
    fields: dict[str, Any], limits: tuple[int | None, int | None]
) -> None:
    snapshot = compiled(h=rows({"id": "a", "description": "An A.", **fields}))

    row = json.loads(snapshot.rows["gemini"]["a"])
    assert (row.get("inputTokenLimit"), row.get("outputTokenLimit")) == limits
    assert row["description"] == "An A."


@pytest.mark.parametrize(
    ("fields", "openai", "anthropic"),
    [
        ({"meta": {"n_ctx": 8192}}, (8192, 8192), (8192, None)),
        ({"context_length": 9, "max_completion_tokens": 5}, (9, 9), (9, 5)),
        ({"context_length": None, "max_model_len": 7}, (7, 7), (7, None)),
        ({"max_input_tokens": 6, "max_tokens": 4, "context_length": 8}, (8, 6), (6, 4)),
        ({}, (None, None), (None, None)),
    ],
)
def test_a_context_length_is_told_where_clients_look_and_what_an_endpoint_tells_stays(
    fields: dict[str, Any], openai: tuple[int | None, ...], anthropic: tuple[int | None, ...]
) -> None:
    snapshot = compiled(h=rows({"id": "a", **fields}))

    ours, theirs = (json.loads(snapshot.rows[shape]["a"]) for shape in ("openai", "anthropic"))
    assert (ours.get("context_length"), ours.get("max_model_len")) == openai
    assert (theirs.get("max_input_tokens"), theirs.get("max_tokens")) == anthropic


def test_without_models_every_list_is_empty_and_whole() -> None:
    snapshot = compiled(h=())

    assert {shape: json.loads(body) for shape, body in snapshot.lists.items()} == {
        "openai": {"object": "list", "data": []},
        "anthropic": {"data": [], "has_more": False, "first_id": None, "last_id": None},
        "gemini": {"models": []},
        "ollama": {"models": []},
    }
    assert snapshot.routes == {}
    assert snapshot.rows == {"openai": {}, "anthropic": {}, "gemini": {}, "ollama": {}}


def test_what_only_passes_through_is_passed_on() -> None:
    endpoints = make_endpoints([EndpointSetting(url="http://h/")], {})

    snapshot = compile_snapshot(endpoints, {}, api_key=b"k", timeouts=TIMEOUTS, limits=LIMITS)

    assert snapshot.endpoints == endpoints
    assert (snapshot.api_key, snapshot.timeouts, snapshot.limits) == (b"k", TIMEOUTS, LIMITS)


def compile_seconds(endpoints: int, models: int) -> float:
    """CPU time for so many endpoints with so many models each, half of them shared by all."""
    made = make_endpoints([EndpointSetting(url=f"http://h{n}/") for n in range(endpoints)], {})
    lists = {
        endpoint.name: tuple(
            Row(f"m{m}" if m % 2 else f"m{n}-{m}", {"id": msgspec.Raw(b'"m"')})
            for m in range(models)
        )
        for n, endpoint in enumerate(made)
    }
    begun = time.process_time()
    compile_snapshot(made, lists, timeouts=TIMEOUTS, limits=LIMITS)
    return time.process_time() - begun


def test_the_time_to_compile_grows_with_the_rows_and_not_with_their_square() -> None:
    small, large = (
        min(compile_seconds(*size) for _ in range(3)) for size in ((100, 20), (400, 40))
    )

    # 8 times the rows; a square would be 64 times the time
    assert large < 24 * small
    assert large < 3


def test_a_target_knows_what_its_own_row_tells_of_the_model() -> None:
    snapshot = compiled(
        near=rows({"id": "m", "meta": {"n_ctx": 4096}}),
        far=rows({"id": "m", "context_length": 128000, "pricing": {"prompt": "0.000001"}}),
    )

    near, far = (target.facts for target in snapshot.routes["m"].targets)

    assert (near.context_tokens, near.input_price) == (4096, None)
    assert (far.context_tokens, far.input_price) == (128000, 1.0)


# aliases and policies of the configuration file


def test_an_alias_of_the_file_is_a_route_and_a_row_of_its_own() -> None:
    snapshot = compiled(routing_with(fast="a/gpt"), a=rows(OPENAI_ROW), b=rows(OPENAI_ROW))

    (target,) = snapshot.routes["fast"].targets
    row = json.loads(snapshot.rows["openai"]["fast"])
    assert (target.endpoint.name, target.rename) == ("a", b'"gpt"')
    assert row == {
        "id": "fast",
        "object": "model",
        "created": 1686935002,
        "owned_by": "multillama",
        "multillama": {"endpoints": ["a"], "alias_of": ["a/gpt"]},
    }
    listed = json.loads(snapshot.lists["openai"])["data"]
    assert [model["id"] for model in listed] == ["gpt", "fast"]
    assert snapshot.aliases == frozenset()


def test_an_alias_tells_its_models_context_but_not_its_names() -> None:
    snapshot = compiled(routing_with(best="claude"), a=rows(CLAUDE_ROW))

    anthropic_row = json.loads(snapshot.rows["anthropic"]["best"])
    gemini_row = json.loads(snapshot.rows["gemini"]["best"])
    assert (anthropic_row["display_name"], anthropic_row["max_input_tokens"]) == ("best", 200000)
    assert (gemini_row["displayName"], gemini_row["inputTokenLimit"]) == ("best", 200000)


def test_an_alias_of_what_nobody_lists_is_served_where_an_endpoint_is_named() -> None:
    snapshot = compiled(routing_with(hidden="a/secret-model", nowhere="unheard-of"), a=())

    assert list(snapshot.routes) == ["hidden"]
    assert json.loads(snapshot.rows["openai"]["hidden"])["created"] == 0


def test_an_alias_may_stand_in_the_place_of_a_model() -> None:
    snapshot = compiled(routing_with(gpt="a/llama"), a=rows({"id": "llama"}), b=rows(OPENAI_ROW))

    assert [target.model for target in snapshot.routes["gpt"].targets] == ["llama"]
    listed = json.loads(snapshot.lists["openai"])["data"]
    assert [(model["id"], model["owned_by"]) for model in listed] == [
        ("llama", "openai-compatible"),
        ("gpt", "multillama"),
    ]


def test_an_alias_that_hides_a_short_name_stands_in_the_lists() -> None:
    snapshot = compiled(
        routing_with(llama3="a/other"), a=rows(OLLAMA_ROW | {"id": "llama3:latest"})
    )

    assert snapshot.aliases == frozenset()
    assert b'"id":"llama3"' in snapshot.lists["openai"]
    assert snapshot.routes["llama3"].targets[0].model == "other"


def test_a_policy_counts_for_every_name_of_a_model() -> None:
    kept = {"llama3": PolicySetting(local_only=True)}
    snapshot = compiled(
        routing_with(models=kept, fast="llama3:latest", other="llama3"),
        a=rows({"id": "llama3:latest"}, OPENAI_ROW),
    )

    local = {name: route.policy.local_only for name, route in snapshot.routes.items()}
    assert local == {
        "llama3:latest": True, "gpt": False, "llama3": True, "fast": True, "other": True,
    }  # fmt: skip


def test_aliases_that_lack_a_target_are_told_in_the_snapshot() -> None:
    routing = routing_with(good="gpt", bad="gtp")

    snapshot = compiled(routing, a=rows(OPENAI_ROW))

    assert snapshot.unserved == {"bad": ("gtp",)}
    assert "bad" not in snapshot.routes
