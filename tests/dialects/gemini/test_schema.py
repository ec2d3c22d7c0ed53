import pytest

from multillama.dialects.gemini.schema import json_schema, undeclared

CASES = {
    "types are spelled small": (
        {"type": "OBJECT", "properties": {"type": {"type": "STRING"}}, "required": ["type"]},
        {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]},
    ),
    "a list of types, too": ({"type": ["STRING", "NULL"]}, {"type": ["string", "null"]}),
    "items and choices have schemas inside": (
        {"type": "ARRAY", "items": {"any_of": [{"type": "INTEGER"}, {"type": "NULL"}]}},
        {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
    ),
    "other properties are a schema or a truth value": (
        {"additionalProperties": {"type": "NUMBER"}, "properties": {"a": True}},
        {"additionalProperties": {"type": "number"}, "properties": {"a": True}},
    ),
    "64-bit integers are numbers": (
        {"type": "ARRAY", "minItems": "2", "maxItems": "x", "min_length": 3},
        {"type": "array", "minItems": 2, "maxItems": "x", "minLength": 3},
    ),
    "a value may be null": ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
    "so may one of a few": (
        {"type": "STRING", "enum": ["a"], "nullable": True},
        {"type": ["string", "null"], "enum": ["a", None]},
    ),
    "so may one of some types": (
        {"type": ["STRING"], "nullable": True},
        {"type": ["string", "null"]},
    ),
    "null is not told twice": (
        {"type": ["STRING", "NULL"], "nullable": True},
        {"type": ["string", "null"]},
    ),
    "so may a choice": (
        {"anyOf": [{"type": "STRING"}], "nullable": True},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
    ),
    "what has no type takes null anyway": ({"title": "A", "nullable": True}, {"title": "A"}),
    "definitions keep their names": (
        {"defs": {"my_part": {"type": "STRING"}}, "ref": "#/$defs/my_part"},
        {"$defs": {"my_part": {"type": "string"}}, "$ref": "#/$defs/my_part"},
    ),
    "what is left out is not told": ({"type": "STRING", "title": None}, {"type": "string"}),
    "what is not understood stays": (
        {"type": 1, "anyOf": {}, "properties": [], "propertyOrdering": ["b_a"]},
        {"type": 1, "anyOf": {}, "properties": [], "propertyOrdering": ["b_a"]},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_schema_of_openapi_becomes_json_schema(case):
    schema, wanted = CASES[case]

    assert json_schema(schema) == wanted


def test_what_is_no_schema_stays():
    assert json_schema(True) is True


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"$schema": "a", "type": "object"}, {"type": "object"}),
        ({"type": "object"}, {"type": "object"}),
        (True, True),
    ],
)
def test_the_name_of_its_language_is_left_out(schema, wanted):
    assert undeclared(schema) == wanted
