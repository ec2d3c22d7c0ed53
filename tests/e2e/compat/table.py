"""The compatibility table: client x endpoint dialect x feature. The tests and `docs/compatibility.md` are made from it.

Pure data, so that the docs can be made without the SDKs. A cell is tested, or impossible for the reason told here.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

NO_TOOLS: Final = "the API has no tools"
ONCE: Final = "the SDK has one call for it, see Chat Completions"


class Client(NamedTuple):
    """An API of an SDK, which has a judge of its own."""

    name: str
    sdk: str
    api: str
    dialect: str
    lacks: Mapping[str, str] = {}
    """Feature to the reason why it has none of it."""


class Endpoint(NamedTuple):
    """A dialect, as the only one that an endpoint speaks."""

    dialect: str
    served_by: str
    speaks: tuple[str, ...]
    lacks: Mapping[str, str] = {}
    """Feature to the reason why it cannot be had."""
    is_gateway: bool = False
    """Whether another gateway stands before llama.cpp, for llama.cpp does not speak it."""


class Cell(NamedTuple):
    client: Client
    endpoint: Endpoint
    feature: str

    @property
    def lack(self) -> str | None:
        """Returns why it is impossible."""
        return self.client.lacks.get(self.feature) or self.endpoint.lacks.get(self.feature)


FEATURES: Final = {
    "text": "a text",
    "stream": "a stream",
    "system": "a system prompt",
    "turns": "several turns",
    "tool_call": "a forced tool call",
    "tool_stream": "a forced tool call, streamed",
    "tool_result": "the answer to a tool's result",
    "structured": "structured output",
    "image": "an image that the model cannot see is an error",
    "embeddings": "embeddings",
    "count": "counted tokens",
    "models": "the list of models",
    "model": "a model with its context length",
    "unknown_model": "an unknown model is an error",
    "endpoint_error": "an error of the endpoint",
    "cancel": "a stream that the client leaves ends at the endpoint",
}
"""Name of the test's function to what it is about."""

CLIENTS: Final = (
    Client("openai_chat", "openai", "Chat Completions", "openai.chat", {"count": "the API counts no tokens"}),
    Client(
        "openai_completions", "openai", "Completions", "openai.completions",
        {
            "system": "the API has one prompt and no roles",
            "turns": "the API has one prompt and no roles",
            **dict.fromkeys(("tool_call", "tool_stream", "tool_result"), NO_TOOLS),
            "structured": "the API has no response format",
            "image": "the API takes text only",
            "count": "the API counts no tokens",
            **dict.fromkeys(("embeddings", "models", "model"), ONCE),
        },
    ),
    Client(
        "openai_responses", "openai", "Responses", "openai.responses",
        dict.fromkeys(("embeddings", "models", "model"), ONCE),
    ),
    Client("anthropic", "anthropic", "Messages", "anthropic.messages", {"embeddings": "the SDK has no embeddings"}),
    Client("google", "google-genai", "generateContent", "gemini"),
    Client("ollama", "ollama", "chat", "ollama.chat", {"count": "the SDK counts no tokens"}),
    Client(
        "ollama_generate", "ollama", "generate", "ollama.generate",
        {
            "turns": "the API has one prompt and no roles",
            **dict.fromkeys(("tool_call", "tool_stream", "tool_result"), NO_TOOLS),
            "count": "the SDK counts no tokens",
            **dict.fromkeys(("embeddings", "models", "model"), "the SDK has one call for it, see chat"),
        },
    ),
)  # fmt: skip

ENDPOINTS: Final = (
    Endpoint("openai.chat", "llama.cpp", ("openai.chat", "openai.embeddings")),
    Endpoint(
        "openai.responses", "llama.cpp", ("openai.responses", "openai.embeddings"),
        {"structured": "llama.cpp's own `/v1/responses` ignores `text.format`"},
    ),
    Endpoint(
        "anthropic.messages", "llama.cpp", ("anthropic.messages",),
        {
            "structured": "llama.cpp's own `/v1/messages` ignores `output_config.format`",
            "embeddings": "the dialect has no embeddings",
        },
    ),
    Endpoint("gemini", "a gateway before llama.cpp", ("gemini",), is_gateway=True),
    Endpoint("ollama", "a gateway before llama.cpp", ("ollama",), is_gateway=True),
)  # fmt: skip


def cells() -> Iterator[Cell]:
    """Gives every cell of the table."""
    for client in CLIENTS:
        for endpoint in ENDPOINTS:
            for feature in FEATURES:
                yield Cell(client, endpoint, feature)


def markdown() -> str:
    """Returns the table as it is published."""
    return "\n".join(_section(client) for client in CLIENTS)


def _section(client: Client) -> str:
    head = f"### `{client.sdk}`: {client.api}\n\n"
    columns = " | ".join(f"`{endpoint.dialect}`" for endpoint in ENDPOINTS)
    lines = [f"| | {columns} |", "| --- |" + " --- |" * len(ENDPOINTS)]
    for feature, text in FEATURES.items():
        row = " | ".join(_told(Cell(client, endpoint, feature)) for endpoint in ENDPOINTS)
        lines.append(f"| {text} | {row} |")
    return head + "".join(f"{line}\n" for line in lines)


def _told(cell: Cell) -> str:
    return "tested" if cell.lack is None else f"impossible: {cell.lack}"
