from multillama.core.canonical import Message, Request, Text
from multillama.core.codec import Goal, Losses
from multillama.dialects.catalog import CODECS
from multillama.dialects.openai_chat.codec import CODEC


def test_the_row_writes_what_it_reads():
    body = CODEC.write_request(
        Request("m", [Message("user", [Text("Hi")])]),
        Goal("x", "openai", CODEC.family, True, Losses()),
    )

    request = CODEC.read_request(body)

    assert (request.model, request.messages, request.stream) == (
        "x",
        [Message("user", [Text("Hi")])],
        True,
    )
    assert CODECS["openai.chat"] is CODEC
    assert CODEC.says <= set(Request.__struct_fields__)
