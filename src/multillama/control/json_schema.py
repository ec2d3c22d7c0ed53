"""The JSON Schema of the configuration file, for editors: made from the types, with the tables' words.

It is published as `docs/multillama.schema.json`, and `multillama config schema` prints it.
"""

from typing import Any, Final

import msgspec

from multillama.config.file import FileSettings
from multillama.config.schema import SETTINGS
from multillama.core.policy import DEFAULT_POLICY
from multillama.core.strategies import STRATEGIES

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_OF_POLICIES: Final = {
    "RetrySetting": "retry", "BreakerSetting": "breaker", "QueueSetting": "queue",
}  # fmt: skip


def json_schema() -> dict[str, Any]:
    """Return the schema as JSON's own types."""
    schema: dict[str, Any] = msgspec.json.schema(FileSettings)
    parts: dict[str, dict[str, Any]] = schema["$defs"]
    rows = {row.name: row for row in SETTINGS}
    policy: dict[str, Any] = msgspec.to_builtins(DEFAULT_POLICY)
    for name, part in parts.items():
        part.pop("title", None)
        for member, one in part["properties"].items():
            _tidy(one)
            if (row := rows.get(member)) is not None and "description" not in one:
                one["description"] = row.help
            if row is not None and row.default is not None and name != "EndpointTimeouts":
                one["default"] = row.default
        if name in ("RoutingSetting", *_OF_POLICIES):
            _add_defaults(part, policy.get(_OF_POLICIES.get(name, ""), policy))
        if "strategy" in part["properties"]:
            _name_strategies(part["properties"]["strategy"])
    return {"$schema": DIALECT, "title": "MultiLlama's configuration file", **schema}


def schema_text() -> str:
    """Return the schema as a file."""
    return msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode() + "\n"


def _tidy(one: dict[str, Any]) -> None:
    """Leave out defaults that say nothing: empty ones, and null for what is not there."""
    if not isinstance(one.get("default"), str | int | float):
        one.pop("default", None)


def _add_defaults(part: dict[str, Any], defaults: dict[str, Any]) -> None:
    for member, one in part["properties"].items():
        if isinstance(defaults.get(member), str | int | float):
            one["default"] = defaults[member]


def _name_strategies(one: dict[str, Any]) -> None:
    del one["enum"]
    one["oneOf"] = [{"const": row.name, "description": row.text} for row in STRATEGIES.values()]
