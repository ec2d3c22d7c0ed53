from collections.abc import Sequence
from typing import Any

import pytest

from multillama.core.partial import MESSAGES, Partial
from multillama.core.stitch_messages import MessageStitcher
from multillama.core.usage import Usage
from multillama.errors import GatewayError
from multillama.wire.sse import split_events
from tests.core.streams import decoded, event, messages, read

TOOL = {"type": "tool_use", "id": "1", "name": "f", "input": {}}


def stitched(had: Sequence[bytes], events: Sequence[bytes]) -> list[bytes]:
    """Returns all that the client gets."""
    rest = MessageStitcher(read(MESSAGES, had))
    return [*had, *(one for event in events for one in split_events(rest.feed(event))[0])]


def block(kind: dict[str, Any], index: int = 0) -> bytes:
    return event("content_block_start", index=index, content_block=kind)


def ended(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def test_messages_go_on_as_if_nothing_had_been() -> None:
    whole = messages(["One", " two", " three"])

    got = stitched(whole[:4], messages([" three"], "two", prompt=12))

    assert decoded(got) == decoded(whole)


def test_thinking_goes_on_as_thinking() -> None:
    whole = messages(["a"], thoughts=["Let ", "me", " see"])

    got = stitched(whole[:3], messages(["a"], "two", prompt=11, thoughts=[" me", " see"]))

    assert (
        "".join(
            one["delta"].get("thinking", "")
            for one in decoded(got)
            if "content_block_delta" in str(one)
        )
        == "Let me see"
    )
    assert decoded(got)[-6:] == decoded(whole)[-6:]


def test_the_text_may_begin_where_thinking_broke_off() -> None:
    whole = messages(["a"], thoughts=["Let me"])

    got = stitched(whole[:3], messages(["a"], "two", prompt=11))

    assert decoded(got) == decoded(whole)


def test_a_tool_call_ends_the_open_block() -> None:
    had = messages(["One"])[:3]

    got = stitched(had, [messages([], "two")[0], block(TOOL), event("content_block_stop", index=0)])

    assert decoded(got[3:]) == [
        ended(0),
        {"type": "content_block_start", "index": 1, "content_block": TOOL},
        ended(1),
    ]


def test_the_end_ends_the_open_block() -> None:
    whole = messages(["One"])

    assert decoded(stitched(whole[:3], messages([], "two", prompt=11))) == decoded(whole)


def test_an_ended_text_is_not_followed_by_an_empty_one() -> None:
    whole = messages(["One", "\n"])
    rest = messages(["\n"], "two", prompt=11)

    got = stitched(whole[:5], [*rest[:4], block(TOOL, 1), *rest[4:]])

    assert decoded(got[5:6]) == [{"type": "content_block_start", "index": 1, "content_block": TOOL}]
    assert decoded(got[:5]) == decoded(whole[:5])


def test_more_text_after_an_ended_one_is_a_block_of_its_own() -> None:
    whole = messages(["One"])

    got = stitched(whole[:4], messages([" two"], "two", prompt=11))

    assert [one.get("index") for one in decoded(got)] == [None, 0, 0, 0, 1, 1, 1, None, None]


def test_what_is_no_text_is_passed_on_while_blanks_are_expected() -> None:
    rest = MessageStitcher(read(MESSAGES, messages(["a", "\n"])[:4]))
    rest.feed(block({"type": "text", "text": ""}))
    signed = event("content_block_delta", index=0, delta={"type": "signature_delta"})

    assert decoded([rest.feed(signed)]) == decoded([signed])


def test_pings_are_passed_on_and_a_done_is_not() -> None:
    rest = MessageStitcher(read(MESSAGES, messages(["a"])[:3]))

    assert rest.feed(event("ping")) == event("ping")
    assert rest.feed(b"data: [DONE]\n\n") == b""
    assert not rest.is_over


def test_input_that_is_told_again_at_the_end_is_the_first_ones() -> None:
    rest = MessageStitcher(read(MESSAGES, messages(["a"])[:3]))
    usage = {"input_tokens": 2, "cache_read_input_tokens": 9, "output_tokens": 4}

    (end,) = decoded([rest.feed(event("message_delta", delta={}, usage=usage))])[1:]

    assert end["usage"] == {"input_tokens": 1, "cache_read_input_tokens": 9, "output_tokens": 5}
    assert rest.usage == Usage(10, 5)


def test_an_end_without_usage_is_let_be() -> None:
    rest = MessageStitcher(Partial(dialect=MESSAGES))

    assert decoded([rest.feed(event("message_delta", delta={}))]) == [
        {"type": "message_delta", "delta": {}}
    ]
    assert rest.usage == Usage()


@pytest.mark.parametrize(
    "events",
    [
        [event("content_block_delta", index=0, delta={"type": "text_delta", "text": "b"})],
        [block({"type": "thinking", "thinking": ""})],
        [event("message_start")],
        [event("content_block_start", index=0)],
    ],
)
def test_what_is_no_continuation_is_a_failure(events: list[bytes]) -> None:
    with pytest.raises(GatewayError) as failure:
        stitched(messages(["a"])[:3], events)

    assert failure.value.kind == "endpoint_malformed"
