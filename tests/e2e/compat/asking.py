"""What every judge is asked and what it tells: the features in our words, whatever an SDK calls them."""

from typing import Any, NamedTuple, Protocol

MAX_TOKENS = 32


class Ask(NamedTuple):
    """One question to a model; a judge says it in its SDK's words."""

    text: str
    model: str
    system: str | None = None
    before: tuple[str, ...] = ()
    """What was said before, by user and assistant in turn."""
    tool: dict[str, Any] | None = None
    """Must be called: `name`, `description` and `parameters`."""
    told: str | None = None
    """What the tool told, when the model had called it with `ARGUMENTS`."""
    schema: dict[str, Any] | None = None
    image: str | None = None
    """A PNG in base64."""
    max_tokens: int | None = MAX_TOKENS


class Said(NamedTuple):
    """One answer of a model."""

    text: str
    end: str
    """`stop`, `length` or `tool`."""
    tokens: tuple[int, int]
    """Read and written."""
    calls: tuple[tuple[str, Any], ...] = ()
    """Names and arguments of the functions that it calls."""
    pieces: int = 1
    """In how many the text came."""


CALL_ID = "call_0123456789"
ARGUMENTS = {"city": "Paris"}


class Judge(Protocol):
    """One API of one SDK."""

    bad_request: type[Exception]
    """What it raises for status 400."""
    not_found: type[Exception]
    any_error: type[Exception]
    """What it raises for any status."""

    def __init__(self, url: str) -> None: ...
    def close(self) -> None: ...
    def say(self, ask: Ask) -> Said: ...
    def stream(self, ask: Ask) -> Said: ...
    def leave(self, ask: Ask) -> str:
        """Reads the first piece of a stream that says something, and leaves."""

    def status_of(self, error: Any) -> int: ...


class Lister(Protocol):
    """A judge that also knows the rest of its SDK."""

    def models(self) -> list[str]: ...
    def context_tokens(self, model: str) -> int:
        """Looks a model up."""

    def embed(self, model: str, texts: list[str]) -> list[list[float]]: ...
    def count(self, ask: Ask) -> int: ...
