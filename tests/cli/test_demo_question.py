import json
import shlex
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from multillama.cli import demo_question
from multillama.cli.demo_question import QUESTION, Conversation, DemoFailure, ask, curl_lines
from tests.cli.conftest import Report, Started

COMPLETION = {"choices": [{"message": {"role": "assistant", "content": "Paris.\nIt is."}}]}


@pytest.fixture
def server():
    """An HTTP server on loopback with one answer; it remembers what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.asked.append((self.path, json.loads(body)))
            status, answer = self.server.answer
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args):
            """The tests' output stays clean."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        server.answer = (200, json.dumps(COMPLETION).encode())
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_question_is_a_chat_completion(server):
    answer = ask(server.url, QUESTION)

    [(path, body)] = server.asked
    assert answer == "Paris.\nIt is."
    assert path == "/v1/chat/completions"
    assert body["model"] == "smollm2-135m"
    assert body["messages"] == [{"role": "user", "content": QUESTION}]


def test_the_question_does_not_go_through_a_proxy_of_the_environment(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert ask(server.url, QUESTION)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (503, b'{"error":"loading"}', 'status 503: {"error":"loading"}'),
        (200, b"<html>", "DecodeError"),
        (200, b'{"choices":[]}', "IndexError"),
        (200, b'{"choices":[{}]}', "ValidationError"),
    ],
)
def test_an_answer_that_is_none_says_why(server, status, body, expected):
    server.answer = (status, body)

    with pytest.raises(DemoFailure) as caught:
        ask(server.url, QUESTION)

    assert expected in str(caught.value)


def test_a_gateway_that_is_gone_says_why():
    with pytest.raises(DemoFailure, match="ConnectionRefusedError"):
        ask("http://127.0.0.1:9", QUESTION)


@pytest.mark.parametrize(("line", "path"), [(0, "/v1/chat/completions"), (1, "/v1/embeddings")])
def test_the_curl_lines_work_as_they_are(server, line, path):
    command = curl_lines(server.url)[line]

    subprocess.run(
        [*shlex.split(command), "-sf", "--noproxy", "*"], check=True, capture_output=True
    )

    [(asked, body)] = server.asked
    assert asked == path
    assert body["model"].startswith("smollm2-135m")


def conversation(url):
    ended = threading.Event()
    conversation = Conversation(ended.set)
    conversation.on_started(Started(f"{url}/", (Report("127.0.0.1:1"),)))
    assert ended.wait(10)
    return conversation


def test_question_answer_and_what_to_try_next_are_shown(server, capsys):
    done = conversation(server.url)

    out, err = capsys.readouterr()
    assert done.is_answered
    assert "endpoint 127.0.0.1:1" in err
    assert f"Question: {QUESTION}\nAnswer:   Paris. It is.\n" in out
    assert all(f"  {line}\n" in out for line in curl_lines(server.url))
    assert f"See it: {server.url}/\n" in out


def test_a_question_without_an_answer_is_one_line_and_ends_too(server, capsys):
    server.answer = (500, b"a\nb")

    done = conversation(server.url)

    assert not done.is_answered
    assert "Error: the question was not answered: status 500: a b\n" in capsys.readouterr().err


def test_a_limit_is_set_for_the_answer(server, monkeypatch):
    seen = []
    real = demo_question.HTTPConnection
    monkeypatch.setattr(
        demo_question,
        "HTTPConnection",
        lambda *args, timeout: seen.append(timeout) or real(*args, timeout=timeout),
    )

    ask(server.url, QUESTION)

    assert seen == [demo_question.ANSWER_TIMEOUT_S]
