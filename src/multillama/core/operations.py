"""The operations: one row for each thing we serve.

Add an operation by adding a row; routing, paths, pass-through, translation, docs and tests are made from it.
"""

import re
from enum import Enum
from typing import Final, NamedTuple
from urllib.parse import unquote


class Body(Enum):
    """How a request names its model."""

    JSON = "json"
    """A top-level `model` member; the body is buffered, at most `max_body_bytes`."""
    MULTIPART = "multipart"
    """A form field `model`; the body is streamed on, at most `max_upload_bytes`."""
    PATH = "path"
    """The path names it, where its row has `{model}`; the body is buffered, too."""


class Kind(Enum):
    """What is asked for; operations of one kind can be translated into each other."""

    GENERATE = "generate"
    EMBED = "embed"
    COUNT = "count"
    SHOW = "show"
    """What is known of a model."""
    OTHER = "other"
    """What only an endpoint of the same dialect can serve."""


V1: Final = ("/v1", "")
"""Also without the prefix, where clients are commonly configured so."""
GEMINI: Final = ("/v1beta", "/v1", "/v1alpha", "")
OLLAMA: Final = ("/api",)


class Operation(NamedTuple):
    """One operation."""

    name: str
    path: str
    """Below the endpoint's base, without `/v1`."""
    dialect: str
    kind: Kind = Kind.OTHER
    body: Body = Body.JSON
    streams: bool = False
    """Whether it answers with a stream where the request does not say."""
    prefixes: tuple[str, ...] = V1
    """Under which it is served, the one that is documented first."""

    @property
    def public_path(self) -> str:
        """The path under which it is documented."""
        return self.prefixes[0] + self.path


_GENERATE, _EMBED, _COUNT = Kind.GENERATE, Kind.EMBED, Kind.COUNT
_PATH, _FORM = Body.PATH, Body.MULTIPART

OPERATIONS: Final = (
    Operation("chat", "/chat/completions", "openai.chat", _GENERATE),
    Operation("completions", "/completions", "openai.completions", _GENERATE),
    Operation("embeddings", "/embeddings", "openai.embeddings", _EMBED),
    Operation("responses", "/responses", "openai.responses", _GENERATE),
    Operation("input_tokens", "/responses/input_tokens", "openai.responses", _COUNT),
    Operation("messages", "/messages", "anthropic.messages", _GENERATE),
    Operation("count_tokens", "/messages/count_tokens", "anthropic.messages", _COUNT),
    Operation("images", "/images/generations", "openai.images"),
    Operation("speech", "/audio/speech", "openai.audio"),
    Operation("moderations", "/moderations", "openai.moderations"),
    Operation("rerank", "/rerank", "rerank"),
    Operation("score", "/score", "score"),
    Operation("transcriptions", "/audio/transcriptions", "openai.audio", body=_FORM),
    Operation("translations", "/audio/translations", "openai.audio", body=_FORM),
    Operation("image_edits", "/images/edits", "openai.images", body=_FORM),
    Operation("image_variations", "/images/variations", "openai.images", body=_FORM),
    Operation(
        "generate_content", "/models/{model}:generateContent", "gemini", _GENERATE, _PATH,
        prefixes=GEMINI,
    ),
    Operation(
        "stream_generate_content", "/models/{model}:streamGenerateContent", "gemini", _GENERATE, _PATH,
        streams=True, prefixes=GEMINI,
    ),
    Operation(
        "count_content", "/models/{model}:countTokens", "gemini", _COUNT, _PATH, prefixes=GEMINI
    ),
    Operation(
        "embed_content", "/models/{model}:embedContent", "gemini.embed", _EMBED, _PATH,
        prefixes=GEMINI,
    ),
    Operation(
        "batch_embed_contents", "/models/{model}:batchEmbedContents", "gemini.batch_embed", _EMBED, _PATH,
        prefixes=GEMINI,
    ),
    Operation("ollama_chat", "/chat", "ollama.chat", _GENERATE, streams=True, prefixes=OLLAMA),
    Operation(
        "ollama_generate", "/generate", "ollama.generate", _GENERATE, streams=True, prefixes=OLLAMA
    ),
    Operation("ollama_embed", "/embed", "ollama.embed", _EMBED, prefixes=OLLAMA),
    Operation("ollama_embeddings", "/embeddings", "ollama.embeddings", _EMBED, prefixes=OLLAMA),
    Operation("ollama_show", "/show", "ollama.show", Kind.SHOW, prefixes=OLLAMA),
)  # fmt: skip

BY_PATH: Final[dict[bytes, Operation]] = {
    (prefix + operation.path).encode(): operation
    for operation in OPERATIONS
    for prefix in operation.prefixes
    if operation.body is not Body.PATH
}
"""Request path, as received and without query, to its operation."""

BY_NAME: Final[dict[str, Operation]] = {operation.name: operation for operation in OPERATIONS}

_BY_VERB: Final = {
    operation.path.rpartition(":")[2].encode(): operation
    for operation in OPERATIONS
    if operation.body is Body.PATH
}
_CALL: Final = re.compile(
    rb"(?:/v1(?:beta|alpha)?)?/(?:publishers/[^/]+/)?(?:models|tunedModels)/(.+):([A-Za-z]+)"
)


def find_call(path: bytes) -> tuple[Operation, str] | None:
    """Finds the operation and the model of a path that names both, such as `/v1beta/models/x:generateContent`."""
    found = _CALL.fullmatch(path)
    operation = None if found is None else _BY_VERB.get(found[2])
    if operation is None or found is None:
        return None
    return operation, unquote(found[1].decode("latin-1"), errors="replace")


def find_operation(path: bytes) -> Operation | None:
    """Finds the operation of a path; for looks that need not be quick."""
    found = BY_PATH.get(path) or find_call(path)
    return found[0] if isinstance(found, tuple) and not isinstance(found, Operation) else found
