import json
import re
import unicodedata

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from multillama.core.record import Record
from multillama.observe.lines import (
    LONGEST,
    Event,
    JsonLines,
    Redactor,
    TextLines,
    duration,
    escape,
    size,
)
from tests.observe.samples import ANSWER, REFUSAL, SECRET

# Everything a client or an endpoint can put in, with the characters that do harm more likely.
HOSTILE = st.text(
    st.one_of(st.characters(), st.sampled_from("\x00\x07\n\r\x1b\x7f\x85\x9b\u2028\u202e\ud800[]m"))
)
CSI = re.compile(r"\x1b\[[0-9]*m")


def text_of(line: bytes) -> str:
    return line.decode()


def test_a_text_line_tells_where_a_request_went_and_how_it_ended():
    line = text_of(TextLines(colour=False).record(ANSWER))

    assert re.fullmatch(
        r"\d\d:\d\d:\d\d 200 chat +gpt-5 +→ api\.openai\.com +312 ms first +1\.9 s total"
        r" +1\.2 kB→4\.8 kB +19\+304 tok\n",
        line,
    )


def test_the_columns_of_two_text_lines_are_aligned():
    other = replace(ANSWER, operation="embeddings", model="nomic-embed-text", total_ms=3.0)

    lines = [text_of(TextLines(colour=False).record(record)) for record in (ANSWER, other)]

    assert [line.index("→") for line in lines] == [lines[0].index("→")] * 2
    assert [line.index("total") for line in lines] == [lines[0].index("total")] * 2
    assert [line.index("tok") for line in lines] == [lines[0].index("tok")] * 2


@pytest.mark.parametrize("colour", [True, False])
def test_a_long_text_line_is_left_to_the_terminal_to_wrap(monkeypatch, colour):
    monkeypatch.setenv("COLUMNS", "40")
    lines = TextLines(colour=colour)
    long = "because of that " * 12

    texts = [
        text_of(lines.record(replace(REFUSAL, error_text=long))),
        text_of(lines.event(Event(at=1.0, name="endpoint_down", text=long, is_warning=True))),
    ]

    assert [(text.count("\n"), long in text) for text in texts] == [(1, True)] * 2


def test_a_text_line_names_the_endpoints_that_were_tried_before():
    record = replace(ANSWER, attempts=2, tried=("localhost:8000: connect_timeout",))

    line = text_of(TextLines(colour=False).record(record))

    assert line.endswith("19+304 tok  after localhost:8000: connect_timeout  id r1\n")


def test_a_text_line_of_a_refusal_says_why_and_what_was_asked():
    line = text_of(TextLines(colour=False).record(REFUSAL))

    assert line.endswith(
        "  refused (model_not_found: No endpoint has the model.)  POST /v1/chat/completions  id r2\n"
    )


def test_a_text_line_of_a_client_that_left_says_so():
    record = replace(ANSWER, outcome="cancelled", status=499, error="client_gone")

    line = text_of(TextLines(colour=False).record(record))

    assert line.endswith("  cancelled (client_gone)  id r1\n")


@pytest.mark.parametrize(
    ("status", "colour"), [(200, "32"), (302, "36"), (404, "33"), (502, "31"), (0, "")]
)
def test_the_status_has_the_colour_of_its_class(status, colour):
    line = text_of(TextLines(colour=True).record(replace(ANSWER, status=status)))

    assert (f"\x1b[{colour}m" if colour else "") + f"{status}\x1b[0m" in line


def test_without_colour_there_is_no_escape_sequence():
    lines = TextLines(colour=False)

    written = lines.record(REFUSAL) + lines.event(Event(at=0, name="x", text="x", is_warning=True))

    assert b"\x1b" not in written


def test_a_warning_stands_out_without_colour_too():
    lines = TextLines(colour=False)

    plain = text_of(lines.event(Event(at=0, name="reload", text="Reloaded.")))
    warning = text_of(lines.event(Event(at=0, name="reload", text="Reloaded.", is_warning=True)))

    assert plain[8:] == "  ·  Reloaded.\n"
    assert warning[8:] == "  !  Reloaded.\n"


def test_a_warning_has_a_colour_on_a_terminal():
    lines = TextLines(colour=True)

    line = text_of(lines.event(Event(at=0, name="x", text="Down.", is_warning=True)))

    assert line.endswith("\x1b[0m  !  \x1b[33mDown.\x1b[0m\n")


@given(model=HOSTILE, endpoint=HOSTILE, path=HOSTILE, text=HOSTILE, operation=HOSTILE)
def test_nothing_a_stranger_writes_forges_a_text_line(model, endpoint, path, text, operation):
    record = replace(
        REFUSAL,
        model=model,
        path=path,
        error_text=text,
        operation=operation,
        tried=(endpoint,),
    )

    line = text_of(TextLines(colour=True).record(record))

    seen = CSI.sub("", line[:-1])  # our own colours
    assert line.endswith("\n")
    assert seen.isprintable()


@given(text=HOSTILE)
def test_rich_markup_and_escapes_in_an_event_are_only_text(text):
    line = text_of(TextLines(colour=False).event(Event(at=0, name="x", text="[red]" + text)))

    assert line[8:] == "  ·  [red]" + escape(text) + "\n"
    assert line[:-1].isprintable()


def test_escaping_shows_what_was_there():
    assert escape("a\x1b[31m\n\u202eb") == r"a\x1b[31m\n\u202eb"


def test_escaping_leaves_names_of_all_scripts_alone():
    assert escape("qwen 通义 модель é") == "qwen 通义 модель é"


def test_a_json_line_has_every_field_of_the_record_and_the_time():
    line = json.loads(JsonLines().record(ANSWER))

    assert set(line) == {"time", "event", *Record.__struct_fields__}
    assert (line["time"], line["event"]) == ("2026-08-05T03:20:00.250Z", "exchange")
    assert (line["model"], line["tried"], line["stream"]) == ("gpt-5", [], False)


def test_a_json_event_has_its_facts_and_cannot_lose_its_name_to_one():
    facts = {"endpoint": "a", "time": "never", "event": "other", "level": "none", "when": {1}}

    line = json.loads(JsonLines().event(Event(at=0.5, name="endpoint_down", text="t", facts=facts)))

    assert line == {
        "time": "1970-01-01T00:00:00.500Z",
        "event": "endpoint_down",
        "level": "info",
        "text": "t",
        "endpoint": "a",
        "when": [1],
    }


def test_a_json_warning_has_its_level():
    line = json.loads(JsonLines().event(Event(at=0, name="x", text="t", is_warning=True)))

    assert line["level"] == "warning"


@given(model=HOSTILE, path=HOSTILE)
def test_a_json_line_is_one_printable_line_that_gives_the_text_back(model, path):
    line = JsonLines().record(replace(REFUSAL, model=model, path=path))

    read = json.loads(line)
    assert line.endswith(b"\n")
    assert line[:-1].decode().isprintable()
    assert read["model"] == model.encode("utf-8", "backslashreplace").decode()
    assert read["path"] == path.encode("utf-8", "backslashreplace").decode()


@given(st.lists(st.sampled_from(["gpt-5", "a\nb\r", "caf\xe9", "\x7f", "\ud800"]), max_size=5))
@pytest.mark.parametrize("lines", [JsonLines(), TextLines(colour=False)])
def test_many_records_are_the_same_lines_as_each_alone(lines, models):
    records = [replace(ANSWER, model=model, at=at * 0.7) for at, model in enumerate(models)]

    assert lines.records(records) == b"".join(lines.record(record) for record in records)


def test_half_of_a_surrogate_pair_is_shown_wherever_it_is_in_an_event():
    facts = {"models": ["a\ud800"], "by": {"\udfff": 1}}

    line = JsonLines().event(Event(at=0, name="x", text="t\ud800", facts=facts))

    read = json.loads(line)
    assert (read["text"], read["models"], read["by"]) == (r"t\ud800", [r"a\ud800"], {r"\udfff": 1})


def test_the_json_escape_covers_every_character_that_is_not_printable():
    # U+E0001 is outside the basic plane: JSON writes it as a pair.
    unseen = "\x9b\u2028\U000e0001"
    assert all(unicodedata.category(c) in {"Cc", "Zl", "Cf"} for c in unseen)

    line = JsonLines().record(replace(REFUSAL, model=unseen))

    assert rb'"model":"\u009b\u2028\udb40\udc01"' in line


def test_events_of_one_second_share_a_time_and_the_next_second_has_its_own():
    lines = JsonLines()

    times = [
        json.loads(lines.event(Event(at=at, name="x", text="t")))["time"][17:]
        for at in (1.0, 1.999, 2.0, 1.0)
    ]

    assert times == ["01.000Z", "01.999Z", "02.000Z", "01.000Z"]


def test_a_key_that_a_client_sends_as_a_model_or_a_path_is_hidden():
    record = replace(
        REFUSAL,
        model=SECRET,
        path=f"/v1/{SECRET}",
        method=SECRET,
        error_text=f"No model {SECRET}.",
        tried=(f"a: {SECRET}",),
    )

    cleaned = Redactor([SECRET]).clean_record(record)

    assert (cleaned.model, cleaned.path, cleaned.method) == ("***", "/v1/***", "***")
    assert (cleaned.error_text, cleaned.tried) == ("No model ***.", ("a: ***",))


def test_a_key_is_hidden_everywhere_in_an_event():
    facts = {SECRET: [SECRET, {"url": f"http://u:{SECRET}@h/"}], "n": 1}
    event = Event(at=0, name="x", text=f"Key {SECRET} is bad.", facts=facts)

    cleaned = Redactor([SECRET]).clean_event(event)

    assert cleaned.text == "Key *** is bad."
    assert cleaned.facts == {"***": ["***", {"url": "http://u:***@h/"}], "n": 1}


def test_a_key_that_begins_another_key_leaves_no_tail():
    redactor = Redactor([SECRET, SECRET + "-tail"])

    assert redactor.clean_text(SECRET + "-tail") == "***"


def test_a_placeholder_key_is_a_word_and_stays():
    assert Redactor(["ollama"]).clean_text("ollama is up") == "ollama is up"


def test_half_a_key_is_not_left_where_a_text_is_cut():
    record = replace(REFUSAL, model="x" * (LONGEST - 5) + SECRET)

    cleaned = Redactor([SECRET]).clean_record(record)

    assert cleaned.model == "x" * (LONGEST - 5) + "***"


def test_a_model_name_as_long_as_a_body_is_cut():
    cleaned = Redactor().clean_record(replace(REFUSAL, model="x" * 1_000_000))

    assert cleaned.model == "x" * (LONGEST - 1) + "…"


def test_the_record_of_a_plain_answer_is_not_copied():
    assert Redactor([SECRET]).clean_record(ANSWER) is ANSWER


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "-"),
        (0.04, "0.0 ms"),
        (9.94, "9.9 ms"),
        (9.96, "10 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (59_949, "59.9 s"),
        (60_000, "1.0 min"),
    ],
)
def test_a_duration_reads_like_a_person_would_say_it(ms, text):
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_950, "1.0 MB")]
)
def test_a_size_reads_like_a_person_would_say_it(count, text):
    assert size(count) == text


def test_a_token_count_that_was_not_told_is_a_question_mark():
    line = text_of(TextLines(colour=False).record(replace(ANSWER, output_tokens=None)))

    assert line.endswith("19+? tok\n")


@pytest.mark.parametrize(
    "key",
    [
        "sk-abc123",
        "sk-proj-" + "aB3_-" * 30,
        "sk-ant-api03-0123456789abcdef",
        "gsk_0123456789abcdefABCD",
        "AIza" + "aB3_-" * 7,
        "hf_0123456789abcdefghij",
    ],
)
def test_what_looks_like_a_key_is_hidden_without_being_known(key):
    assert Redactor().clean_text(f"The model '{key}' is not served.") == (
        "The model '***' is not served."
    )


@pytest.mark.parametrize(
    "name",
    ["gpt-4o", "task-forty-two", "my-sk-learning-model", "sk-1", "hf_tiny", "risk-model-large",
     "meta-llama/Llama-3.3-70B-Instruct", "claude-sonnet-4-5-20250929"],
)  # fmt: skip
def test_names_of_models_do_not_look_like_keys(name):
    assert Redactor().clean_text(name) == name


def test_what_stands_behind_bearer_is_a_key():
    assert Redactor().clean_text("authorization: Bearer 0123456789") == "authorization: Bearer ***"


@pytest.mark.parametrize("cut", [100, 200])
def test_a_long_secret_is_hidden_where_an_error_has_cut_it(cut):
    secret = "long-and-secret-" * 20

    assert Redactor([secret]).clean_text(f"names '{secret[:cut]}', which") == "names '***', which"


@pytest.mark.parametrize(("queue_ms", "is_told"), [(None, False), (1_234.5, True)])
def test_a_wait_for_a_place_is_told(queue_ms, is_told):
    line = text_of(TextLines(colour=False).record(replace(ANSWER, queue_ms=queue_ms)))

    assert ("  waited 1.2 s for a place  id r1" in line) is is_told
