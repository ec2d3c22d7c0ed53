"""Probes: what local servers tell of themselves, whether they are asked for an answer or not.

One row for each question that a provider answers: its path, and the function that reads the answer.
Any bytes are survived: what cannot be read tells nothing.

Sources: llama.cpp's server as of 2026-11 (asked), docs.vllm.ai/en/latest/usage/metrics.html,
lmstudio.ai/docs/developer/rest, Ollama's `api/types.go` (`ProcessResponse`).
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
    """Exchanges it works on at one time."""
    busy: int | None = None
    """Exchanges it works on or has waiting, of all its clients."""


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


def _ollama_ps(body: bytes) -> Warmth:
    held = _decoded(body, _Held)
    if held is None:
        return UNKNOWN
    return Warmth(frozenset(model.name for model in held.models or ()))


def _lm_studio(body: bytes) -> Warmth:
    """Read the native list, in which loaded models have instances."""
    held = _decoded(body, _Instances)
    if held is None:
        return UNKNOWN
    names = [
        name
        for model in held.models
        if model.loaded_instances
        for name in (model.key, *(instance.id for instance in model.loaded_instances))
    ]
    return Warmth(frozenset(names))


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


_GAUGE: Final = re.compile(rb"^vllm:num_requests_(?:running|waiting)(?:\{[^\n]*\})? (\S+)", re.M)


def _vllm_metrics(body: bytes) -> Warmth:
    """Read what runs and waits from Prometheus' text, over all engines."""
    try:
        counts = [float(value) for value in _GAUGE.findall(body)]
        return Warmth(busy=int(sum(counts))) if counts else UNKNOWN
    except (ValueError, OverflowError):
        return UNKNOWN


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
        "vllm": (Probe("/metrics", _vllm_metrics), Probe("/v1/models", _listed)),
    }
)
"""Provider to its probes; what they tell is put together. A provider without a row is not probed."""


_T = TypeVar("_T")


class _Named(msgspec.Struct):
    name: str


class _Held(msgspec.Struct):
    models: list[_Named] | None


class _Instance(msgspec.Struct):
    id: str


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


def _decoded(body: bytes, shape: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
