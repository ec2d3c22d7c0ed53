import io
import os

import pytest

from multillama.cli.output import UNBOUNDED, one_line, show_endpoints, show_models, width_of
from tests.cli.conftest import Report

UP = Report("api.openai.com", models=2)
DOWN = Report(
    "localhost:11434", provider="ollama", has_key=False, error="cannot be reached; is it running?"
)
RUDE = Report("a", provider="x", models=1, error="[red]\x1b[31mgo\nne\u202e")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


def shown(show, rows, stream):
    show(rows, stream)
    return stream.getvalue()


def test_a_pipe_gets_one_plain_line_for_each_endpoint():
    text = shown(show_endpoints, [UP, DOWN], io.StringIO())

    assert text == (
        "endpoint api.openai.com (openai, key given): 2 models after 12 ms\n"
        "endpoint localhost:11434 (ollama, no key): failed: cannot be reached; is it running?\n"
    )


def test_a_terminal_gets_a_table_with_every_fact():
    text = shown(show_endpoints, [UP, DOWN], Terminal())

    for fact in ("Endpoint", "Kind", "Key", "api.openai.com", "openai", "given", "2 models",
                 "12 ms", "localhost:11434", "ollama", "none", "cannot be reached"):  # fmt: skip
        assert fact in text


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (Report("a", models=0), "0 models after 12 ms"),
        (Report("a", took_ms=None), "no answer yet"),
        (Report("a", models=9, error="gone"), "failed: gone"),
        (Report("a", models=9, note="well-known names are used"), "9 models (well-known names are"),
    ],
)
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_the_result_says_how_it_stands(report, expected, stream):
    words = shown(show_endpoints, [report], stream()).split()

    assert set(expected.split()) - {"after"} <= set(words)


def test_one_model_is_not_several():
    assert "1 model after" in shown(show_endpoints, [Report("a", models=1)], io.StringIO())


@pytest.mark.parametrize("name", ["endpoint.with-a-long-name.example.internal:8080", "a" * 300])
def test_a_table_is_readable_at_80_columns(name):
    reports = [UP, DOWN._replace(name=name, error="because " * 30)]

    text = shown(show_endpoints, reports, Terminal())

    assert max(map(len, text.splitlines())) <= 80
    assert name[:15] in text


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_strangers_words_are_neither_markup_nor_control_codes(stream):
    text = shown(show_endpoints, [RUDE], stream())

    assert "[red]" in text
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert "go ne" in text


def test_models_in_a_pipe_are_easy_to_cut():
    text = shown(show_models, [("llama3:8b", ("a", "b")), ("gpt\n5", ("a",))], io.StringIO())

    assert text == "llama3:8b\ta, b\ngpt 5\ta\n"


def test_models_on_a_terminal_are_a_table():
    text = shown(show_models, [("llama3:8b", ("a", "b"))], Terminal())

    assert "Model" in text
    assert "llama3:8b" in text
    assert "a, b" in text


def test_a_line_has_no_line_breaks():
    assert one_line("a\r\nb\x00c\u2028d\n") == "a  b c d"


@pytest.mark.parametrize("columns", [200, 120, 80])
def test_a_table_is_as_wide_as_it_needs_and_the_terminal_has(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    reason = "It cannot be reached: " + "because " * 8 + "of that."

    text = shown(show_endpoints, [DOWN._replace(error=reason)], Terminal())

    assert max(map(len, text.splitlines())) <= columns
    assert (reason in text) is (columns == 200)


def test_a_narrow_terminal_gets_lines_which_it_wraps_itself(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")

    text = shown(show_endpoints, [UP, DOWN], Terminal())

    assert text == shown(show_endpoints, [UP, DOWN], io.StringIO())


@pytest.mark.parametrize(("told", "columns"), [(132, 132), (0, UNBOUNDED)])
def test_a_terminal_is_asked_whatever_it_calls_itself(monkeypatch, told, columns):
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((told, 24)))

    with open(os.devnull, "w", encoding="ascii") as stream:
        assert width_of(stream) == columns


@pytest.mark.parametrize("given", ["", "0", "wide", "²"])
def test_columns_that_are_no_number_are_not_given(monkeypatch, given):
    monkeypatch.setenv("COLUMNS", given)

    assert width_of(Terminal()) == UNBOUNDED


def test_where_the_width_is_unknown_nothing_is_wrapped(monkeypatch):
    monkeypatch.delenv("COLUMNS")
    reason = "because " * 40 + "."

    assert reason in shown(show_endpoints, [DOWN._replace(error=reason)], Terminal())
