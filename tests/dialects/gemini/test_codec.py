from multillama.core.canonical import Embed, Request
from multillama.dialects.catalog import CODECS, COUNT_CODECS, EMBED_CODECS
from multillama.dialects.gemini.codec import BATCH_EMBED_CODEC, CODEC, COUNT_CODEC, EMBED_CODEC


def test_the_rows_are_in_the_catalog():
    assert CODECS["gemini"] is CODEC
    assert COUNT_CODECS["gemini"] is COUNT_CODEC
    assert EMBED_CODECS["gemini.embed"] is EMBED_CODEC
    assert EMBED_CODECS["gemini.batch_embed"] is BATCH_EMBED_CODEC


def test_what_it_says_are_fields_of_a_request():
    assert CODEC.says <= set(Request.__struct_fields__)
    assert CODEC.names.keys() <= CODEC.says
    assert EMBED_CODEC.says <= set(Embed.__struct_fields__)
