"""What `multillama explain` asks and says, of a server that is only a script."""

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from multillama.cli.explain import show_choice, show_list, show_story
from multillama.cli.main import run
from multillama.core.decision import Choice, Considered, Decision, Tried
from multillama.core.record import Record

STORY = Decision(
    id="a-1", at=0.0, operation="chat", model="m1", endpoint="b", status=200, total_ms=12.0,
    strategy="ordered", considered=(Considered("a", "m1"), Considered("b", "m1")),
    attempts=[
        Tried(endpoint="a", begun_ms=0.0, over_ms=2.0, cause="closed", text="It \x1b[2Jclosed.",
              then="tried the next target"),
        Tried(endpoint="b", role="next", begun_ms=2.0, first_byte_ms=9.0, over_ms=12.0, status=200),
    ],
)  # fmt: skip
RECORD = Record(
    id="a-1", at=0.0, operation="chat", model="m1", endpoint="b", status=502, outcome="failed",
    error="endpoint_closed", total_ms=12.0,
)  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Scripted:
    """A server that gives the same answer to everybody, and notes what it is asked."""

    def __init__(self):
        self.status, self.body = 200, msgspec.json.encode(STORY)
        self.asked = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                scripted.asked.append((self.path, self.headers["authorization"]))
                self.send_response(scripted.status)
                self.send_header("content-length", str(len(scripted.body)))
                self.end_headers()
                self.wfile.write(scripted.body)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    def refuse(self, status, code, message):
        self.status = status
        self.body = json.dumps({"error": {"code": code, "message": message}}).encode()


@pytest.fixture
def scripted():
    running = Scripted()
    running.thread.start()
    yield running
    running.server.shutdown()
    running.thread.join()
    running.server.server_close()


def test_a_story_is_told_in_lines_where_no_terminal_is(scripted, capsys):
    code = run(["explain", "a-1", "--url", scripted.url])

    lines = capsys.readouterr().out.splitlines()
    assert (code, scripted.asked) == (0, [("/multillama/exchanges/a-1.json", None)])
    assert lines[1] == "The client has the whole answer: 200 from b, after 12 ms."
    assert "first\ta\t0.0 ms\t-\t2.0 ms\t-\tclosed: It  [2Jclosed. → tried the next target" in lines
    assert "next\tb\t2.0 ms\t9.0 ms\t12 ms\t200\tanswered" in lines
    assert lines[-2:] == ["1\ta\tm1\t\t", "2\tb\tm1\t\t"]


def test_a_terminal_gets_tables(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()

    show_story(STORY, terminal)

    shown = terminal.getvalue()
    assert "Attempt" in shown
    assert "What happened" in shown
    assert "tried the next target" in shown
    assert "\t" not in shown
    assert "\x1b[2J" not in shown


def test_a_story_without_attempts_has_no_empty_tables():
    stream = io.StringIO()

    show_story(Decision(id="a-1", at=0.0, operation="chat", outcome="refused"), stream)

    assert "Attempts" not in stream.getvalue()
    assert "strategy" not in stream.getvalue()


def test_without_an_id_the_newest_are_listed(scripted, capsys):
    scripted.body = msgspec.json.encode({"exchanges": [RECORD]})

    code = run(["explain", "--url", f"{scripted.url}/behind/"])

    (line,) = capsys.readouterr().out.splitlines()
    assert code == 0
    assert scripted.asked == [("/behind/multillama/exchanges", None)]
    assert line.split("\t")[1:] == [
        "a-1", "502", "m1", "b", "12 ms", "failed: endpoint_closed",
    ]  # fmt: skip


def test_no_request_yet_is_said_so():
    stream = io.StringIO()

    show_list([], stream)

    assert stream.getvalue() == "No request yet.\n"


def test_a_dry_run_names_the_model_as_it_is(scripted, capsys):
    scripted.body = msgspec.json.encode(
        Choice(model="a/b c", considered=(Considered("desk", "m1", 1.0, now=("local",)),))
    )

    code = run(["explain", "--dry-run", "a/b c", "--url", scripted.url])

    out = capsys.readouterr().out
    assert (code, scripted.asked[0][0]) == (0, "/multillama/plan?model=a%2Fb+c")
    assert "nothing was sent" in out
    assert "1\tdesk\tm1\t1\tlocal" in out


def test_a_choice_of_nobody_is_only_its_head():
    stream = io.StringIO()

    show_choice(Choice(model="m1"), stream)

    assert stream.getvalue() == "A request for m1 now; nothing was sent.\n"


def test_json_is_what_the_gateway_said(scripted, capsys):
    code = run(["explain", "a-1", "--json", "--url", scripted.url])

    assert code == 0
    assert json.loads(capsys.readouterr().out) == json.loads(scripted.body)


@pytest.mark.parametrize("way", ["flag", "variable"])
def test_the_key_goes_along(scripted, monkeypatch, way):
    flags = ["--api-key", "env:K"] if way == "flag" else []
    monkeypatch.setenv("K" if way == "flag" else "MULTILLAMA_API_KEY", "sekrit")

    code = run(["explain", "a-1", *flags, "--url", scripted.url])

    assert code == 0
    assert scripted.asked[0][1] == "Bearer sekrit"


def test_the_port_of_the_variable_is_asked(scripted, monkeypatch):
    monkeypatch.setenv("MULTILLAMA_PORT", str(scripted.server.server_port))

    code = run(["explain", "a-1"])

    assert (code, len(scripted.asked)) == (0, 1)


def test_nothing_there_says_how_to_go_on(scripted, capsys):
    import socket

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        code = run(["explain", "a-1", "--url", url])

    err = capsys.readouterr().err
    assert code == 1
    assert f"No gateway answers at {url}: Connection refused." in err
    assert "--url" in err


@pytest.mark.parametrize(
    ("flags", "told"), [([], "it asks for its key"), (["--api-key", "env:K"], "--api-key is wrong")]
)
def test_a_key_that_is_missing_or_wrong_is_told_apart(scripted, monkeypatch, capsys, flags, told):
    monkeypatch.setenv("K", "wrong")
    scripted.refuse(401, "invalid_api_key", "No.")

    code = run(["explain", "a-1", "--url", scripted.url, *flags])

    err = capsys.readouterr().err
    assert code == 1
    assert told in err
    assert "--api-key env:NAME" in err


def test_an_unknown_id_is_told_in_the_gateways_words(scripted, capsys):
    scripted.refuse(404, "exchange_not_found", "The newest 1,000 are kept.")

    code = run(["explain", "gone", "--url", scripted.url])

    assert (code, capsys.readouterr().err) == (1, "Error: The newest 1,000 are kept.\n")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"error":{"code":"path_not_found","message":"No."}}'),
        (404, b"<html>"),
        (500, b'{"error":"no object"}'),
        (302, b"[]"),
        (200, b"<html>"),
    ],
)
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_who_is_no_gateway_of_ours_is_told_so(scripted, capsys, status, body, as_json):
    scripted.status, scripted.body = status, body
    code = run(["explain", "a-1", "--url", scripted.url, *as_json])

    assert code == 1
    assert "is no MultiLlama that can explain" in capsys.readouterr().err


def test_an_answer_of_another_shape_is_no_story(scripted, capsys):
    scripted.body = b'{"id":1}'

    code = run(["explain", "a-1", "--url", scripted.url])

    assert code == 1
    assert "is no MultiLlama that can explain" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args",
    [
        ["a-1", "--dry-run", "m1"],
        ["--url", "localhost:3000"],
        ["--url", "ftp://localhost"],
        ["--url", "http://localhost:99999"],
        ["--url", "http://"],
    ],
)
def test_wrong_usage_is_told(capsys, args):
    code = run(["explain", *args])

    assert code == 2
    assert capsys.readouterr().err.startswith("Error: ")


def test_a_list_tells_who_has_waited():
    stream = io.StringIO()

    show_list([RECORD, msgspec.structs.replace(RECORD, queue_ms=2985.0)], stream)

    first, second = stream.getvalue().splitlines()
    assert "waited" not in first
    assert second.endswith(", waited 3.0 s")
