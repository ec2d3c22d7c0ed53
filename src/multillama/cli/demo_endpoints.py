"""The demo's LLM servers: llama.cpp, once for chat and once for embeddings, in their own process.

Started by `cli/demo.py` as `python -m multillama.cli.demo_endpoints WEIGHTS`. It tells their
addresses in one line of JSON and lives until its stdin ends, which also happens when the demo is
killed.
"""

import os
import sys
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

    chat = _parameters(xllamacpp, weights, CHAT_MODEL)
    chat.n_ctx = _CHAT_TOKENS
    embeddings = _parameters(xllamacpp, weights, EMBEDDINGS_MODEL)
    embeddings.embedding = True
    embeddings.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    # the mean is taken over one batch, so a batch has to hold the longest input
    embeddings.n_ctx = embeddings.n_batch = embeddings.n_ubatch = _EMBEDDINGS_TOKENS
    return [xllamacpp.Server(chat), xllamacpp.Server(embeddings)]


def _parameters(xllamacpp: Any, weights: str, alias: str) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = weights
    parameters.model_alias = {alias}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.use_jinja = True
    parameters.verbosity = 0
    return parameters


def main() -> None:
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
