"""Recorded traffic, played by a scripted endpoint in pieces of any size: every byte arrives, every token is logged."""

import hashlib
import http.client
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL, EMBEDDINGS_MODEL
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.e2e import recordings
from tests.e2e.conftest import Models
from tests.e2e.recordings import Recording
from tests.gateway import endpoints, running

pytestmark = pytest.mark.timeout(60)

AT_LEAST = 40
"""Recordings in the folder; a folder of something else must not pass for them."""
FOR_THE_ENDPOINTS_ORIGIN = ("set-cookie", "strict-transport-security", "alt-svc", "clear-site-data")
"""A browser would take them for orders about ours."""
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": QUESTION, "max_tokens": 8},
    "/v1/completions": {"prompt": "One two three", "max_tokens": 8},
    "/v1/messages": {"messages": QUESTION, "max_tokens": 8},
    "/v1/responses": {"input": QUESTION, "max_output_tokens": 8},
}


class Played(NamedTuple):
    """A recording that went through the gateway."""

    recording: Recording
    sent: bytes
    """What the endpoint got."""
    status: int
    headers: dict[str, str]
    body: bytes
    tokens: tuple[int | None, int | None]
    """In the gateway's log."""


def play(taken: list[Recording], folder: Path) -> list[Played]:
    """Plays them all, one gateway for each kind of endpoint."""
    kinds = {recording.dialects: "" for recording in taken}
    return [
        played
        for number, kind in enumerate(kinds)
        for played in play_alike(
            [one for one in taken if one.dialects == kind], folder / str(number), kind
        )
    ]


def play_alike(taken: list[Recording], log: Path, dialects: tuple[str, ...]) -> list[Played]:
    answers = []
    with (
        ScriptedServer(sorted({recording.model for recording in taken})) as server,
        running(*flags_of(server.url, dialects, log), log=log) as gateway,
    ):
        for recording in taken:
            server.next(behaviour_of(recording))
            answers.append(ask(gateway.port, recording))
    lines = gateway.exchanges()
    return [
        Played(recording, bytes(call.body), *answer, (line["input_tokens"], line["output_tokens"]))
        for recording, call, answer, line in zip(taken, server.calls, answers, lines, strict=True)
    ]


def flags_of(url: str, dialects: tuple[str, ...], log: Path) -> list[str]:
    if not dialects:
        return endpoints(url)
    file = log.with_suffix(".toml")
    file.write_text(f'[[endpoints]]\nurl = "{url}"\nkey = "null"\ndialects = {list(dialects)}\n')
    return ["--config", str(file)]


def behaviour_of(recording: Recording) -> Behaviour:
    dice = random.Random(recording.name)
    longest = dice.choice((7, 100, 2000, 20_000))
    sizes = tuple(dice.randint(1, longest) for _ in range(50))
    return Behaviour(
        status=f"{recording.status} Recorded",
        headers=recording.headers,
        body=recording.body,
        framing="chunked" if recording.is_stream else "length",
        sizes=sizes,
    )


def ask(port: int, recording: Recording) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", recording.path, recording.request)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def record(models: Models) -> Iterator[Recording]:
    """Records what llama.cpp itself says."""
    for path, asked in ASKED.items():
        for streams in (False, True):
            yield record_one(models.chat, path, {"model": CHAT_MODEL, "stream": streams, **asked})
    embedded = {"model": EMBEDDINGS_MODEL, "input": ["Hello", "Ciao"]}
    yield record_one(models.embeddings, "/v1/embeddings", embedded)


def record_one(url: str, path: str, asked: dict[str, Any]) -> Recording:
    request = json.dumps(asked).encode()
    blank = Recording(f"{path} {asked.get('stream')}", "", path, request, 200, (), b"")
    status, headers, body = ask(int(url.rpartition(":")[2]), blank)
    kept = {name: value for name, value in headers.items() if name.lower() == "content-type"}
    return blank._replace(status=status, headers=tuple(kept.items()), body=body)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module", params=["of this machine", "of providers"])
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[Played]:
    """What llama.cpp says here and now, and all that providers said."""
    if request.param == "of this machine":
        taken = list(record(request.getfixturevalue("models")))
    else:
        root = recordings.folder()
        if root is None:
            pytest.skip(
                f"there is no recorded traffic here: set {recordings.VARIABLE} to its folder"
                f" (tried {recordings.BESIDE_US})"
            )
        taken = list(recordings.read_all(root))
        assert len(taken) >= AT_LEAST
    return play(taken, tmp_path_factory.mktemp("played"))


def test_the_client_has_every_byte_of_the_answer(played: list[Played]) -> None:
    heard = {each.recording.name: (each.status, digest(each.body)) for each in played}

    assert heard == {
        each.recording.name: (each.recording.status, digest(each.recording.body)) for each in played
    }


def test_the_endpoint_has_every_byte_of_the_request(played: list[Played]) -> None:
    sent = {each.recording.name: digest(each.sent) for each in played}

    assert sent == {each.recording.name: digest(each.recording.request) for each in played}


def test_the_client_has_the_headers_of_the_answer(played: list[Played]) -> None:
    for each in played:
        lower = {name.lower(): value for name, value in each.headers.items()}
        recorded = {name.lower(): value for name, value in each.recording.headers}
        for name in FOR_THE_ENDPOINTS_ORIGIN:
            assert name not in lower
            recorded.pop(name, None)
        assert lower | recorded == lower, each.recording.name


def test_the_log_has_the_tokens_that_the_endpoint_told(played: list[Played]) -> None:
    logged = {each.recording.name: each.tokens for each in played}

    assert logged == {each.recording.name: each.recording.usage() for each in played}
    assert any(into and out for into, out in logged.values())
