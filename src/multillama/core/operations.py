"""The operations: one row for each thing we serve.

Add an operation by adding a row; routing, paths, pass-through, docs and tests are made from it.
"""

from enum import Enum
from typing import Final, NamedTuple


class Body(Enum):
    """How a request names its model."""

    JSON = "json"
    """A top-level `model` member; the body is buffered, at most `max_body_bytes`."""
    MULTIPART = "multipart"
    """A form field `model`; the body is streamed on, at most `max_upload_bytes`."""


class Operation(NamedTuple):
    """One operation."""

    name: str
    path: str
    """Below the endpoint's base, without `/v1`."""
    dialect: str
    body: Body = Body.JSON
    bare: bool = True
    """Also served without the `/v1` prefix, where clients are commonly configured so."""


OPERATIONS: Final = (
    Operation("chat", "/chat/completions", "openai.chat"),
    Operation("completions", "/completions", "openai.completions"),
    Operation("embeddings", "/embeddings", "openai.embeddings"),
    Operation("responses", "/responses", "openai.responses"),
    Operation("messages", "/messages", "anthropic.messages"),
    Operation("count_tokens", "/messages/count_tokens", "anthropic.messages"),
    Operation("images", "/images/generations", "openai.images"),
    Operation("speech", "/audio/speech", "openai.audio"),
    Operation("moderations", "/moderations", "openai.moderations"),
    Operation("rerank", "/rerank", "rerank"),
    Operation("score", "/score", "score"),
    Operation("transcriptions", "/audio/transcriptions", "openai.audio", Body.MULTIPART),
    Operation("translations", "/audio/translations", "openai.audio", Body.MULTIPART),
    Operation("image_edits", "/images/edits", "openai.images", Body.MULTIPART),
    Operation("image_variations", "/images/variations", "openai.images", Body.MULTIPART),
)

BY_PATH: Final[dict[bytes, Operation]] = {
    (prefix + operation.path).encode(): operation
    for operation in OPERATIONS
    for prefix in (("/v1", "") if operation.bare else ("/v1",))
}
"""Request path, as received and without query, to its operation."""
