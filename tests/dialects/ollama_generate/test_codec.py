import json

import pytest
from hypothesis import given, settings

from multillama.core.canonical import Request
from multillama.dialects.catalog import CODECS
from multillama.dialects.ollama_generate.codec import CODEC
from tests.dialects.ollama_cases import BODIES, DEEP, check

ASKED = b'{"model":"m","prompt":"x"}'


@settings(max_examples=150)
@given(BODIES)
def test_any_bytes_give_values_or_a_misfit(body):
    check(CODEC, body)


@pytest.mark.parametrize("body", DEEP)
def test_deep_nesting_gives_values_or_a_misfit(body):
    check(CODEC, body)


def test_the_row_stands_in_the_catalog():
    assert CODECS["ollama.generate"] is CODEC


def test_all_that_can_be_said_are_fields():
    assert CODEC.says | CODEC.names.keys() <= set(Request.__struct_fields__)


def test_a_request_that_only_loads_is_answered_here_and_no_other():
    load, ask = CODEC.read_request(b'{"model":"m"}'), CODEC.read_request(ASKED)

    assert json.loads(CODEC.answer_here(load, 0))["done_reason"] == "load"
    assert CODEC.answer_here(ask, 0) is None
