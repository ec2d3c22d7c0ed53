import json
import os

from multillama.core.record import Record
from multillama.observe.console import PIPE_PIECE_BYTES

SECRET = "sk-canary-1234567890"
ANSWER = Record(
    id="r1",
    at=1_785_900_000.25,
    operation="chat",
    method="POST",
    path="/v1/chat/completions",
    model="gpt-5",
    endpoint="api.openai.com",
    status=200,
    outcome="ok",
    first_byte_ms=312.4,
    total_ms=1934.5,
    request_bytes=1200,
    response_bytes=4800,
    input_tokens=19,
    output_tokens=304,
    attempts=1,
)
REFUSAL = Record(
    id="r2",
    at=1_785_900_000.0,
    operation="chat",
    method="POST",
    path="/v1/chat/completions",
    model="gtp-5",
    status=404,
    outcome="refused",
    error="model_not_found",
    error_text="No endpoint has the model.",
    total_ms=0.2,
)


def fill(writer: int) -> int:
    """Fills a pipe to the brim and leaves it blocking, as a shell gives it to us."""
    os.set_blocking(writer, False)
    written = 0
    try:
        while True:
            written += os.write(writer, b"x" * PIPE_PIECE_BYTES)
    except BlockingIOError:
        os.set_blocking(writer, True)
        return written


class Pipe:
    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def read(self, size: int) -> bytes:
        return os.read(self.reader, size)

    def read_lines(self, count: int) -> list[dict]:
        """Reads until so many lines are there; the test's time limit is the deadline."""
        data = b""
        while data.count(b"\n") < count:
            data += self.read(1 << 20)
        return [json.loads(line) for line in data.splitlines()]

    def close_reader(self) -> None:
        os.close(self.reader)
        self.reader = -1

    def close(self) -> None:
        for fd in (self.reader, self.writer):
            if fd >= 0:
                os.close(fd)
