"""Probes: what local servers tell of themselves, whether they are asked for an answer or not.

One row for each question that a provider answers: its path, and the function that reads the answer.
Any bytes are survived: what cannot be read tells nothing.

Sources: llama.cpp's server as of 2026-11 (asked), docs.vllm.ai/en/latest/usage/metrics.html, SGLang's documentation of
its native API and of its metrics, lmstudio.ai/docs/developer/rest, Ollama's `api/types.go` (`ProcessResponse`).
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

import msgspec

from multillama.errors import GatewayError
from multillama.providers.listing import OPENAI, read_listing, text_of


class Warmth(NamedTuple):
    """What one answer tells; None is what it does not."""

    loaded: frozenset[str] | None = None
    """Its own names of the models it holds in memory."""
    slots: int | None = None
    """Exchanges it works on at one time; 0 takes back what it told before."""
    busy: int | None = None
    """Exchanges it works on or has waiting, of all its clients."""
    running: int | None = None
    """Those of them that it works on, where it tells them apart."""
    is_short: bool | None = None
    """True if something waits at each of its engines because there is no room."""


UNKNOWN: Final = Warmth()
NOT_READY: Final = Warmth(loaded=frozenset())
"""What a server tells that answers 503: it is there, and holds nothing yet."""


class Probe(NamedTuple):
    """One question."""

    path: str
    """From the server's root."""
    read: Callable[[bytes], Warmth]
    instead: bool = False
    """It is asked only where the one before it tells nothing."""
    once: bool = False
    """It asks for a setting of the start: not again until the server has failed."""


def _ollama_ps(body: bytes) -> Warmth:
    held = _decoded(body, _Held)
    if held is None:
        return UNKNOWN
    return Warmth(frozenset(model.name for model in held.models or ()))


def _lm_studio(body: bytes) -> Warmth:
    """Read the native list, in which loaded models have instances.

    Each instance works on `parallel` requests at one time. Their sum is a limit only if all tell theirs: an
    embedding model tells none, and takes as many as come.
    """
    held = _decoded(body, _Instances)
    if held is None:
        return UNKNOWN
    instances = [instance for model in held.models for instance in model.loaded_instances]
    names = [model.key for model in held.models if model.loaded_instances]
    names += [instance.id for instance in instances]
    limits = [instance.config.parallel or 0 for instance in instances]
    slots = sum(limits) if all(limit > 0 for limit in limits) else 0
    return Warmth(frozenset(names), slots=slots)


def _lm_studio_v0(body: bytes) -> Warmth:
    """Read the native list of versions before 0.4."""
    held = _decoded(body, _States)
    if held is None:
        return UNKNOWN
    return Warmth(frozenset(row.id for row in held.data if row.state == "loaded"))


def _llama_slots(body: bytes) -> Warmth:
    slots = _decoded(body, list[_Slot])
    if not slots:
        return UNKNOWN
    return Warmth(slots=len(slots), busy=sum(slot.is_processing for slot in slots))


def _llama_props(body: bytes) -> Warmth:
    """Read the number of slots where they themselves are not shown (`--no-slots`)."""
    props = _decoded(body, _Props)
    return Warmth(slots=props.total_slots) if props and props.total_slots > 0 else UNKNOWN


def _listed(body: bytes) -> Warmth:
    """Read the list of a server that holds what it lists, but for rows that say they are not loaded.

    llama.cpp's router lists all models it could load, each with `status.value`.
    """
    try:
        rows = read_listing(body, OPENAI).rows
    except GatewayError:
        return UNKNOWN
    return Warmth(frozenset(row.own or row.id for row in rows if _is_loaded(row.fields)))


def _is_loaded(fields: Mapping[str, msgspec.Raw]) -> bool:
    try:
        status = msgspec.json.decode(fields["status"], type=dict[str, msgspec.Raw])
    except (KeyError, msgspec.MsgspecError):
        return True
    return text_of(status.get("value")) in ("loaded", "")


_SERIES: Final = re.compile(rb"^(\w+:\w+)(?:\{([^\n]*)\})? (\S+)", re.M)
_LABEL: Final = re.compile(rb'(\w+)="([^"\n]*)"')


class _Metrics(NamedTuple):
    """Where one server's Prometheus text tells what runs and waits."""

    running: bytes
    waiting: bytes
    engine: bytes
    """The label that parts its engines, each with a queue of its own."""
    by_reason: bytes = b""
    """Parts what waits by its reason, where the server is new enough."""
    others: bytes = b""
    """A series whose presence means that things may wait for another reason than room."""

    def read(self, body: bytes) -> Warmth:
        """Add up what runs and waits over all engines."""
        running: dict[bytes, float] = {}
        waiting: dict[bytes, float] = {}
        capacity: dict[bytes, float] = {}
        tallies = {self.running: running, self.waiting: waiting, self.by_reason: capacity}
        try:
            for name, labels, value in _SERIES.findall(body):
                tally = tallies.get(name)
                label = dict(_LABEL.findall(labels)) if tally is not None else {}
                if tally is None or not _counts(label, is_by_reason=tally is capacity):
                    continue
                engine = label.get(self.engine, b"")
                tally[engine] = tally.get(engine, 0.0) + float(value)
            if not running:
                return UNKNOWN
            total = int(sum(running.values()))
            is_short = self._is_short(running, capacity or waiting)
            if not capacity and self.others and self.others in body:
                is_short = None
            return Warmth(busy=total + int(sum(waiting.values())), running=total, is_short=is_short)
        except (ValueError, OverflowError):
            return UNKNOWN

    def _is_short(self, running: dict[bytes, float], waiting: dict[bytes, float]) -> bool | None:
        # One engine that is short says nothing of the others, which a limit would hold back as well.
        return all(waiting.get(engine, 0) > 0 for engine in running) if waiting else None


def _counts(label: dict[bytes, bytes], *, is_by_reason: bool) -> bool:
    """Tell whether a series is a part of the sum, and neither a part of another one nor its copy."""
    if is_by_reason:
        return label.get(b"reason") == b"capacity"
    copies = (label.get(b"tp_rank", b"0"), label.get(b"pp_rank", b"0"))
    return copies == (b"0", b"0") and not label.get(b"priority")


_VLLM: Final = _Metrics(
    b"vllm:num_requests_running", b"vllm:num_requests_waiting", b"engine",
    by_reason=b"vllm:num_requests_waiting_by_reason", others=b"vllm:lora_requests_info",
)  # fmt: skip
_SGLANG: Final = _Metrics(b"sglang:num_running_reqs", b"sglang:num_queue_reqs", b"dp_rank")


def _sglang_info(body: bytes) -> Warmth:
    """Read how many requests each of its schedulers admits at one time."""
    info = _decoded(body, _ServerInfo)
    limits = (
        [state.effective_max_running_requests_per_dp for state in info.internal_states]
        if info
        else []
    )
    return Warmth(slots=sum(limits)) if limits and min(limits) > 0 else UNKNOWN


PROBES: Final[Mapping[str, tuple[Probe, ...]]] = MappingProxyType(
    {
        "ollama": (Probe("/api/ps", _ollama_ps),),
        "llama.cpp": (
            Probe("/slots", _llama_slots),
            Probe("/props", _llama_props, instead=True),
            Probe("/v1/models", _listed),
        ),
        "lm-studio": (
            Probe("/api/v1/models", _lm_studio),
            Probe("/api/v0/models", _lm_studio_v0, instead=True),
        ),
        "vllm": (Probe("/metrics", _VLLM.read), Probe("/v1/models", _listed)),
        "sglang": (
            Probe("/get_server_info", _sglang_info, once=True),
            Probe("/metrics", _SGLANG.read),
            Probe("/v1/models", _listed),
        ),
    }
)
"""Provider to its probes; what they tell is put together. A provider without a row is not probed."""


_T = TypeVar("_T")


class _Named(msgspec.Struct):
    name: str


class _Held(msgspec.Struct):
    models: list[_Named] | None


class _Config(msgspec.Struct):
    parallel: int | None = None


class _Instance(msgspec.Struct):
    id: str
    config: _Config = msgspec.field(default_factory=_Config)


class _Model(msgspec.Struct):
    key: str
    loaded_instances: list[_Instance]


class _Instances(msgspec.Struct):
    models: list[_Model]


class _State(msgspec.Struct):
    id: str
    state: str


class _States(msgspec.Struct):
    data: list[_State]


class _Slot(msgspec.Struct):
    is_processing: bool


class _Props(msgspec.Struct):
    total_slots: int


class _Scheduler(msgspec.Struct):
    effective_max_running_requests_per_dp: int


class _ServerInfo(msgspec.Struct):
    internal_states: list[_Scheduler]


def _decoded(body: bytes, shape: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
