"""`multillama demo`, as a user types it: a real completion on a machine with no key and no LLM."""

import json
import signal
import subprocess
import sys

import pytest

from tests.gateway import environment, free_port

pytestmark = pytest.mark.timeout(120)  # a model is loaded twice

DEMO = [sys.executable, "-m", "multillama", "demo"]


def test_once_answers_and_ends() -> None:
    done = subprocess.run(
        [*DEMO, "--once", "--port", str(free_port())],
        env=environment(), capture_output=True, text=True, timeout=100,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    (answer,) = [line for line in done.stdout.splitlines() if line.startswith("Answer:")]
    assert "Paris" in answer


def test_the_lines_it_prints_work_until_it_is_interrupted() -> None:
    with subprocess.Popen(
        [*DEMO, "--port", str(free_port())],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            lines = []
            for line in process.stdout:
                lines.append(line.strip())
                if line.startswith("See it:"):
                    break
            chat, embeddings = (
                json.loads(
                    subprocess.check_output(["bash", "-c", line], env=environment(), timeout=60)
                )
                for line in lines
                if line.startswith("curl ")
            )
            page = lines[-1].removeprefix("See it: ")
            html = subprocess.check_output(
                ["curl", "--silent", page], env=environment(), timeout=15
            )
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)

    assert "Rome" in chat["choices"][0]["message"]["content"]
    assert len(embeddings["data"][0]["embedding"]) == 576
    assert b"smollm2-135m" in html
    assert process.returncode == 0
