"""Uploads: streamed through, every byte, in little memory, wherever the form names its model."""

import http.client
import io
import random
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.gateway import Gateway, endpoints, running

MB = 1024 * 1024
AUDIO = random.Random(0).randbytes(30 * MB)
HEADROOM_BYTES = 15 * MB
"""Half an upload: more than a gateway grows by that holds none (2 to 10 MB, however big the upload)."""
HEARD = Behaviour(body=b'{"text":"Hello."}')
BOUNDARY = "in-between"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(["whisper-1"]) as server:
        server.default = HEARD
        yield server


@pytest.fixture
def gateway(server: ScriptedServer, log: Path) -> Iterator[Gateway]:
    """A gateway that has already served a small upload."""
    server.requests.clear()
    with running(*endpoints(server.url), log=log) as gateway:
        post(gateway, form(b"small", model_first=True))
        server.requests.clear()
        yield gateway


def peak_bytes(gateway: Gateway) -> int:
    """Returns the most memory it ever had; without /proc only what it has now."""
    status = Path(f"/proc/{gateway.pid}/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(gateway.pid)])) * 1024


def form(audio: bytes, *, model_first: bool) -> bytes:
    model = b'Content-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    file = (
        b'Content-Disposition: form-data; name="file"; filename="speech.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n" + audio + b"\r\n"
    )
    parts = (model, file) if model_first else (file, model)
    dashes = f"--{BOUNDARY}".encode()
    return b"".join(dashes + b"\r\n" + part for part in parts) + dashes + b"--\r\n"


def post(gateway: Gateway, body: bytes | Iterable[bytes]) -> bytes:
    """Posts a form: with its length if it is whole, in chunks if not."""
    headers = {"content-type": f'multipart/form-data; boundary="{BOUNDARY}"'}
    is_chunked = not isinstance(body, bytes)
    if is_chunked:
        headers["transfer-encoding"] = "chunked"
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=15)
    try:
        connection.request(
            "POST", "/v1/audio/transcriptions", body, headers, encode_chunked=is_chunked
        )
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()
    finally:
        connection.close()


def test_the_openai_sdk_sends_a_big_file(gateway: Gateway, server: ScriptedServer) -> None:
    before = peak_bytes(gateway)

    with OpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0, timeout=15) as client:
        heard = client.audio.transcriptions.create(
            model="whisper-1", file=("speech.wav", io.BytesIO(AUDIO))
        )

    (call,) = server.calls
    assert heard.text == "Hello."
    assert AUDIO in call.body
    assert peak_bytes(gateway) - before < HEADROOM_BYTES


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_form_that_names_its_model_first_is_never_held(
    gateway: Gateway, server: ScriptedServer, framing: str
) -> None:
    body = form(AUDIO, model_first=True)
    pieces = [body[at : at + 100_000] for at in range(0, len(body), 100_000)]
    before = peak_bytes(gateway)

    post(gateway, body if framing == "length" else pieces)

    (call,) = server.calls
    assert call.body == body
    assert peak_bytes(gateway) - before < HEADROOM_BYTES


def test_a_form_that_names_its_model_last_is_held_until_then(
    gateway: Gateway, server: ScriptedServer
) -> None:
    body = form(AUDIO, model_first=False)
    before = peak_bytes(gateway)

    post(gateway, body)

    (call,) = server.calls
    assert call.body == body
    assert peak_bytes(gateway) - before < 2 * len(body) + HEADROOM_BYTES


def test_what_is_held_is_let_go(gateway: Gateway) -> None:
    body = form(AUDIO, model_first=False)
    post(gateway, body)
    before = peak_bytes(gateway)

    for _ in range(3):
        post(gateway, body)

    assert peak_bytes(gateway) - before < HEADROOM_BYTES
