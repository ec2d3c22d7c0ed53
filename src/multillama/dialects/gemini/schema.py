"""Makes JSON Schema of the schema that Gemini takes from OpenAPI 3.0, which spells types in capitals.

What JSON Schema has no word for (`propertyOrdering`, `example`) stays, as readers of JSON Schema pass over it.

Source: google-genai 3.4.0 `types.Schema`; ai.google.dev/api/caching#Schema (November 2026).
"""

from typing import Any, Final

from multillama.core.shape import Object
from multillama.dialects.gemini.spelling import camel

_WHOLE: Final = frozenset((
    "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties",
))  # fmt: skip
"""64-bit integers, which ProtoJSON writes as texts."""
_LANGUAGE: Final = "$schema"
_NAMES: Final = {"defs": "$defs", "ref": "$ref"}


def json_schema(value: Any) -> Any:
    """Returns a schema as JSON Schema; what is no object, as it is."""
    if not isinstance(value, dict):
        return value
    members = camel(value)
    schema: Object = {}
    for name, member in members.items():
        if member is not None and name != "nullable":
            schema[_NAMES.get(name, name)] = _member(name, member)
    if members.get("nullable") is True:
        _allow_null(schema)
    return schema


def undeclared(schema: Any) -> Any:
    """Returns a schema without the name of its language, which Gemini does not know."""
    if isinstance(schema, dict) and _LANGUAGE in schema:
        return {name: member for name, member in schema.items() if name != _LANGUAGE}
    return schema


def _member(name: str, value: Any) -> Any:
    if name == "type":
        return _type(value)
    if name in ("properties", "defs", "$defs") and isinstance(value, dict):
        return {key: json_schema(each) for key, each in value.items()}
    if name in ("items", "additionalProperties"):
        return json_schema(value)
    if name in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
        return [json_schema(each) for each in value]
    if name in _WHOLE and isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)
    return value


def _type(value: Any) -> Any:
    if isinstance(value, list):
        return [_type(each) for each in value]
    return value.lower() if isinstance(value, str) else value


def _allow_null(schema: Object) -> None:
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
        if isinstance(enum := schema.get("enum"), list) and None not in enum:
            schema["enum"] = [*enum, None]
    elif isinstance(kind, list):
        if "null" not in kind:
            schema["type"] = [*kind, "null"]
    elif isinstance(rows := schema.get("anyOf"), list):
        schema["anyOf"] = [*rows, {"type": "null"}]
