"""What a request asks for is seen without reading all of it."""

import pytest

from multillama.dialects.openai_responses.asks import asks_format


@pytest.mark.parametrize(
    "body",
    [
        b'{"text":{"format":{"type":"json_schema","name":"x","schema":{"type":"object"}}}}',
        b'{"text":{"verbosity":"low","format":{"schema":{"type":"object"},"type": "json_schema"}}}',
        b'{"input":"Hi","text":{"format":{"type":"json_object"}}}',
    ],
)
def test_a_form_of_the_answer_is_seen(body):
    assert asks_format(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"input":"Hi"}',
        b'{"text":{"format":{"type":"text"}}}',
        b'{"text":null,"input":"\\"json_schema\\""}',
        b'{"tools":[{"parameters":{"properties":{"type":{"enum":["json_schema"]}}}}]}',
        b'{"text":"json_schema", "x": "json_object"}',
        b'{"text":{"format":{"type":"json_schema"',
    ],
)
def test_what_is_none_is_not_taken_for_one(body):
    assert not asks_format(body)
