"""Pieces of streams, for the tests of their reader."""

from multillama.core.canonical import Text
from multillama.core.deltas import End, Finish, Start
from tests.dialects.openai_responses.spoken import DIALECT, FAMILY, event, read

RESPONSE = {
    "id": "resp_1",
    "model": "gpt-x",
    "created_at": 1600,
    "output": [],
    "billing": {"payer": "x"},
}
START = Start("resp_1", "gpt-x", 1600, None, {"billing": {"payer": "x"}}, FAMILY, DIALECT)
BARE = Start(family=FAMILY, dialect=DIALECT)
CREATED = event("response.created", response=RESPONSE)
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "status": "in_progress",
    "role": "assistant",
    "content": [],
}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "c",
    "name": "f",
    "arguments": "",
    "status": "in_progress",
}
TEXT = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
EMPTY = Text("", item_id="msg_1")


def completed(**members):
    return event("response.completed", response={**RESPONSE, "status": "completed", **members})


def added(item, index=0):
    return event("response.output_item.added", output_index=index, item=item)


def done(item, index=0):
    return event("response.output_item.done", output_index=index, item=item)


def at(item_id="msg_1", index=0, part=0):
    return {"item_id": item_id, "output_index": index, "content_index": part}


def delta(kind, text, **place):
    return event(f"response.{kind}.delta", **(place or at()), delta=text)


def events(*pieces):
    """Reads what comes between the beginning of a stream and its end."""
    found = read(CREATED + b"".join(pieces) + completed())
    assert found[0] == START
    assert isinstance(found[-2], Finish)
    assert found[-1] == End({"billing": {"payer": "x"}})
    return found[1:-2]


def stream_of_all():
    """Returns the events of a stream with items of all kinds."""
    rows = []
    summary = {"type": "summary_text", "text": "hm"}
    text = {**TEXT, "text": "hi", "annotations": [{"type": "url_citation", "url": "https://x"}]}

    def say(kind, **members):
        rows.append({"type": f"response.{kind}", "sequence_number": len(rows), **members})

    say("created", response=RESPONSE)
    say(
        "output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1", "summary": []}
    )
    say("reasoning_summary_text.delta", item_id="rs_1", output_index=0, summary_index=0, delta="hm")
    say(
        "output_item.done",
        output_index=0,
        item={"type": "reasoning", "id": "rs_1", "summary": [summary]},
    )
    say("output_item.added", output_index=1, item=MESSAGE)
    say("content_part.added", **at(index=1), part=TEXT)
    say(
        "output_text.delta",
        **at(index=1),
        delta="hi",
        logprobs=[{"token": "hi", "logprob": -1, "top_logprobs": []}],
    )
    say(
        "output_text.annotation.added",
        **at(index=1),
        annotation_index=0,
        annotation=text["annotations"][0],
    )
    say("content_part.done", **at(index=1), part=text)
    say("output_item.done", output_index=1, item={**MESSAGE, "content": [text]})
    say("output_item.added", output_index=2, item=CALL)
    say("function_call_arguments.delta", item_id="fc_1", output_index=2, delta="{}")
    say("output_item.done", output_index=2, item={**CALL, "arguments": "{}"})
    say("output_item.added", output_index=3, item={"type": "web_search_call", "id": "ws_1"})
    say("web_search_call.searching", output_index=3, item_id="ws_1")
    say(
        "output_item.done",
        output_index=3,
        item={"type": "web_search_call", "id": "ws_1", "action": {}},
    )
    say(
        "completed",
        response={
            **RESPONSE,
            "status": "completed",
            "usage": {"input_tokens": 1, "output_tokens": 2},
        },
    )
    return rows
