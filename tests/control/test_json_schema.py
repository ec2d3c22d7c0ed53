"""The published schema says what the file's reader says, in the tables' words."""

import json

import pytest

from multillama.config.file import FileSettings, file_rows, path_of
from multillama.config.schema import SETTINGS
from multillama.control.json_schema import json_schema, schema_text
from multillama.core.policy import Policy, RetryPolicy
from multillama.core.strategies import STRATEGIES

PARTS = json_schema()["$defs"]
ROWS = {row.name: row for row in SETTINGS}


def test_it_is_a_schema_of_the_file():
    schema = json.loads(schema_text())

    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["$ref"] == f"#/$defs/{FileSettings.__name__}"


def test_unknown_names_are_faults_everywhere():
    assert {
        name for name, part in PARTS.items() if part["additionalProperties"] is not False
    } == set()


@pytest.mark.parametrize("row", list(file_rows()), ids=lambda row: row.name)
def test_a_row_of_the_settings_has_its_words_bounds_and_default(row):
    *section, name = path_of(row)
    part = PARTS[section[0].title()] if section else PARTS["FileSettings"]

    one = part["properties"][name]

    assert one["description"] == row.help
    assert (one.get("minimum"), one.get("maximum")) == (row.minimum, row.maximum)
    assert one.get("default") == row.default


def test_policies_have_their_defaults():
    assert PARTS["RoutingSetting"]["properties"]["strategy"]["default"] == Policy().strategy
    retry = PARTS["RetrySetting"]["properties"]["max_attempts"]
    assert retry["default"] == RetryPolicy().max_attempts


def test_strategies_are_explained():
    kinds = PARTS["PolicySetting"]["properties"]["strategy"]["oneOf"]

    assert {kind["const"]: kind["description"] for kind in kinds} == {
        row.name: row.text for row in STRATEGIES.values()
    }


def test_everything_has_a_description_of_its_own():
    bare = [
        f"{name}.{member}"
        for name, part in PARTS.items()
        for member, one in part["properties"].items()
        if "description" not in one and "$ref" not in one
    ]

    assert bare == []


def test_a_time_limit_of_an_endpoint_has_no_default_of_its_own():
    one = PARTS["EndpointTimeouts"]["properties"]["idle_timeout_s"]

    assert "default" not in one
    assert one["description"] == ROWS["idle_timeout_s"].help
