"""What a request asks for is seen without reading all of it."""

import pytest

from multillama.dialects.anthropic_messages.asks import asks_format


@pytest.mark.parametrize(
    "body",
    [
        b'{"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}',
        b'{"output_config":{"effort":"low","format":{"schema":{},"type": "json_schema"}}}',
        b'{"output_config":{"effort":"low"},"output_format":{"type":"json_schema"}}',
    ],
)
def test_a_form_of_the_answer_is_seen(body):
    assert asks_format(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[]}',
        b'{"output_config":{"effort":"low"},"x":"json_schema"}',
        b'{"output_config":null,"output_format":null,"x":"json_schema"}',
        b'{"output_config":"json_schema", "x": "json_schema"}',
        b'{"output_format":{"type":"json_schema"',
    ],
)
def test_what_is_none_is_not_taken_for_one(body):
    assert not asks_format(body)
