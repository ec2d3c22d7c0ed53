"""The canonical form: what a request and an answer say, in no dialect's words.

Every dialect reads into it and writes from it, so that n dialects need n readers and writers and not n² pairs. None (or
an empty value) means "not said". What only one family of dialects understands stays in `extras`, as it came, for a
target of the same family. Values are plain: nothing here knows how they are written anywhere.

Source: the mapping of the field's dialects as of November 2026 (docs/concepts/dialects.md).
"""

from enum import StrEnum

import msgspec

Extras = dict[str, object]
"""Members that the canonical form has no word for, by their name in the dialect they came from; plain JSON values."""


class Stop(StrEnum):
    """Why an answer ended."""

    END = "end"
    SEQUENCE = "stop_sequence"
    """One of the client's stop texts came; where a dialect does not tell, it is END."""
    LENGTH = "length"
    CONTEXT = "context"
    """The model's context is full."""
    CALLS = "tool_calls"
    REFUSED = "refused"
    """The model or a filter said no."""
    PAUSE = "pause"
    """The server wants to be asked to go on."""
    FAULT = "fault"
    """The model made something that cannot be used, such as a malformed call."""


# --- the parts of a message ------------------------------------------------------------------


class Logprob(msgspec.Struct, omit_defaults=True):
    """How likely one token was."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top: list["Logprob"] = []


class Text(msgspec.Struct):
    """Text of a message."""

    text: str
    cache: str | None = None
    """A prompt-cache marker: all up to here may be kept, for `5m`, `1h`, …; empty for the server's own time."""
    logprobs: list[Logprob] = []
    extras: Extras = {}
    """Annotations and citations, too."""
    item_id: str | None = None
    """The id of the output item it stands in (Responses); texts of one item stand next to each other."""


class Source(msgspec.Struct):
    """Where the bytes of an image, a sound or a file are; one of `data`, `url`, `file_id`, `text` is given."""

    data: str | None = None
    """Base64 without a `data:` prefix."""
    url: str | None = None
    """http or https."""
    file_id: str | None = None
    """Known to one provider only."""
    text: str | None = None
    """Plain text, of a document."""
    media_type: str = ""
    """E.g. `image/png`; empty where nobody says."""


class Image(msgspec.Struct):
    """An image."""

    source: Source
    detail: str | None = None
    cache: str | None = None
    extras: Extras = {}


class Audio(msgspec.Struct):
    """A sound, e.g. with the media type `audio/wav`."""

    source: Source
    extras: Extras = {}


class File(msgspec.Struct):
    """A document, e.g. with the media type `application/pdf`."""

    source: Source
    name: str | None = None
    cache: str | None = None
    extras: Extras = {}


class Reasoning(msgspec.Struct):
    """What the model thought before it answered.

    A signature lets its origin trust the text when it comes back; it is opaque, and it is worth something only
    there. Gemini signs calls: its signature stands in a reasoning without text, just before the call.
    """

    text: str
    signature: str | None = None
    is_redacted: bool = False
    """True where there is no text to read, and `signature` is all."""
    id: str | None = None
    extras: Extras = {}
    is_summary: bool | None = None
    """True if it tells of the thoughts, False if it is them; None where nobody says."""


class Refusal(msgspec.Struct):
    """The model's words for not answering."""

    text: str
    item_id: str | None = None


class Namespace(msgspec.Struct):
    """The named group that a tool stands in (Responses); no other dialect needs to know of it."""

    name: str
    tool: str
    """The tool's name inside the group; its own `name` tells it from all others."""
    description: str | None = None
    extras: Extras = {}


class ToolCall(msgspec.Struct):
    """The model's call of a tool."""

    id: str
    name: str
    arguments: str = ""
    """JSON text of an object; of a custom tool its plain input."""
    is_custom: bool = False
    item_id: str | None = None
    """The id of the output item it stands in, where that is another than the call's."""
    extras: Extras = {}
    namespace: Namespace | None = None


class ToolResult(msgspec.Struct):
    """What a tool answered."""

    call_id: str
    parts: "list[Part]" = []
    name: str | None = None
    """The tool's, where the dialect says it; `translate` fills it in from the call."""
    is_error: bool = False
    is_custom: bool = False
    cache: str | None = None
    extras: Extras = {}
    item_id: str | None = None


class Foreign(msgspec.Struct):
    """A part that only its own family understands, e.g. a server tool's result."""

    kind: str
    """Its type, to name it where it is dropped."""
    value: object
    """The whole part as plain JSON values."""
    text: str | None = None
    """What it says, for those who do not understand it, where that can be said in words."""


Part = Text | Image | Audio | File | Reasoning | Refusal | ToolCall | ToolResult | Foreign


# --- a request -------------------------------------------------------------------------------


class Message(msgspec.Struct):
    """One message; results of tools are alone in a message of the role `tool`."""

    role: str
    """`system`, `developer`, `user`, `assistant` or `tool`."""
    parts: list[Part] = []
    name: str | None = None
    extras: Extras = {}


class Tool(msgspec.Struct):
    """A tool that the model may call."""

    name: str
    description: str | None = None
    schema: object | None = None
    """JSON Schema of its arguments, a dict; None where the client gave none."""
    is_strict: bool | None = None
    is_custom: bool = False
    """True if it takes plain text, not JSON."""
    format: object | None = None
    """Of a custom tool: `{"type": "text"}` or `{"type": "grammar", "definition": …, "syntax": …}`, flat."""
    hosted: str | None = None
    """The type of a tool that the server runs itself, e.g. `web_search`; its members stand in `extras`."""
    cache: str | None = None
    is_legacy: bool = False
    """True if the client speaks of `functions`, as before there were tools; so it must be answered."""
    extras: Extras = {}
    namespace: Namespace | None = None


class ToolChoice(msgspec.Struct):
    """Which tools the model may or must call."""

    mode: str
    """`none`, `auto`, `required` (any), or `named` (exactly `names[0]`)."""
    names: list[str] = []
    """With `auto` or `required`: only these, where not empty."""


class Format(msgspec.Struct):
    """The form that the answer's text must have."""

    kind: str
    """`text`, `json` (any object) or `schema`."""
    schema: object | None = None
    name: str | None = None
    description: str | None = None
    is_strict: bool | None = None


class Thinking(msgspec.Struct):
    """How much the model is to think; at most one of `effort` and `budget` is what the client said."""

    effort: str | None = None
    """`none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`."""
    budget: int | None = None
    """Tokens; 0 is off, -1 is as many as the model likes."""
    is_on: bool | None = None
    """Said without a measure: True (Anthropic's `adaptive`, Ollama's `true`), False for off."""
    summary: str | None = None
    """Whether the client wants to read it: `auto`, `concise`, `detailed`, or `none`."""


class Request(msgspec.Struct):
    """What a client asks a model for."""

    model: str
    messages: list[Message] = []
    prompt: str | None = None
    """Plain text to continue, with no roles and no template (`/completions`); then there are no messages."""
    suffix: str | None = None
    """What stands behind the text to be made."""
    stream: bool = False
    wants_usage: bool = True
    """False where the dialect streams usage only on demand and the client did not ask."""
    wants_signatures: bool = False
    """True where the dialect signs reasoning only on demand and the client did ask; others sign anyway."""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    stop: list[str] = []
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: object | None = None
    tools: list[Tool] = []
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    format: Format | None = None
    thinking: Thinking | None = None
    verbosity: str | None = None
    modalities: list[str] = []
    """Kinds of output other than text alone, e.g. `["text", "audio"]`."""
    user: str | None = None
    service_tier: str | None = None
    cache_key: str | None = None
    metadata: object | None = None
    store: bool | None = None
    previous_id: str | None = None
    """The answer that this goes on from (`previous_response_id`)."""
    keep_alive: object | None = None
    """How long the model stays loaded (Ollama)."""
    context_tokens: int | None = None
    """The size of context to load the model with (Ollama's `num_ctx`)."""
    family: str = ""
    """Whose `extras` these are, of the request and of everything in it: `openai`, `anthropic`, `gemini`, `ollama`."""
    extras: Extras = {}
    dialect: str = ""
    """In whose words it came, where two dialects of a family would misunderstand each other's `extras`."""


# --- an answer -------------------------------------------------------------------------------


class Usage(msgspec.Struct):
    """Tokens; None where nobody has counted."""

    input_tokens: int | None = None
    """All of the prompt, cached and cache-written ones included."""
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    """Of those written, for an hour."""
    output_tokens: int | None = None
    """All that was made, reasoning included."""
    reasoning_tokens: int | None = None
    extras: Extras = {}


class Choice(msgspec.Struct):
    """One of the answers."""

    parts: list[Part] = []
    stop: Stop | None = None
    stop_sequence: str | None = None
    """Which of the client's stop texts came, where that is told."""
    extras: Extras = {}


class Answer(msgspec.Struct):
    """A whole answer."""

    id: str = ""
    model: str = ""
    created: int = 0
    """Seconds since 1970; 0 where nobody says."""
    choices: list[Choice] = []
    usage: Usage | None = None
    service_tier: str | None = None
    family: str = ""
    extras: Extras = {}
    dialect: str = ""
    """As in `Request`."""


class Fault(msgspec.Struct):
    """An error, as an endpoint or we tell it."""

    status: int
    message: str
    type: str = ""
    """The family's own word for it, e.g. `rate_limit_error` or `RESOURCE_EXHAUSTED`."""
    code: str | None = None
    param: str | None = None
    origin: str | None = None
    """Whose it is, where it is ours to say: `client`, `gateway`, `endpoint:<name>`."""
    retry_after_s: float | None = None
    family: str = ""
    extras: Extras = {}


# --- embeddings and counts -------------------------------------------------------------------


class Embed(msgspec.Struct):
    """A request for embeddings."""

    model: str
    inputs: list[str | list[int]] = []
    """Texts, or tokens of a text."""
    is_single: bool = False
    """True if the client gave one text and no list."""
    dimensions: int | None = None
    is_base64: bool = False
    """True if the client wants base64 of little-endian 32-bit floats."""
    task: str | None = None
    title: str | None = None
    truncate: bool | None = None
    user: str | None = None
    keep_alive: object | None = None
    family: str = ""
    extras: Extras = {}


class Vectors(msgspec.Struct):
    """The embeddings, in the order of the inputs."""

    model: str = ""
    vectors: list[list[float]] = []
    input_tokens: int | None = None


class Count(msgspec.Struct):
    """How many tokens a request has."""

    input_tokens: int
    cache_read_tokens: int | None = None
