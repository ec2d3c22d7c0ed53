"""Every setting, once: flags, variables, help and `docs/settings.md` are made from this table.

A new setting is one row of `SETTINGS` and one field of `Settings`; a test keeps the two equal.
What a timeout or a limit means in detail is written at `core/snapshot.py`, its user.
"""

from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import UNSET, Meta, UnsetType

from multillama.config.routing import AliasSetting, RoutingSetting

LogFormat = Literal["auto", "text", "json"]


Wait = Annotated[float, Meta(ge=0.01, le=86_400)] | UnsetType
Dialect = Literal[
    "openai.chat", "openai.completions", "openai.embeddings", "openai.responses", "anthropic.messages",
    "gemini", "ollama",
]  # fmt: skip
Glob = Annotated[str, Meta(min_length=1, max_length=200)]
Price = Annotated[float, Meta(ge=0, le=100_000)] | None


class EndpointTimeouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Time limits of one endpoint, where they differ from the gateway's."""

    connect_timeout_s: Wait = UNSET
    first_byte_timeout_s: Wait = UNSET
    probe_after_s: Wait = UNSET
    idle_timeout_s: Wait = UNSET
    send_timeout_s: Wait = UNSET
    pool_idle_s: Wait = UNSET


class EndpointSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One LLM server: a `--url` with its `--key`, or a row of `endpoints` in the file."""

    url: Annotated[str, Meta(description="Base URL, e.g. http://localhost:11434/.")]
    key: Annotated[
        str | None,
        Meta(description="env:NAME, file:PATH, ${NAME} or the key itself; left out for none."),
    ] = None
    """None is `--key null`: the endpoint wants no key. A secret."""
    name: Annotated[
        str | None, Meta(description="What it is called; without it, host and port of its URL.")
    ] = None
    provider: Annotated[
        str | None, Meta(description="Its kind, e.g. vllm, where it is not recognised by itself.")
    ] = None
    weight: Annotated[
        float, Meta(gt=0, le=1000, description="Its share among the endpoints of its tier.")
    ] = 1.0
    tier: Annotated[
        int,
        Meta(
            ge=0, le=99, description="Lower tiers come first; others are for overflow and faults."
        ),
    ] = 0
    include: Annotated[
        tuple[Glob, ...], Meta(description="Only models that one of these globs matches.")
    ] = ()
    exclude: Annotated[
        tuple[Glob, ...], Meta(description="No models that one of these globs matches.")
    ] = ()
    max_concurrency: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description="Exchanges at one time; left out, there is no limit."),
    ] = None
    headers: Annotated[
        dict[str, str], Meta(description="Headers of every request to it; ${NAME} is filled in.")
    ] = {}
    """Their values may be secrets."""
    timeouts: Annotated[
        EndpointTimeouts, Meta(description="Its own time limits, in place of the gateway's.")
    ] = EndpointTimeouts()
    tags: Annotated[
        tuple[Glob, ...],
        Meta(
            description="Words of your own; `local` and `cloud` say where it is, whatever its URL."
        ),
    ] = ()
    dialects: Annotated[
        tuple[Dialect, ...],
        Meta(description="What it speaks, the best first; left out, it is known or found out."),
    ] = ()
    untranslatable: Annotated[
        Literal["warn", "reject"],
        Meta(
            description="What is done with members that its dialect has no word for:"
            " dropped and named in `x-multillama-dropped`, or refused with 400."
        ),
    ] = "warn"
    local_only: Annotated[
        bool,
        Meta(description="No model that it serves ever leaves for an endpoint that is not local."),
    ] = False
    input_price: Annotated[
        Price,
        Meta(
            description="US dollars per million input tokens, for all its models, whatever its list says."
        ),
    ] = None
    output_price: Annotated[Price, Meta(description="The same for output tokens.")] = None

    def __repr__(self) -> str:
        return f"EndpointSetting({public_url(self.url)}, key {'given' if self.key else 'none'})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        # msgspec makes one of its own, with the key in it, which rich would print
        return [("url", public_url(self.url)), ("key", "given" if self.key else "none")]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one gateway. The table below says what each one means and its bounds."""

    port: int
    host: str = "localhost"
    config: str | None = None
    endpoints: tuple[EndpointSetting, ...] = ()
    aliases: dict[str, AliasSetting] = {}
    routing: RoutingSetting = RoutingSetting()
    api_key: str | None = None
    log_format: LogFormat = "auto"
    refresh_s: float = 300.0
    responses_store: int = 0
    connect_timeout_s: float = 5.0
    first_byte_timeout_s: float = 600.0
    probe_after_s: float = 5.0
    idle_timeout_s: float = 120.0
    send_timeout_s: float = 30.0
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    keep_alive_s: float = 75.0
    pool_idle_s: float = 55.0
    write_timeout_s: float = 60.0
    drain_s: float = 30.0
    responses_store_s: float = 86400.0
    max_target_bytes: int = 8192
    max_head_bytes: int = 32768
    max_body_bytes: int = 67108864
    max_upload_bytes: int = 536870912
    responses_store_bytes: int = 268435456

    def __repr__(self) -> str:
        return f"Settings({self.host}:{self.port}, {len(self.endpoints)} endpoints)"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("address", f"{self.host}:{self.port}"), ("endpoints", self.endpoints)]


class Setting(NamedTuple):
    """One row of the table."""

    name: str
    type: type[str] | type[int] | type[float]
    default: str | int | float | None
    """None: there is no default; the help says what happens without one."""
    minimum: float | None
    maximum: float | None
    unit: str
    help: str
    group: str
    """The heading it stands under in help and docs."""
    choices: tuple[str, ...] = ()
    secret: bool = False
    """May be `env:NAME` or `file:PATH`; its text is never shown."""
    repeats: bool = False
    """May be given several times; its variable holds several values with blanks between them."""

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "MULTILLAMA_" + self.name.upper()


_MAIN: Final = "Main settings"
_TIMES: Final = "Time limits"
_SIZES: Final = "Size limits"
_DAY_S: Final = 86_400.0
_GIB: Final = 1024**3


def _text(name: str, default: str | None, help: str) -> Setting:
    return Setting(name, str, default, None, None, "", help, _MAIN)


def _seconds(name: str, default: float, help: str, *, minimum: float = 0.01) -> Setting:
    return Setting(name, float, default, minimum, _DAY_S, "seconds", help, _TIMES)


def _bytes(name: str, default: int, help: str, *, minimum: int, maximum: int) -> Setting:
    return Setting(name, int, default, minimum, maximum, "bytes", help, _SIZES)


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("port", int, None, 1, 65535, "", "Port to listen on. Required.", _MAIN),
    _text(
        "config",
        None,
        "File with more settings, YAML or TOML: endpoints, aliases, routing. It is read again when it"
        " changes. A flag or variable wins over it.",
    ),
    _text(
        "host",
        "localhost",
        "Name or address to listen on; 0.0.0.0 is every network, :: by IPv6 too.",
    ),
    _text(
        "url",
        None,
        "Base URL of an LLM endpoint. Repeat it for more. Without any, known key variables and"
        " local runtimes are looked for.",
    )._replace(repeats=True),
    _text(
        "key",
        None,
        "Key of the --url in the same place: the key itself, env:NAME, file:PATH, or null for"
        " an endpoint without one.",
    )._replace(repeats=True, secret=True),
    _text(
        "api_key",
        None,
        "Key that clients must send: the key itself, env:NAME or file:PATH. Without it, everyone"
        " who reaches the port may use every endpoint.",
    )._replace(secret=True),
    _text(
        "log_format",
        "auto",
        "Form of the log; auto is text on a terminal and JSON lines elsewhere.",
    )._replace(choices=("auto", "text", "json")),
    _seconds(
        "refresh_s", 300.0, "How often the endpoints are asked for their models.", minimum=1.0
    )._replace(group=_MAIN),
    Setting(
        "responses_store",
        int,
        0,
        0,
        1_000_000,
        "",
        "How many responses of /v1/responses are kept in memory, for previous_response_id with endpoints"
        " that keep none; 0 is none.",
        _MAIN,
    ),
    _seconds("connect_timeout_s", 5.0, "Name look-up, TCP and TLS to an endpoint, together."),
    _seconds(
        "first_byte_timeout_s",
        600.0,
        "From the end of the request to the first byte of the endpoint's answer.",
    ),
    _seconds(
        "probe_after_s",
        5.0,
        "Silence of an endpoint that has work, before it is asked whether it lives.",
    ),
    _seconds("idle_timeout_s", 120.0, "Silence inside an endpoint's answer."),
    _seconds("send_timeout_s", 30.0, "An endpoint that does not take the request's bytes."),
    _seconds("header_timeout_s", 10.0, "A client's request head, from first to last byte."),
    _seconds("body_timeout_s", 30.0, "Silence inside a client's request body."),
    _seconds("keep_alive_s", 75.0, "A client connection on which nothing happens."),
    _seconds("pool_idle_s", 55.0, "An endpoint connection on which nothing happens."),
    _seconds("write_timeout_s", 60.0, "A client that does not take the answer's bytes."),
    _seconds("drain_s", 30.0, "What still runs after SIGTERM or Ctrl-C.", minimum=0.0),
    _seconds("responses_store_s", 86400.0, "How long a stored response is kept.")._replace(
        maximum=30 * _DAY_S
    ),
    _bytes("max_target_bytes", 8192, "Path and query of a request.", minimum=64, maximum=1024**2),
    _bytes("max_head_bytes", 32768, "All headers of a request.", minimum=512, maximum=1024**2),
    _bytes("max_body_bytes", 67108864, "A JSON request body.", minimum=1, maximum=4 * _GIB),
    _bytes(
        "max_upload_bytes",
        536870912,
        "A multipart upload (audio, images).",
        minimum=1,
        maximum=64 * _GIB,
    ),
    _bytes(
        "responses_store_bytes",
        268435456,
        "All stored responses together, with the conversations before them.",
        minimum=1024,
        maximum=64 * _GIB,
    ),
)


def public_url(url: str) -> str:
    """Return a URL as it may be shown: without user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
