from multillama.core.canonical import Request
from multillama.dialects.anthropic_messages.codec import CODEC, COUNT_CODEC
from multillama.dialects.catalog import CODECS, COUNT_CODECS


def test_the_rows_are_in_the_catalog():
    assert CODECS["anthropic.messages"] is CODEC
    assert COUNT_CODECS["anthropic.messages"] is COUNT_CODEC


def test_only_fields_of_requests_are_said():
    fields = set(Request.__struct_fields__)

    assert CODEC.says <= fields
    assert CODEC.names.keys() <= CODEC.says
