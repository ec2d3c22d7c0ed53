import json
import os
import subprocess
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL, EMBEDDINGS_MODEL
from multillama.cli.demo_process import find_weights, local_endpoints, missing_packages

pytestmark = [
    pytest.mark.skipif(
        bool(missing_packages(find_weights())), reason="the demo's packages are not installed"
    ),
    pytest.mark.timeout(60),  # a real model on a busy machine
]

COMMAND = [sys.executable, "-P", "-m", "multillama.cli.demo_endpoints", str(find_weights())]


def call(url, method, path, body=None):
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname, parts.port, timeout=15)
    connection.request(method, path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


def test_one_endpoint_chats_and_the_other_embeds(capfd):
    messages = [{"role": "user", "content": "Say hi."}]

    with local_endpoints(COMMAND) as (chat, embeddings):
        chat_models = call(chat.url, "GET", "/v1/models")
        embeddings_models = call(embeddings.url, "GET", "/v1/models")
        answer = call(
            chat.url,
            "POST",
            "/v1/chat/completions",
            {"model": CHAT_MODEL, "messages": messages, "max_tokens": 2},
        )
        vector = call(
            embeddings.url,
            "POST",
            "/v1/embeddings",
            {"model": EMBEDDINGS_MODEL, "input": "a " * 520},
        )

    assert [row["id"] for row in chat_models[1]["data"]] == [CHAT_MODEL]
    assert [row["id"] for row in embeddings_models[1]["data"]] == [EMBEDDINGS_MODEL]
    assert answer[1]["choices"][0]["message"]["content"]
    assert len(vector[1]["data"][0]["embedding"]) > 100
    assert capfd.readouterr() == ("", "")


def test_the_process_ends_when_the_one_that_started_it_is_killed():
    starter = (
        "import sys, os\nfrom multillama.cli.demo_process import local_endpoints\n"
        "with local_endpoints(sys.argv[1:]) as endpoints:\n"
        "    print(endpoints[0].url, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", starter, *COMMAND], capture_output=True, text=True, timeout=15
    )

    url = done.stdout.strip()
    assert done.returncode == -9
    wait_until_refused(url)


def wait_until_refused(url):
    """Return once nobody listens there; the test's time limit ends a wait that is in vain."""
    parts = urlsplit(url)
    while True:
        connection = HTTPConnection(parts.hostname, parts.port, timeout=15)
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
        except OSError:
            return
        finally:
            connection.close()
        os.sched_yield()


def test_weights_that_are_none_end_it_with_a_reason(tmp_path):
    wrong = tmp_path / "model.gguf"
    wrong.write_bytes(b"not a model")

    done = subprocess.run([*COMMAND[:-1], str(wrong)], capture_output=True, text=True, timeout=15)

    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr
