import json

import pytest
from hypothesis import given, strategies as st

from multillama.core.usage import WINDOW_BYTES, Usage, read_usage, says_it_is_over

CHAT = (
    b'{"choices":[{"message":{"content":"say \\"usage\\": {\\"prompt_tokens\\": 7777}"}}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,'
    b'"prompt_tokens_details":{"cached_tokens":4}}}'
)
STARTED = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":'
    b'{"input_tokens":25,"cache_read_input_tokens":3,"output_tokens":1}}}\n\n'
)
ENDED = b'data: {"type":"message_delta","usage":{"output_tokens":15}}\n\nevent: message_stop\n\n'


@pytest.mark.parametrize(
    ("opening", "ending", "usage"),
    [
        (b"", CHAT, (9, 12)),
        (b"", b'{"usage": {"input_tokens" : 3 ,\n "output_tokens":\t4 }}', (3, 4)),
        (b"", b'{"usage":{"prompt_tokens":8,"total_tokens":8}}', (8, 0)),
        (b"", b'{"usage":{"prompt_tokens":8,"total_tokens":20,"completion_tokens":12}}', (8, 12)),
        (b"", b'{"usage":{"prompt_tokens":8,"total_tokens":3}}', (8, 0)),
        (b"", b'{"usage":{"total_tokens":20}}', (None, None)),
        (b"", b'{"usage":{"prompt_tokens":8}}', (8, None)),
        (b"", b'{"usage":{"completion_tokens":8}}', (None, 8)),
        (b"", b'{"usage":{"prompt_tokens":0,"completion_tokens":0}}', (0, 0)),
        (b"", b'{"usage":null}', (None, None)),
        (b"", b'{"data":[]}', (None, None)),
        (b"", b"", (None, None)),
        (STARTED, ENDED, (28, 15)),
        (STARTED, b"", (28, 1)),
        (b"data: hello\n\n", CHAT, (9, 12)),
        (b'data: {"usage":null}\n\n', CHAT, (9, 12)),
        (CHAT, b'"usage":{"prompt_tokens":0,"completion_tokens":0}', (0, 0)),
    ],
)
def test_tokens_are_read_where_each_dialect_tells_them(opening, ending, usage):
    assert read_usage(opening, ending) == Usage(*usage)


ANTHROPIC = (
    b'{"usage":{"input_tokens":43,"cache_creation_input_tokens":100,"cache_read_input_tokens":2000,'
    b'"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":0},"output_tokens":7,'
    b'"iterations":[{"input_tokens":1,"cache_read_input_tokens":5,"output_tokens":2}]}}'
)


@pytest.mark.parametrize(
    ("body", "into"),
    [
        (ANTHROPIC, 2143),
        (b'{"usage":{"input_tokens":3,"output_tokens":7,"cache_read_input_tokens":40}}', 43),
        (b'{"usage":{"cache_read_input_tokens":40,"input_tokens":3,"output_tokens":7}}', 43),
        (b'{"usage":{"input_tokens":3,"cache_read_input_tokens":null,"output_tokens":7}}', 3),
        # these tell the whole in the first number
        (b'{"usage":{"prompt_tokens":43,"completion_tokens":7,"cache_read_input_tokens":40}}', 43),
        (
            b'{"usage":{"input_tokens":43,"input_tokens_details":{"cached_tokens":40},"output_tokens":7}}',
            43,
        ),
        (b'{"usage":{"prompt_tokens":43,"completion_tokens":7,"prompt_cache_hit_tokens":40}}', 43),
    ],
)
def test_input_tokens_are_all_of_them_cached_or_not(body, into):
    assert read_usage(b"", body) == Usage(into, 7)


@pytest.mark.parametrize(
    ("ending", "counts"),
    [
        (
            b'{"usageMetadata": {"promptTokenCount": 3,"candidatesTokenCount": 4,"thoughtsTokenCount":5}}',
            (3, 9),
        ),
        (b'{"usageMetadata":{"promptTokenCount":3,"totalTokenCount":3}}', (3, None)),
        (b'{"done":true,"prompt_eval_count":3,"eval_duration":9,"eval_count":4}', (3, 4)),
        (b'{"embeddings":[[1]],"prompt_eval_count":3}', (3, None)),
        (b'{"done":false}', (None, None)),
    ],
)
def test_gemini_and_ollama_count_in_their_own_words(ending, counts):
    assert read_usage(b"", ending) == Usage(*counts)


def test_of_many_usages_in_a_stream_the_last_counts():
    events = b"".join(
        b'data: {"usage":{"prompt_tokens":9,"completion_tokens":%d}}\n\n' % n for n in range(5)
    )

    assert read_usage(b"", events) == Usage(9, 4)


@pytest.mark.parametrize(
    "value", [b"1.5", b"1e3", b"-1", b'"7"', b"null", b"true", b"1234567890123", b"[1]"]
)
def test_what_is_no_count_is_not_counted(value):
    usage = b'"usage":{"prompt_tokens":%b,"completion_tokens":%b}' % (value, value)

    assert read_usage(b"", usage) == Usage()


@pytest.mark.parametrize("cut", range(len(b'"usage":{"prompt_tokens":1234')))
def test_a_count_that_is_cut_off_is_not_taken_for_a_small_one(cut):
    opening = b'"usage":{"prompt_tokens":1234'

    assert read_usage(opening[: cut + 1], b"") == Usage()


def test_counts_far_behind_belong_to_something_else():
    far = b'"usage":{"x":"%b","prompt_tokens":1234}' % (b"y" * WINDOW_BYTES)
    cut = b'"usage":{"x":"%b","prompt_tokens":1234}' % (b"y" * (WINDOW_BYTES - 36))

    assert read_usage(b"", far) == Usage()
    assert read_usage(b"", cut) == Usage()


@given(opening=st.binary(), ending=st.binary())
def test_any_bytes_give_an_answer(opening, ending):
    assert isinstance(read_usage(b'"usage"' + opening, b'"usage"' + ending), Usage)


@given(
    into=st.integers(0, 10**12 - 1),
    out=st.integers(0, 10**12 - 1),
    names=st.sampled_from(
        [("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")]
    ),
    # a usage within the usage would be told from it by parsing alone
    more=st.dictionaries(
        st.text(max_size=5).filter(lambda name: name != "usage"),
        st.integers() | st.text(max_size=20),
        max_size=4,
    ),
    is_last=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
)
def test_what_a_server_says_is_what_is_read(into, out, names, more, is_last, indent):
    counts = dict(zip(names, (into, out), strict=True))
    usage = (
        more | counts if is_last else counts | {k: v for k, v in more.items() if k not in counts}
    )
    body = json.dumps({"id": "x", "usage": usage}, indent=indent).encode()

    assert read_usage(b"", body) == Usage(into, out)


RESPONSE_USAGE = (
    b'{"input_tokens":9,"input_tokens_details":{"cached_tokens":0},"output_tokens":2,'
    b'"output_tokens_details":{"reasoning_tokens":0},"total_tokens":11}'
)
RESPONSE_END = b'data: {"type":"response.%b","response":{}}\n\n'


@pytest.mark.parametrize(
    ("ending", "is_over"),
    [
        (b'data: {"choices":[]}\n\ndata: [DONE]\n\n', True),
        (b'event: message_stop\ndata: {"type":"message_stop"}\n\n', True),
        (b'data: {"choices":[{"delta":{"content":"[DONE]"}}]}\n\n', False),
        (b"data: [DONE]" + b" " * 100, False),
        (RESPONSE_END % b"completed", True),
        (b'"tools":[],"usage":' + RESPONSE_USAGE + b',"user":null,"metadata":{}}}\n\n', True),
        (b'"tools":[],"usage":null,"user":null,"metadata":{}}}\n\n', False),
        (b'"usage":' + RESPONSE_USAGE + b'}}\n\ndata: {"x":"y', False),
        (b'"text":"\\"usage\\":{\\"input_tokens\\":1,\\"total_tokens\\":2}"}}\n\n', False),
        (b'"message":{"usage":{"input_tokens":9,"output_tokens":1}}}\n\n', False),
        (b'"choices":[],"usage":{"prompt_tokens":9,"total_tokens":1}}\n\n', False),
        (b"", False),
    ],
)
def test_a_stream_tells_its_own_end(ending, is_over):
    assert says_it_is_over(ending) is is_over
