"""What Ollama's clients ask of models, rendered once when a snapshot is compiled: `/api/tags` and `/api/show`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import msgspec

from multillama.core.snapshot import NO_FACTS, ModelFacts
from multillama.providers.listing import text_of

_EMBEDDERS: Final = ("embed", "bge-", "minilm", "e5-")
"""Parts of the names of models that embed, where nobody says so."""
_EMPTY: Final = {
    "parent_model": "", "format": "", "family": "", "families": [], "parameter_size": "", "quantization_level": "",
}  # fmt: skip


def tag(
    name: str, fields: Mapping[str, msgspec.Raw], facts: ModelFacts, *, created_s: int
) -> dict[str, object]:
    """Return a model's row of `/api/tags`; what an Ollama has told of it stays.

    Args:
        name: The public one.
        fields: Of the model's row in its endpoint's list.
        facts: What is known of it.
        created_s: Seconds since 1970.
    """
    row: dict[str, object] = {
        "name": name,
        "model": name,
        "modified_at": fields.get("modified_at") or _rfc3339(created_s),
        "size": fields.get("size") or 0,
        "digest": fields.get("digest") or sha256(name.encode()).hexdigest(),
        "details": fields.get("details") or _EMPTY,
        "capabilities": _capabilities(name, facts),
    }
    return row


def show(
    name: str, fields: Mapping[str, msgspec.Raw], facts: ModelFacts, *, created_s: int
) -> bytes:
    """Return the body of `/api/show`, with the context length where clients look for it."""
    row = tag(name, fields, facts, created_s=created_s)
    family = text_of(fields.get("owned_by")) or "multillama"
    info: dict[str, object] = {"general.architecture": family, "general.basename": name}
    if facts.context_tokens is not None:
        info[f"{family}.context_length"] = facts.context_tokens
    return msgspec.json.encode({
        "license": "", "modelfile": "", "parameters": "", "template": "{{ .Prompt }}", "model_info": info,
        **{member: row[member] for member in ("details", "capabilities", "modified_at")},
    })  # fmt: skip


def _capabilities(name: str, facts: ModelFacts) -> list[str]:
    if any(part in name.lower() for part in _EMBEDDERS) and facts in (
        NO_FACTS, msgspec.structs.replace(NO_FACTS, context_tokens=facts.context_tokens),
    ):  # fmt: skip
        return ["embedding"]
    found = ["completion"]
    # Most models call functions, and a client hides its tools from those that do not say so.
    if facts.has_tools is not False:
        found.append("tools")
    if facts.has_vision:
        found.append("vision")
    return found


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(min(max(seconds, 0), 253_402_300_799), UTC).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
