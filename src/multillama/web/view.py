"""What the page is told by the gateway. Facts only: no key's text, no prompt, no answer."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from multillama.core.decision import Choice, Decision
from multillama.core.record import Record


class EndpointView(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint as it stands now."""

    name: str
    url: str
    """The base URL, without user and password."""
    provider: str
    """The provider's title for people, e.g. `OpenAI`."""
    key: Literal["given", "none"]
    state: Literal["up", "down", "unknown"]
    """`unknown` until the first attempt or listing has told."""
    first_byte_ms: float | None = None
    """Mean time to the first byte of an answer."""
    models: int = 0
    requests: int = 0
    failures: int = 0
    in_flight: int = 0
    waiting: int = 0
    """Exchanges that wait for a place at it; one may wait at several."""
    limit: int | None = None
    """How many it is given at one time, as configured, told or learnt; None where there is no limit."""
    tier: int = 0
    is_local: bool = False
    local_only: bool = False
    """Its models never leave for a cloud."""
    tags: tuple[str, ...] = ()
    tokens: int = 0
    last_error: str | None = None
    """Public text of the newest failure; it stays after recovery."""
    last_error_age_s: float | None = None
    slots: int | None = None
    """How many exchanges it serves at one time, where it has told."""
    busy: int | None = None
    """How many it serves or has waiting, of all its clients, where it has told."""
    loaded: tuple[str, ...] | None = None
    """Models it holds in memory, where it has told."""
    paused: tuple[str, ...] = ()
    """What is not tried for the moment and why, one sentence each."""


class ModelView(msgspec.Struct, frozen=True, kw_only=True):
    """One model that a client may ask for."""

    id: str
    endpoints: tuple[str, ...]
    """Names of the endpoints that serve it, in the order they are tried."""
    context: int | None = None
    """Context length in tokens, where an endpoint has told it."""


class View(Protocol):
    """The gateway as the page sees it. Every method answers from memory, at once."""

    def endpoints(self) -> Sequence[EndpointView]:
        """Returns the endpoints in the order of the command line."""

    def models(self) -> Sequence[ModelView]:
        """Returns all models: **the same object** for as long as nothing in it has changed."""

    def warnings(self) -> Sequence[str]:
        """Returns what is the matter beyond single endpoints, one sentence each."""

    def recent(self) -> Sequence[Record]:
        """Returns the newest exchanges, newest first, bounded."""

    def exchanges(self, limit: int) -> Sequence[Record]:
        """Returns the newest exchanges that can be explained, newest first."""

    def decision(self, id: str) -> Decision | None:
        """Explains one exchange; None if it is not, or no longer, known."""

    def capacity(self) -> int:
        """Returns how many exchanges can be explained."""

    def dry_run(self, model: str, wishes: Mapping[str, bytes]) -> Choice:
        """Says what would be tried for a model now.

        Raises:
            GatewayError: What a client would be told that asked for it.
        """

    def needs_key(self) -> bool:
        """Says whether clients must send the gateway's own key."""

    def is_key(self, candidate: str) -> bool:
        """Says whether this is the gateway's key, in constant time."""

    def host(self) -> str:
        """Returns the name or address that `--host` gave, without the port."""

    def changed(self) -> int:
        """Returns a counter that grows whenever anything shown has changed."""
