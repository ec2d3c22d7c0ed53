"""An endpoint holds all that a request to it needs, and its key in one place only."""

import msgspec
import pytest

from multillama.config.load import BadSetting
from multillama.config.schema import EndpointSetting, EndpointTimeouts
from multillama.control.endpoints import (
    base_path,
    corrected,
    judge,
    make_endpoints,
    provider_of,
    with_own_states,
    without_key,
)
from multillama.core.endpoints_state import EndpointState
from multillama.core.operations import OPERATIONS
from multillama.core.snapshot import Endpoint, Timeouts
from multillama.providers.catalog import BY_NAME
from tests.control.scripted import endpoint

CANARY = "sk-CANARY-0123456789"


def head(one: Endpoint) -> list[str]:
    return one.fixed_head.decode("latin-1").split("\r\n")


def test_the_seeds_three_endpoints_are_made_side_by_side() -> None:
    settings = [
        EndpointSetting(url="https://api.openai.com/", key="your-openai-key"),
        EndpointSetting(url="https://api.anthropic.com/", key="your-anthropic-key"),
        EndpointSetting(url="http://localhost:11434/", key=None),
    ]

    endpoints = make_endpoints(settings, {})

    assert [(one.name, one.provider, one.has_key, one.url) for one in endpoints] == [
        ("api.openai.com", "openai", True, "https://api.openai.com/"),
        ("api.anthropic.com", "anthropic", True, "https://api.anthropic.com/"),
        ("localhost:11434", "ollama", False, "http://localhost:11434/"),
    ]
    assert [(one.scheme, one.host, one.port) for one in endpoints] == [
        ("https", "api.openai.com", 443),
        ("https", "api.anthropic.com", 443),
        ("http", "localhost", 11434),
    ]


def test_the_fixed_head_is_whole_lines_of_host_encoding_and_key() -> None:
    one = endpoint("https://api.openai.com/", "k")

    assert one.fixed_head == (
        b"host: api.openai.com\r\naccept-encoding: identity\r\nauthorization: Bearer k\r\n"
    )
    assert one.owns == {b"host", b"accept-encoding", b"authorization"}


def test_google_gets_the_key_where_each_of_its_dialects_has_it() -> None:
    one = endpoint("https://generativelanguage.googleapis.com/", "k")

    heads = {name: one.head_of(name).splitlines()[-1] for name in ("chat", "embed_content")}
    assert heads == {"chat": b"authorization: Bearer k", "embed_content": b"x-goog-api-key: k"}
    assert b"authorization" not in one.head_of("stream_generate_content")


def test_an_endpoint_without_a_key_sends_none() -> None:
    one = endpoint("http://localhost:11434/")

    assert head(one) == ["host: localhost:11434", "accept-encoding: identity", ""]
    assert one.owns == {b"host", b"accept-encoding"}


def test_azure_gets_its_key_in_its_own_header() -> None:
    one = endpoint("https://acme.openai.azure.com/", "k")

    assert head(one)[2:] == ["api-key: k", ""]
    assert b"api-key" in one.owns


def test_the_version_anthropic_needs_gives_way_to_a_clients_own() -> None:
    one = endpoint("https://api.anthropic.com/", "k")

    assert one.defaults == ((b"anthropic-version", b"2023-06-01"),)
    assert b"anthropic-version" not in one.fixed_head
    assert b"anthropic-version" not in one.owns


@pytest.mark.parametrize(
    ("url", "chat", "messages"),
    [
        ("https://api.openai.com/", b"/v1/chat/completions", b"/v1/messages"),
        ("https://api.anthropic.com/", b"/v1/chat/completions", b"/v1/messages"),
        ("https://api.groq.com/", b"/openai/v1/chat/completions", b"/openai/v1/messages"),
        ("https://api.deepseek.com/", b"/v1/chat/completions", b"/anthropic/v1/messages"),
        ("https://api.z.ai/", b"/api/paas/v4/chat/completions", b"/api/anthropic/v1/messages"),
        ("https://openrouter.ai/", b"/api/v1/chat/completions", b"/api/v1/messages"),
        ("https://api.perplexity.ai/", b"/chat/completions", b"/messages"),
        ("http://localhost:12434/", b"/engines/v1/chat/completions", b"/v1/messages"),
        ("http://h:9/llm", b"/llm/v1/chat/completions", b"/llm/v1/messages"),
    ],
)
def test_each_dialect_has_its_own_path(url: str, chat: bytes, messages: bytes) -> None:
    one = endpoint(url)

    assert (one.paths["chat"], one.paths["messages"]) == (chat, messages)


def test_every_operation_has_a_path() -> None:
    one = endpoint("https://api.cohere.ai/")

    assert set(one.paths) == {operation.name for operation in OPERATIONS}
    assert one.paths["rerank"] == b"/v2/rerank"
    assert one.paths["transcriptions"] == b"/compatibility/v1/audio/transcriptions"


def test_names_are_unique_and_show_only_ports_that_say_something() -> None:
    urls = [
        "http://h/",
        "http://h:80/a",
        "https://h/",
        "http://h:8000",
        "http://[::1]:8000",
        "http://h",
    ]

    endpoints = make_endpoints([EndpointSetting(url=url) for url in urls], {})

    assert [one.name for one in endpoints] == ["h", "h#2", "h#3", "h:8000", "[::1]:8000", "h#4"]


def test_the_live_state_of_a_known_name_is_kept() -> None:
    states = {"h": EndpointState("h")}
    known = states["h"]

    endpoints = make_endpoints(
        [EndpointSetting(url="http://h"), EndpointSetting(url="http://i")], states
    )

    assert endpoints[0].state is known
    assert endpoints[1].state is states["i"]


@pytest.mark.parametrize(
    "key",
    [f"{CANARY}{bad}{CANARY}" for bad in ("\r\nx: y", "\n", "\0", "\t", "ключ", "\x7f", "\x85")]
    + [f" {CANARY}", f"{CANARY} ", ""],
)
def test_a_key_that_no_header_can_carry_is_refused_with_the_cure(key: str) -> None:
    with pytest.raises(BadSetting, match=r"The key of api\.openai\.com .* --key") as caught:
        endpoint("https://api.openai.com/", key)

    assert CANARY not in str(caught.value)


def test_a_key_in_latin_1_is_sent_as_latin_1() -> None:
    assert b"Bearer sch\xf6n\r\n" in endpoint("http://h", "schön").fixed_head


def test_a_bad_url_is_named_by_its_number() -> None:
    settings = [EndpointSetting(url="http://h"), EndpointSetting(url="http://u:CANARY@h/")]

    with pytest.raises(BadSetting, match=r"^Endpoint 2: .*--key\.$") as caught:
        make_endpoints(settings, {})

    assert "CANARY" not in str(caught.value)


def test_the_key_is_in_the_heads_and_nowhere_else() -> None:
    one = endpoint("https://api.openai.com/", CANARY)

    shown = [repr(one), str(one), repr(one.__rich_repr__())]
    heads = ("fixed_head", "own_heads")
    shown += [repr(getattr(one, name)) for name in one.__struct_fields__ if name not in heads]
    assert [text for text in shown if CANARY in text] == []
    assert CANARY.encode() in one.fixed_head


def test_an_endpoint_is_corrected_in_provider_and_paths_only() -> None:
    one = endpoint("http://h:8000", "k")

    other = corrected(one, BY_NAME["lemonade"], "/api/v1")

    assert (other.provider, other.paths["chat"]) == ("lemonade", b"/api/v1/chat/completions")
    assert base_path(other) == "/api/v1"
    assert provider_of(other).title == "Lemonade"
    assert other.state is one.state
    assert msgspec.structs.replace(other, provider=one.provider, paths=one.paths).fixed_head == (
        one.fixed_head
    )


def test_an_endpoint_that_needs_no_correction_stays_itself() -> None:
    one = endpoint("http://h:8000")

    assert corrected(one, BY_NAME["vllm"], "/v1") is one


def test_an_endpoint_of_the_own_network_is_local() -> None:
    near, far = endpoint("http://192.168.1.7:8000/"), endpoint("https://api.openai.com/")

    assert (near.is_local, far.is_local) == (True, False)


def test_a_query_goes_with_the_endpoint_and_is_not_shown() -> None:
    one = endpoint("https://acme.openai.azure.com/openai/v1?api-version=preview", "k")

    assert one.query == b"api-version=preview"
    assert "preview" not in one.url + repr(one)
    assert base_path(one) == "/openai/v1"


# what only the configuration file can say


def made(url: str = "http://a.example/", **facts: object) -> Endpoint:
    (one,) = make_endpoints([EndpointSetting(url=url, **facts)], {})  # type: ignore[arg-type]
    return one


def test_an_endpoint_is_called_as_the_file_says_and_others_make_way() -> None:
    settings = [
        EndpointSetting(url="http://nas/"),
        EndpointSetting(url="http://box/", name="nas"),
    ]

    assert [one.name for one in make_endpoints(settings, {})] == ["nas#2", "nas"]


def test_weight_tier_limit_and_tags_are_passed_on() -> None:
    one = made(weight=2.0, tier=3, max_concurrency=4, tags=("gpu",))

    assert (one.weight, one.tier, one.max_concurrency, one.tags) == (2.0, 3, 4, {"gpu"})


def test_extra_headers_are_sent_and_a_clients_own_are_not() -> None:
    one = made("https://api.anthropic.com/", headers={"X-Team": "a b", "Anthropic-Version": "x"})

    assert head(one)[2:] == ["x-team: a b", "anthropic-version: x", ""]
    assert {b"x-team", b"anthropic-version"} <= one.owns
    assert one.defaults == ()


def test_time_limits_of_its_own_go_over_the_gateways() -> None:
    own = EndpointTimeouts(connect_timeout_s=1.0, pool_idle_s=2.0)
    common = Timeouts(idle_s=7.0)

    settings = [EndpointSetting(url="http://a/", timeouts=own), EndpointSetting(url="http://b/")]
    with_own, without = make_endpoints(settings, {}, timeouts=common)

    assert with_own.timeouts == Timeouts(connect_s=1.0, idle_s=7.0, pool_idle_s=2.0)
    assert without.timeouts is None


def test_every_time_limit_of_an_endpoint_is_one_of_the_data_planes() -> None:
    every = dict.fromkeys(EndpointTimeouts.__struct_fields__, 1.0)

    one = made(timeouts=EndpointTimeouts(**every))

    assert list(msgspec.to_builtins(one.timeouts).values()).count(1.0) == len(every)


@pytest.mark.parametrize(
    ("url", "tags", "expected"),
    [
        ("http://192.168.1.5/", (), True),
        ("http://192.168.1.5/", ("cloud",), False),
        ("https://api.openai.com/", (), False),
        ("https://api.openai.com/", ("local",), True),
        ("http://nas/", ("local", "cloud"), False),
    ],
)
def test_a_tag_knows_better_than_the_address_what_is_local(
    url: str, tags: tuple[str, ...], expected: bool
) -> None:
    assert made(url, tags=tags).is_local is expected


def test_a_provider_that_is_named_is_believed() -> None:
    one = made("http://localhost:8000/", provider="llama.cpp")

    assert (one.provider, one.is_provider_given) == ("llama.cpp", True)
    assert (made().provider, made().is_provider_given) == ("openai-compatible", False)


def test_a_provider_nobody_knows_is_refused() -> None:
    with pytest.raises(BadSetting, match="did you mean ollama"):
        made(provider="olama")


@pytest.mark.parametrize(
    ("member", "text", "expected"),
    [
        ("provider", "vllm", None),
        ("provider", "vlm", "unknown kind of server, did you mean vllm?"),
        ("url", "http://a/", None),
    ],
)
def test_the_file_is_judged_by_the_catalog(member: str, text: str, expected: str | None) -> None:
    assert judge(member, text) == expected


def test_a_url_of_the_file_is_judged_without_its_secrets() -> None:
    told = judge("url", f"http://me:{CANARY}@a/")

    assert "user or a password" in (told or "")
    assert CANARY not in (told or "")


def test_what_is_known_of_a_server_is_not_said_of_another_of_its_name() -> None:
    states: dict[str, EndpointState] = {}
    names = ("kept", "moved", "gone")
    settings = [EndpointSetting(url=f"http://{name}/", name=name) for name in names]
    before = make_endpoints(settings, states)
    new = [settings[0], EndpointSetting(url="http://elsewhere/", name="moved")]

    after = with_own_states(make_endpoints(new, states), before, states)

    assert after[0].state is before[0].state
    assert after[1].state is not before[1].state
    assert {one.name: one.state for one in after} == states


@pytest.mark.parametrize(
    ("url", "is_well"),
    [
        ("http://192.168.1.5/", True),
        ("http://localhost:11434/", True),
        ("https://api.openai.com/", False),
    ],
)
def test_only_a_local_address_may_be_local_only(url: str, is_well: bool) -> None:
    assert (judge("local_only", url) is None) is is_well


def test_locality_and_prices_are_passed_on() -> None:
    one = made(local_only=True, input_price=1.0, output_price=2.0)

    assert (one.local_only, one.input_price, one.output_price) == (True, 1.0, 2.0)


@pytest.mark.parametrize(
    "url", ["http://box:9000", "https://api.anthropic.com", "https://x.openai.azure.com"]
)
def test_without_its_key_an_endpoint_is_the_same_but_for_that(url: str) -> None:
    with_key = make_endpoints([EndpointSetting(url=url, key="sk-1", headers={"x-team": "a"})], {})[
        0
    ]
    bare = make_endpoints([EndpointSetting(url=url, headers={"x-team": "a"})], {})[0]

    stripped = without_key(with_key)

    assert (stripped.fixed_head, stripped.has_key) == (bare.fixed_head, False)
    assert (stripped.own_heads, bare.own_heads) == ({}, {})


@pytest.mark.parametrize(
    ("provider", "dialects", "keeps"),
    [
        ("openai", (), True),
        ("azure", (), True),
        ("llama.cpp", (), False),
        ("openai", ("openai.chat",), False),
    ],
)
def test_responses_are_kept_where_the_provider_does_and_is_asked_in_its_own_words(
    provider: str, dialects: tuple[str, ...], keeps: bool
) -> None:
    setting = EndpointSetting(url="http://a/", provider=provider, dialects=dialects)

    [endpoint] = make_endpoints((setting,), {})

    assert endpoint.keeps_responses is keeps
