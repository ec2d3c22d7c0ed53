"""The snapshot: the compiled, immutable view that the data plane reads. It is swapped in one assignment.

`control/compile.py` makes it; nothing changes it afterwards. The live state hangs on the endpoints and is the
one thing in it that moves.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import force_setattr

from multillama.core.endpoints_state import EndpointState
from multillama.core.policy import DEFAULT_POLICY, Policy
from multillama.core.translate import AnyWay, Detour, Way


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Every wait of the data plane, in seconds."""

    connect_s: float = 5.0
    """Name look-up, TCP and TLS of one attempt together."""
    first_byte_s: float = 600.0
    """From the request's last byte to the first byte of the endpoint's answer."""
    probe_after_s: float = 5.0
    """Silence of an endpoint that has work, before it is asked whether it lives."""
    idle_s: float = 120.0
    """Silence inside an endpoint's answer."""
    send_s: float = 30.0
    """Silence of an endpoint that does not take the request's bytes."""
    header_s: float = 10.0
    """From the first byte of a request's head to its last."""
    body_s: float = 30.0
    """Silence inside a request's body."""
    keep_alive_s: float = 75.0
    """An idle client connection."""
    pool_idle_s: float = 55.0
    """An idle endpoint connection."""
    write_s: float = 60.0
    """A client that does not take the answer's bytes."""
    drain_s: float = 30.0
    """Running exchanges after the first SIGTERM."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Every size the data plane refuses to pass, in bytes."""

    target_bytes: int = 8 * 1024
    head_bytes: int = 32 * 1024
    body_bytes: int = 64 * 1024 * 1024
    upload_bytes: int = 512 * 1024 * 1024


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One configured LLM server, ready to be called."""

    name: str
    """Unique and public, e.g. `api.openai.com` or `localhost:11434`."""
    url: str
    """The base URL as configured, without user and password."""
    provider: str
    """Name of its row in `providers/catalog.py`."""
    is_provider_given: bool = False
    """True where the operator has named it: then its answers correct nothing."""
    has_key: bool
    scheme: str
    host: str
    port: int
    paths: dict[str, bytes]
    """Operation to its path below this endpoint, e.g. `{"chat": b"/openai/v1/chat/completions"}`."""
    query: bytes = b""
    """What every request to it has behind its path, e.g. `api-version=preview`; may be a secret."""
    fixed_head: bytes
    """Header lines of every request to it, each ending in CRLF: `host`, credentials, … A secret."""
    own_heads: Mapping[str, bytes] = {}
    """Operation to its `fixed_head`, where its dialect has the key in another header. A secret, too."""
    owns: frozenset[bytes] = frozenset()
    """Names of headers, lower case, that `fixed_head` sets and a client's may not repeat."""
    defaults: tuple[tuple[bytes, bytes], ...] = ()
    """Headers it needs, lower-case name and value, each sent where the client sends none of that name."""
    state: EndpointState
    weight: float = 1.0
    """Its share among endpoints of one tier, for `weighted` and as a factor in others."""
    tier: int = 0
    """Endpoints of a lower tier come first; the next is for overflow and failure."""
    is_local: bool = False
    """True if it never leaves this machine or network: by its address, or because it is tagged `local`."""
    tags: frozenset[str] = frozenset()
    max_concurrency: int | None = None
    """Exchanges at one time, as configured; None where nobody said. What is learned stands in `state.slots`."""
    is_selective: bool = False
    """Globs may leave out some of the models that it lists."""
    timeouts: Timeouts | None = None
    """Its own, where they differ from the snapshot's."""
    local_only: bool = False
    """Every model that it serves is local-only, wherever else it is served."""
    speaks: tuple[str, ...] = ()
    """The dialects that it is known to speak, the best first; what is asked in another is translated (`ways`)."""
    are_dialects_given: bool = False
    """True where the operator has named them: then its answers change nothing."""
    ways: Mapping[str, AnyWay] = {}
    """Operation to how it is asked for in a dialect that the endpoint speaks; not there where the client's does."""
    cleaning: Mapping[str, Way] = {}
    """Operation to the way back into its own dialect, for conversations that hold what others have signed."""
    detours: Mapping[str, Detour] = {}
    """Operation to the way of requests that ask for what the endpoint ignores in their dialect, which it speaks."""
    lacks: frozenset[str] = frozenset()
    """Operations that it cannot have, by the dialects that it speaks, and that no way leads to."""
    tidying: Mapping[str, Callable[[bytes], bytes]] = {}
    """Operation to what takes out of a body that passes what would only harm here: one top-level member at most.

    It returns the same object where there is nothing to take out.
    """
    untouched: frozenset[str] = frozenset()
    """Operations that are in none of the four and whose path names no model: as it is, but for the model's name."""
    keeps_responses: bool = False
    """True where `previous_response_id` means something to it."""
    rejects_losses: bool = False
    """True where a request is refused that cannot be told it whole; else what is lost is named."""
    input_price: float | None = None
    """As configured, US dollars per million tokens: for its models whose list tells none."""
    output_price: float | None = None

    def head_of(self, operation: str) -> bytes:
        """Returns the header lines of every request of an operation."""
        return self.own_heads.get(operation, self.fixed_head)

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        # msgspec makes one of its own, with `fixed_head` in it, which rich would print
        return [("name", self.name)]


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model on one endpoint; None is unknown, and unknown is allowed."""

    context_tokens: int | None = None
    has_vision: bool | None = None
    has_tools: bool | None = None
    input_price: float | None = None
    """US dollars per million tokens."""
    output_price: float | None = None


NO_FACTS = ModelFacts()


class Target(msgspec.Struct, frozen=True):
    """An endpoint and the name it knows the model by."""

    endpoint: Endpoint
    rename: bytes | None = None
    """The endpoint's own name of the model as a JSON string, where it differs from the public one."""
    model: str = ""
    """The endpoint's own name of the model: the key of what is learnt about it there (breaker, warmth)."""
    facts: ModelFacts = NO_FACTS
    weight: float = 1.0
    """Its share, from the alias or the endpoint."""
    tier: int = 0
    """From the alias or the endpoint."""


class Route(msgspec.Struct, frozen=True):
    """What a public name leads to."""

    targets: tuple[Target, ...]
    """In the order of preference as configured, at least one."""
    policy: Policy = DEFAULT_POLICY
    peers: tuple[EndpointState, ...] = ()
    """Made from the others: its endpoints' states, if nothing else tells its targets apart before the strategy does."""
    is_even: bool = False
    """Made from the others: all targets have one weight."""
    lacks: frozenset[str] = frozenset()
    """Made from the others: operations that not every target has."""

    def __post_init__(self) -> None:
        targets = self.targets
        are_peers = not self.policy.local_only and len({target.tier for target in targets}) == 1
        are_peers = are_peers and all(
            target.facts is NO_FACTS and target.endpoint.max_concurrency is None
            for target in targets
        )
        peers = tuple(target.endpoint.state for target in targets) if are_peers else ()
        is_even = len({target.weight for target in targets}) == 1
        force_setattr(self, "peers", peers)
        force_setattr(self, "is_even", is_even)
        force_setattr(self, "lacks", frozenset().union(*(row.endpoint.lacks for row in targets)))


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the data plane may know."""

    endpoints: tuple[Endpoint, ...] = ()
    routes: dict[str, Route] = {}
    """Public model name to its route."""
    aliases: frozenset[str] = frozenset()
    """Names in `routes` that are understood but stand in no list, e.g. `llama3` for `llama3:latest`."""
    unserved: dict[str, tuple[str, ...]] = {}
    """Alias of the configuration file to those of its targets that no endpoint lists, if there are any."""
    lists: dict[str, bytes] = {}
    """Dialect of the listing (`openai`, `anthropic`, `gemini`) to the whole body of `GET /v1/models`."""
    rows: dict[str, dict[str, bytes]] = {}
    """Dialect to model to the body of `GET /v1/models/{id}`."""
    api_key: bytes | None = None
    """What clients must send, or None. A secret."""
    bound: str = ""
    """The host name that `--host` gave."""
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    carrier_key: bytes = b""
    """Seals the signatures of providers that travel through clients of other dialects. A secret."""

    def __repr__(self) -> str:
        return f"Snapshot({len(self.endpoints)} endpoints, {len(self.routes) - len(self.aliases)} models)"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [
            ("endpoints", len(self.endpoints)),
            ("models", len(self.routes) - len(self.aliases)),
        ]
