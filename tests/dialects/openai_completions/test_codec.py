from multillama.core.canonical import Request
from multillama.core.codec import Goal, Losses
from multillama.dialects.catalog import CODECS
from multillama.dialects.openai_completions.codec import CODEC


def test_the_row_writes_what_it_reads():
    goal = Goal("x", "vllm", CODEC.family, False, Losses())

    request = CODEC.read_request(CODEC.write_request(Request("m", prompt="Once"), goal))

    assert (request.model, request.prompt) == ("x", "Once")
    assert CODECS["openai.completions"] is CODEC
