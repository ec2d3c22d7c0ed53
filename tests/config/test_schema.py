import inspect
from typing import get_args, get_type_hints

import msgspec
import pytest
from rich.pretty import pretty_repr

from multillama.config import schema
from multillama.config.schema import SETTINGS, EndpointSetting, Settings, public_url

ROWS = {row.name: row for row in SETTINGS}
FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}
PAIRED = {"url", "key"}
OF_THE_FILE = {"endpoints", "aliases", "routing"}
"""What is no flag: the first is in pairs, the others are in the configuration file alone."""


def test_every_setting_is_one_row_and_one_field():
    assert len(ROWS) == len(SETTINGS)
    assert set(ROWS) - PAIRED | OF_THE_FILE == set(FIELDS)


@pytest.mark.parametrize("name", sorted(set(ROWS) - PAIRED - {"port"}))
def test_row_and_field_have_the_same_default(name):
    assert FIELDS[name].default == ROWS[name].default


@pytest.mark.parametrize("name", sorted(set(ROWS) - PAIRED - {"log_format"}))
def test_row_and_field_have_the_same_type(name):
    hint = get_type_hints(Settings)[name]

    assert ROWS[name].type in (hint, *get_args(hint))


def test_the_choices_of_the_log_format_are_those_of_its_type():
    assert ROWS["log_format"].choices == get_args(schema.LogFormat)


def test_the_port_alone_has_to_be_given():
    assert [name for name, field in FIELDS.items() if field.required] == ["port"]


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_a_row_is_complete(row):
    numeric = row.type is not str

    assert row.help.endswith(".")
    assert (row.minimum is None, row.maximum is None) == (not numeric, not numeric)
    if numeric and row.default is not None:
        assert row.minimum <= row.default <= row.maximum
    if row.choices:
        assert row.default in row.choices


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_a_unit_ends_the_name(row):
    ending = {"seconds": "_s", "bytes": "_bytes", "": ""}[row.unit]

    assert row.name.endswith(ending)


def test_flag_and_variable_come_from_the_name():
    row = ROWS["connect_timeout_s"]

    assert (row.flag, row.variable) == ("--connect-timeout-s", "MULTILLAMA_CONNECT_TIMEOUT_S")


SECRETIVE = [
    EndpointSetting(url="http://me:hunter2@a.example/v1", key="hunter2"),
    Settings(
        port=1, api_key="hunter2", endpoints=(EndpointSetting(url="http://a", key="hunter2"),)
    ),
]


@pytest.mark.parametrize("value", SECRETIVE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("show", [repr, str, pretty_repr])
def test_no_secret_is_in_what_is_printed(value, show):
    shown = show(value)

    assert "hunter2" not in shown
    assert "a" in shown


def test_whether_a_key_is_given_is_in_what_is_printed():
    assert "key given" in repr(EndpointSetting(url="http://a", key="k"))
    assert "key none" in repr(EndpointSetting(url="http://a"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://me:secret@a.example:8/v1", "http://a.example:8/v1"),
        ("https://api.openai.com/", "https://api.openai.com/"),
        ("http://[", "(not a URL)"),
    ],
)
def test_a_url_is_shown_without_user_and_password(url, expected):
    assert public_url(url) == expected


def test_the_table_needs_no_loop_clock_or_file():
    source = inspect.getsource(schema)

    assert not any(f"import {name}" in source for name in ("asyncio", "os", "time", "socket"))
