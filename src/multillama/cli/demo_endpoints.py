"""The demo's LLM servers: llama.cpp, once for chat and once for embeddings, in their own process.

Started by `cli/demo.py` as `python -m multillama.cli.demo_endpoints WEIGHTS`. It tells their
addresses in one line of JSON and lives until its stdin ends, which also happens when the demo is
killed.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec

CHAT_MODEL: Final = "smollm2-135m"
EMBEDDINGS_MODEL: Final = "smollm2-135m-embed"

_CHAT_TOKENS: Final = 8192
_EMBEDDINGS_TOKENS: Final = 2048


def start(weights: str) -> list[Any]:
    """Start both servers on free ports.

    Returns:
        The servers; each stops when it is let go.
    """
    import xllamacpp

    chat = parameters(weights, CHAT_MODEL)
    embeddings = parameters(weights, EMBEDDINGS_MODEL)
    embeddings.embedding = True
    embeddings.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    # the mean is taken over one batch, so a batch has to hold the longest input
    embeddings.n_ctx = embeddings.n_batch = embeddings.n_ubatch = _EMBEDDINGS_TOKENS
    return [xllamacpp.Server(chat), xllamacpp.Server(embeddings)]


def parameters(weights: str, alias: str) -> Any:
    """Return what a chat server of that name is started with."""
    import xllamacpp

    chosen = xllamacpp.CommonParams()
    chosen.model.path = weights
    chosen.model_alias = {alias}
    chosen.hostnames = ["127.0.0.1"]
    chosen.port = 0
    chosen.use_jinja = True
    chosen.verbosity = 0
    chosen.n_ctx = _CHAT_TOKENS
    # Its threads wait for each other at every layer, so one that gets no core stalls them all: on
    # two busy cores one thread gives 17 tokens a second, two give 10. The gateway needs a core too.
    chosen.cpuparams.n_threads = max(1, (os.cpu_count() or 2) - 1)
    return chosen


def main(start: Callable[[str], list[Any]] = start) -> None:
    """Serve until stdin ends."""
    answer_fd = os.dup(1)
    os.dup2(2, 1)  # what llama.cpp prints must not get between us and the reader of our line
    servers = start(sys.argv[1])
    with open(answer_fd, "wb") as answer:
        answer.write(msgspec.json.encode([server.listening_address for server in servers]) + b"\n")
    sys.stdin.buffer.read()
    os._exit(0)  # nothing to save, and a generation under way would be waited for


if __name__ == "__main__":
    main()
