"""Asks the demo's model one question through the gateway, and shows how to ask the next."""

import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click
import msgspec

from multillama.cli.demo_endpoints import CHAT_MODEL, EMBEDDINGS_MODEL
from multillama.cli.output import one_line
from multillama.cli.serve import say, show_started

if TYPE_CHECKING:
    from multillama.app.gateway import Started

QUESTION: Final = "What is the capital of France? Answer in one sentence."
ANSWER_TIMEOUT_S: Final = 120.0
"""A slow machine takes its time; without a limit a broken demo would never end."""


class DemoFailure(Exception):
    """The question was not answered. Its text says why."""


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message


class _Completion(msgspec.Struct):
    choices: list[_Choice]


def ask(url: str, question: str) -> str:
    """Ask the chat model through the gateway.

    Raises:
        DemoFailure: No answer, or not one that a chat completion is.
    """
    body = _request(CHAT_MODEL, question)
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_TIMEOUT_S)
    try:
        headers = {"content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise DemoFailure(f"status {answer.status}: {text.decode(errors='replace')}")
        return msgspec.json.decode(text, type=_Completion).choices[0].message.content
    except (OSError, HTTPException, msgspec.DecodeError, IndexError) as error:
        raise DemoFailure(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _request(model: str, question: str) -> bytes:
    messages = [{"role": "user", "content": question}]
    return msgspec.json.encode(
        {"model": model, "messages": messages, "max_tokens": 64, "temperature": 0}
    )


def curl_lines(url: str) -> tuple[str, str]:
    """Return a command for the chat endpoint and one for the embeddings endpoint."""
    chat = _request(CHAT_MODEL, "What is the capital of Italy? Answer in one sentence.").decode()
    embeddings = msgspec.json.encode({"model": EMBEDDINGS_MODEL, "input": "Hello"}).decode()
    head = "-H 'content-type: application/json' -d"
    return (
        f"curl {url}/v1/chat/completions {head} '{chat}'",
        f"curl {url}/v1/embeddings {head} '{embeddings}'",
    )


class Conversation:
    """The one question, asked in a thread of its own: the gateway's loop runs in the main thread.

    Args:
        on_end: Called when the question is answered or has failed.
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self.is_answered = False

    def on_started(self, started: "Started") -> None:
        show_started(started)
        threading.Thread(
            target=self.run, args=(started.url.rstrip("/"),), name="multillama-demo", daemon=True
        ).start()

    def run(self, url: str) -> None:
        """Ask, show question, answer and what to try next."""
        try:
            click.echo(f"\nQuestion: {QUESTION}")
            answer = ask(url, QUESTION)
            self.is_answered = True
            click.echo(f"Answer:   {one_line(answer)}\n\nAsk it yourself:")
            for line in curl_lines(url):
                click.echo(f"  {line}")
            click.echo(f"See it: {url}/")
        except DemoFailure as error:
            say(f"Error: the question was not answered: {one_line(str(error))}")
        finally:
            self._on_end()
