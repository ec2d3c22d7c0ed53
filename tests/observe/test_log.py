import io
import json
import resource
import sys
import threading
import timeit
import tracemalloc

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from multillama.observe import log as log_module
from multillama.observe.log import BATCH_LINES, NAMED_MODELS, PERIOD_S, QUEUE_LINES, Log
from tests.observe.samples import ANSWER, REFUSAL, SECRET, Pipe, fill

FEW = 3


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    pipe.close()


def started(stream, **options) -> Log:
    log = Log(stream, **options)
    log.start()
    return log


def parsed(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def names(lines: list[dict]) -> list[str]:
    return [line["event"] for line in lines]


def test_records_and_events_come_out_in_order(pipe):
    log = started(pipe.writer)

    log.event("started", "Ready.")
    log.record(ANSWER)
    log.record(REFUSAL)
    lines = pipe.read_lines(3)

    log.close()
    assert names(lines) == ["started", "exchange", "exchange"]
    assert [line["id"] for line in lines[1:]] == ["r1", "r2"]


def test_a_line_comes_out_by_itself_without_another_one_pushing_it(pipe):
    log = started(pipe.writer)

    log.record(ANSWER)
    first = pipe.read_lines(1)
    log.record(REFUSAL)
    second = pipe.read_lines(1)

    log.close()
    assert (first[0]["id"], second[0]["id"]) == ("r1", "r2")


def test_what_was_logged_before_the_start_is_not_lost():
    stream = io.StringIO()
    log = Log(stream)

    log.event("found", "Found one endpoint.")
    log.start()
    log.close()

    assert names(parsed(stream)) == ["found"]


def test_a_log_that_never_started_still_writes_when_it_is_closed():
    stream = io.StringIO()
    log = Log(stream)

    log.event("failed", "The port is in use.")
    log.close()

    assert names(parsed(stream)) == ["failed"]


def test_flush_waits_until_all_is_written():
    stream = io.StringIO()
    log = started(stream)

    for _ in range(BATCH_LINES + 1):
        log.record(ANSWER)
    was_written = log.flush()

    written = len(parsed(stream))
    log.close()
    assert (was_written, written) == (True, BATCH_LINES + 1)


def test_the_form_is_text_on_a_terminal_and_json_elsewhere():
    outputs = {}
    for format, is_terminal in [("auto", True), ("auto", False), ("text", False), ("json", True)]:
        stream = io.StringIO()
        log = Log(stream, format=format, is_terminal=is_terminal)
        log.record(ANSWER)
        log.close()
        outputs[format, is_terminal] = stream.getvalue()

    assert "\x1b[32m200" in outputs["auto", True]
    assert outputs["auto", False].startswith('{"time"')
    assert " 200 chat" in outputs["text", False]
    assert "\x1b" not in outputs["text", False]
    assert outputs["json", True].startswith('{"time"')


def test_an_endpoint_that_is_up_is_named_with_its_models():
    stream = io.StringIO()
    log = Log(stream)

    log.endpoint_up("api.openai.com", models=["gpt-5", "gpt-5-mini"], took_ms=312.0)
    log.close()

    [line] = parsed(stream)
    assert line["text"] == (
        "api.openai.com is up with 2 models, listed in 312 ms: gpt-5, gpt-5-mini"
    )
    assert (line["endpoint"], line["models"]) == ("api.openai.com", ["gpt-5", "gpt-5-mini"])


def test_of_many_models_the_text_names_the_first_and_json_all():
    models = [f"m{n}" for n in range(NAMED_MODELS + 5)]
    stream = io.StringIO()
    log = Log(stream)

    log.endpoint_up("a", models=models, took_ms=1.0)
    log.close()

    [line] = parsed(stream)
    assert line["text"].endswith(f"m{NAMED_MODELS - 1} and 5 more")
    assert line["models"] == models


def test_an_endpoint_without_models_has_no_empty_list_in_its_text():
    stream = io.StringIO()
    log = Log(stream)

    log.endpoint_up("a", models=[], took_ms=1.0)
    log.close()

    assert parsed(stream)[0]["text"] == "a is up with 0 models, listed in 1.0 ms"


def test_an_endpoint_that_is_down_is_a_warning_with_the_reason():
    stream = io.StringIO()
    log = Log(stream)

    log.endpoint_down("a", reason="Connection refused.")
    log.close()

    [line] = parsed(stream)
    assert line["text"] == "a is down: Connection refused."
    assert (line["level"], line["endpoint"]) == ("warning", "a")


@pytest.mark.parametrize("format", ["text", "json"])
def test_no_configured_key_comes_out_in_any_line(format):
    stream = io.StringIO()
    log = Log(stream, format=format, secrets=[SECRET])

    log.record(replace(REFUSAL, model=SECRET, path=f"/{SECRET}", error_text=SECRET))
    log.event("x", f"Tried {SECRET}.", key=SECRET, keys=[SECRET])
    log.endpoint_down("a", reason=f"401 for {SECRET}")
    log.close()

    assert stream.getvalue().count("\n") == 3
    assert SECRET not in stream.getvalue()
    assert "***" in stream.getvalue()


@settings(max_examples=50)
@given(texts=st.lists(st.text(), min_size=1, max_size=5), format=st.sampled_from(["text", "json"]))
def test_every_logged_thing_is_exactly_one_line(texts, format):
    stream = io.StringIO()
    log = Log(stream, format=format)

    for text in texts:
        log.event("x", text, text=text)
        log.record(replace(REFUSAL, model=text))
    log.close()

    assert len(stream.getvalue().splitlines()) == 2 * len(texts)


def test_a_reader_that_does_not_read_costs_lines_not_time_nor_memory(pipe):
    fill(pipe.writer)
    log = started(pipe.writer)
    for _ in range(2 * QUEUE_LINES):
        log.record(ANSWER)

    tracemalloc.start()
    seconds = timeit.timeit(lambda: log.record(ANSWER), number=10_000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    log.close(timeout_s=0)
    assert log.dropped >= QUEUE_LINES
    assert grown < 100_000
    assert seconds < 1  # 100 µs each, where it takes 0.1: a wait would take for ever


def test_when_the_reader_comes_back_it_is_told_what_it_missed(pipe, monkeypatch):
    monkeypatch.setattr(log_module, "QUEUE_LINES", FEW)
    log = Log(pipe.writer)
    for _ in range(FEW + 2):
        log.record(ANSWER)

    log.start()
    lines = pipe.read_lines(FEW + 1)
    log.record(ANSWER)
    after = pipe.read_lines(1)

    log.close()
    assert names(lines) == ["lines_lost", *["exchange"] * FEW]
    assert (lines[0]["lines"], lines[0]["level"]) == (2, "warning")
    assert names(after) == ["exchange"]  # told once


def test_a_blocked_reader_holds_up_the_close_for_its_time_limit_only(pipe):
    fill(pipe.writer)
    log = started(pipe.writer)
    for _ in range(3 * BATCH_LINES):
        log.record(ANSWER)

    seconds = timeit.timeit(lambda: log.close(timeout_s=0.2), number=1)

    assert seconds < 2
    assert log.dropped == 3 * BATCH_LINES


def test_a_reader_that_is_slow_gets_the_rest_while_the_log_closes(pipe):
    held = fill(pipe.writer)
    log = started(pipe.writer)
    log.record(ANSWER)
    closing = threading.Thread(target=log.close)
    closing.start()

    full = pipe.read(held)
    lines = pipe.read_lines(1)

    closing.join()
    assert (len(full), names(lines), log.dropped) == (held, ["exchange"], 0)


def test_a_reader_that_has_gone_harms_nothing(pipe):
    log = started(pipe.writer)
    pipe.close_reader()

    log.record(ANSWER)
    is_read = log.flush()
    log.record(ANSWER)
    log.flush()
    log.close()

    assert not is_read
    assert log.dropped == 2


def test_lines_lost_to_a_full_disk_are_counted_and_told_when_there_is_room(tmp_path):
    path = tmp_path / "log"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open("wb") as file:
        log = started(file.fileno())

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            for _ in range(FEW):
                log.record(ANSWER)
            log.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        log.record(REFUSAL)
        log.close()

    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert names(lines) == ["lines_lost", "exchange"]
    assert lines[0]["lines"] == FEW


def test_flush_gives_up_on_a_blocked_reader(pipe):
    fill(pipe.writer)
    log = started(pipe.writer)
    log.record(ANSWER)

    was_written = log.flush(timeout_s=0.05)

    log.close(timeout_s=0)
    assert not was_written


def test_a_quiet_log_does_not_wake_up():
    log = started(io.StringIO())
    log.record(ANSWER)
    log.flush()
    [thread] = [thread for thread in threading.enumerate() if thread.name == "multillama-log"]
    thread.join(timeout=3 * PERIOD_S)  # the thread goes back to its long sleep

    before = switches(thread)
    thread.join(timeout=4 * PERIOD_S)
    woken = switches(thread) - before

    log.close()
    assert woken == 0


def switches(thread: threading.Thread) -> int:
    """Times the kernel has put a thread to sleep."""
    with open(f"/proc/self/task/{thread.native_id}/status") as status:
        return sum(int(line.split()[1]) for line in status if line.startswith("voluntary"))


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer's time is not ours")
def test_logging_an_exchange_costs_the_event_loop_less_than_two_microseconds(capsys, monkeypatch):
    monkeypatch.setattr(log_module, "QUEUE_LINES", 1_000_000)
    log = Log(io.StringIO())

    best = min(timeit.repeat(lambda: log.record(ANSWER), number=10_000, repeat=10)) / 10_000

    with capsys.disabled():
        print(f" record: {best * 1e6:.2f} µs ", end="")
    assert best < 2e-6


def test_what_becomes_a_secret_later_is_hidden_from_then_on():
    stream = io.StringIO()
    log = Log(stream, format="json", secrets=["first-secret"])

    log.hide(["second-secret"])
    log.event("e", "first-secret second-secret")
    log.close()

    assert "secret" not in stream.getvalue()
