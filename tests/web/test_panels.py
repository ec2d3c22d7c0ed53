import msgspec
import pytest

from multillama.core.record import Record
from multillama.web.figures import UNKNOWN as DASH
from multillama.web.panels import RECENT, EndpointRow, ExchangeRow, ModelRow, Panels, search
from tests.web.fakes import FakeView, busy_view, endpoint, model, record


def endpoint_row(**facts: object) -> EndpointRow:
    return Panels(FakeView([endpoint(**facts)])).overview().endpoints[0]  # type: ignore[arg-type]


def exchange_row(shown: Record) -> ExchangeRow:
    return Panels(FakeView(recent=[shown])).overview().recent[0]


def test_an_endpoint_that_is_up_shows_its_figures_and_no_trouble() -> None:
    row = endpoint_row(first_byte_ms=182.4, models=3, requests=1204, tokens=12_345_678)

    assert row == EndpointRow(
        id="localhost:11434", tone="up", state="Up", name="localhost:11434",
        url="http://localhost:11434/", provider="Ollama", key="none", models="3", latency="182 ms",
        traits="cloud", in_flight="0", waiting="0", requests="1,204", failures="0", tokens="12.3 M",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({}, ""),
        ({"slots": 4, "busy": 1, "loaded": ("a",)}, "1 of 4 slots busy · holds a"),
        ({"slots": 1}, f"{DASH} of 1 slot busy"),
        ({"busy": 5}, "5 at work"),
        ({"loaded": ()}, "holds no model"),
        ({"loaded": ("a", "b", "c", "d", "e")}, "holds a, b, c and 2 more"),
    ],
)
def test_an_endpoint_shows_what_it_holds_and_how_busy_it_is(
    facts: dict[str, object], shown: str
) -> None:
    assert endpoint_row(**facts).warmth == shown


def test_what_is_paused_is_told() -> None:
    assert (
        endpoint_row(paused=("m: it failed.", "n: it failed.")).paused
        == "m: it failed. n: it failed."
    )


def test_an_error_that_is_over_is_told_as_the_last_one() -> None:
    row = endpoint_row(last_error="It answered 429.", last_error_age_s=840)

    assert (row.trouble, row.advice) == ("Last error, 14 min ago: It answered 429.", "")


def test_an_error_without_an_age_is_told_without_one() -> None:
    row = endpoint_row(state="down", last_error="It is gone.")

    assert row.trouble == "It is gone."


@pytest.mark.parametrize(
    ("url", "key", "error", "advice"),
    [
        ("http://localhost:8080/", "none", "connection refused", "Start this server"),
        ("http://[::1]:8080/", "none", "connection refused", "Start this server"),
        ("http://192.168.1.20:4010/", "none", "connection refused", "Start this server"),
        ("https://api.openai.com/", "given", "name not found", "Check its URL"),
        (
            "https://api.openai.com/",
            "given",
            "It answered 401.",
            "Check the key given for it: --key, or key in",
        ),
        ("http://localhost:1/", "none", "Unauthorized", "Give it a key: --key, or"),
    ],
)
def test_an_endpoint_that_is_down_comes_with_its_fix(
    url: str, key: str, error: str, advice: str
) -> None:
    row = endpoint_row(state="down", url=url, key=key, last_error=error, last_error_age_s=61)

    assert row.trouble == f"1 min ago: {error}"
    assert row.advice.startswith(advice)


def test_an_endpoint_that_was_not_tried_says_so() -> None:
    row = endpoint_row(state="unknown")

    assert (row.state, row.trouble) == ("Not tried yet", "")
    assert row.advice.startswith("It has not answered yet.")


@pytest.mark.parametrize(
    ("states", "tone", "endpoints", "title"),
    [
        ((), "quiet", "No endpoint", "MultiLlama"),
        (("up",), "ok", "1 of 1 endpoint up", "MultiLlama"),
        (("unknown", "unknown"), "quiet", "0 of 2 endpoints up", "MultiLlama"),
        (("up", "down", "down"), "bad", "1 of 3 endpoints up", "2 down · MultiLlama"),
    ],
)
def test_the_summary_tells_how_things_stand(
    states: tuple[str, ...], tone: str, endpoints: str, title: str
) -> None:
    shown = [endpoint(f"e{number}", state=state) for number, state in enumerate(states)]

    summary = Panels(FakeView(shown)).overview().summary

    assert (summary.tone, summary.endpoints, summary.title) == (tone, endpoints, title)


def test_the_summary_adds_up_the_endpoints() -> None:
    shown = [endpoint("a", requests=1200, in_flight=2), endpoint("b", requests=4, in_flight=1)]

    summary = Panels(FakeView(shown, [model("m")])).overview().summary

    assert (summary.models, summary.requests, summary.in_flight) == (
        "1 model", "1,204 requests", "3 running",
    )  # fmt: skip


def test_an_exchange_shows_the_facts_of_its_record() -> None:
    row = exchange_row(
        record(
            0, model="gpt-4o", endpoint="api.openai.com", stream=True, first_byte_ms=331.2,
            input_tokens=2318, output_tokens=611,
        )
    )  # fmt: skip

    assert row == ExchangeRow(
        id="request-0", tone="ok", at="2026-01-01T12:00:00.000+00:00", time="12:00:00", model="gpt-4o",
        operation="chat, stream", endpoint="api.openai.com", status="200", first_byte="331 ms",
        total="812 ms", tokens="2,318 → 611",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "tone", "note"),
    [
        ({"outcome": "ok"}, "ok", ""),
        ({"outcome": "ok", "status": 429}, "warn", "the endpoint's own answer"),
        ({"outcome": "refused", "status": 404, "error": "model_not_found"}, "warn", "model_not_found"),
        ({"outcome": "failed", "status": 502, "error": "x", "error_text": "It is down."}, "bad", "It is down."),
        ({"outcome": "truncated"}, "bad", "the endpoint broke off"),
        ({"outcome": "cancelled", "error_text": "-"}, "quiet", "the client left"),
        ({"tried": ("a: connect_timeout", "b: endpoint_closed")}, "ok",
         "tried before: a: connect_timeout, b: endpoint_closed"),
        ({"outcome": "failed", "status": 502, "error_text": "Gone.", "tried": ("a: x",)}, "bad",
         "Gone. · tried before: a: x"),
    ],
)  # fmt: skip
def test_each_outcome_has_its_words(facts: dict[str, object], tone: str, note: str) -> None:
    row = exchange_row(record(**facts))

    assert (row.tone, row.note) == (tone, note)


@pytest.mark.parametrize(
    ("taken", "given", "text"), [(None, None, DASH), (5, None, "5 in"), (None, 7, "7 out")]
)
def test_tokens_that_nobody_reported_are_not_made_up(
    taken: int | None, given: int | None, text: str
) -> None:
    assert exchange_row(record(input_tokens=taken, output_tokens=given)).tokens == text


def test_what_is_unknown_of_an_exchange_is_a_dash() -> None:
    row = exchange_row(record())

    assert (row.model, row.endpoint, row.first_byte) == (DASH, DASH, DASH)


def test_only_the_newest_exchanges_are_shown() -> None:
    view = FakeView(recent=[record(number) for number in range(RECENT + 10)])

    shown = Panels(view).overview().recent

    assert [row.id for row in shown] == [f"request-{number}" for number in range(RECENT)]


def test_models_are_encoded_once_for_each_list() -> None:
    view = busy_view()
    panels = Panels(view)
    first = panels.models()

    same = panels.models()
    view.shown_models = (model("new", context=4096),)
    other = panels.models()

    assert same is first
    assert other.digest != first.digest
    assert msgspec.json.decode(other.json) == [
        {"id": "new", "endpoints": "localhost:11434", "context": "4,096"}
    ]


def test_search_finds_rows_that_hold_every_word() -> None:
    rows = [
        ModelRow("gpt-4o", "api.openai.com"),
        ModelRow("gpt-4o-mini", "api.openai.com"),
        ModelRow("qwen3:32b", "localhost:11434, gpu.lan:8080"),
    ]

    found = {
        query: [row.id for row in search(rows, query)] for query in ("", " MINI gpt", "gpu", "zz")
    }

    assert found == {
        "": ["gpt-4o", "gpt-4o-mini", "qwen3:32b"],
        " MINI gpt": ["gpt-4o-mini"],
        "gpu": ["qwen3:32b"],
        "zz": [],
    }


@pytest.mark.parametrize(
    ("warnings", "shown"),
    [((), ""), (("A.", "B."), "A. B."), (tuple("abcdefg"), "a b c d e And 2 more.")],
)
def test_warnings_are_shown_above_all(warnings: tuple[str, ...], shown: str) -> None:
    view = FakeView()
    view.shown_warnings = warnings

    assert Panels(view).overview().summary.warnings == shown


def test_a_wait_for_a_place_is_noted() -> None:
    view = FakeView(recent=[record(queue_ms=1_234.5), record()])

    rows = Panels(view).overview().recent

    assert [row.note for row in rows] == ["waited 1.23 s for a place", ""]


@pytest.mark.parametrize(
    ("facts", "running", "waiting"),
    [
        ({"in_flight": 3}, "3", "0"),
        ({"in_flight": 4, "limit": 4, "waiting": 12}, "4 of 4", "12"),
    ],
)
def test_an_endpoint_shows_who_runs_and_who_waits(
    facts: dict[str, object], running: str, waiting: str
) -> None:
    row = endpoint_row(**facts)

    assert (row.in_flight, row.waiting) == (running, waiting)


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({}, "cloud"),
        ({"is_local": True, "tier": 1}, "local · tier 1"),
        ({"is_local": True, "local_only": True, "tags": ("gpu", "local")}, "local only · gpu"),
    ],
)
def test_an_endpoint_shows_its_place_among_the_others(facts: dict[str, object], shown: str) -> None:
    assert endpoint_row(**facts).traits == shown


def test_an_endpoint_that_is_down_holds_nothing() -> None:
    row = endpoint_row(state="down", slots=4, busy=1, loaded=("a",))

    assert row.warmth == ""


def test_the_same_failure_twice_is_told_once() -> None:
    row = exchange_row(
        record(tried=("a: connect_timeout", "a: connect_timeout", "b: endpoint_closed"))
    )

    assert row.note == "tried before: a: connect_timeout (2 times), b: endpoint_closed"


def test_what_is_paused_ends_like_a_sentence() -> None:
    assert endpoint_row(paused=("m1: it failed", "m2: it failed.")).paused == (
        "m1: it failed. m2: it failed."
    )
