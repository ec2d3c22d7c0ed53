"""Real traffic: what was recorded is read, written again, and nothing that the SDK can see is lost.

Not looked at, since no client of this dialect sees a difference: blanks around members and the order of members; null
members that may be missing as well; a content that is one plain text, in a list or not; neighbours of one role, which
the API makes one turn of; `is_error: false` and `stream: false`, which are the defaults; `output_format`, the older
name of `output_config.format`. In streams: pings, comments, empty deltas, the `{}` of a call without arguments,
and in
`message_delta` the figures of the usage that have not changed since `message_start`.
"""

import json

import anthropic
import httpx2
import pytest

from multillama.core.codec import Goal, Losses, Reply
from multillama.core.join import Joiner
from multillama.dialects.anthropic_messages.codec import CODEC
from tests.recorded import recorded

FOLDERS = ["openllmetry/api.anthropic.com", "llm-anthropic/api.anthropic.com"]
EMPTY = ("text", "thinking", "partial_json")


def of_messages(pattern):
    """Returns the recordings of this dialect; there are some of what was before it, `/v1/complete`."""
    return [
        path for path in recorded(pattern) if b"/v1/messages" in _beside(path, "meta").read_bytes()
    ]


def _beside(path, kind):
    return path.with_name(f"{path.name.rsplit('.', 2)[0]}.{kind}.json")


def blocks(content):
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def plain_request(body):
    body = {name: value for name, value in body.items() if (name, value) != ("stream", False)}
    if "output_format" in body:
        body["output_config"] = body.get("output_config", {}) | {
            "format": body.pop("output_format")
        }
    if "system" in body:
        body["system"] = blocks(body["system"])
    turns = []
    for message in body["messages"]:
        content = [dict(block) for block in blocks(message["content"])]
        for block in content:
            if block["type"] == "tool_result":
                block["content"] = blocks(block["content"])
                block["is_error"] = block.get("is_error", False)
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += content
        else:
            turns.append({"role": message["role"], "content": content})
    return body | {"messages": turns}


@pytest.mark.parametrize("folder", FOLDERS)
def test_requests(folder):
    for path in of_messages(f"{folder}/*.req.json"):
        body, losses = path.read_bytes(), Losses()
        request = CODEC.read_request(body)

        written = CODEC.write_request(
            request, Goal(request.model, "anthropic", "anthropic", request.stream, losses)
        )

        assert (plain_request(json.loads(written)), losses.names) == (
            plain_request(json.loads(body)),
            (),
        ), path.name


@pytest.mark.parametrize("folder", FOLDERS[:1])
def test_answers(folder):
    for path in of_messages(f"{folder}/*.resp.json"):
        body, losses = path.read_bytes(), Losses()
        answer = CODEC.read_answer(body)

        written = CODEC.write_answer(
            answer,
            Reply(
                CODEC.read_request(_beside(path, "req").read_bytes()), answer.model, "x", 0, losses
            ),
        )

        assert (json.loads(written), losses.names) == (json.loads(body), ()), path.name


def rewritten(data):
    """Reads a stream in odd cuts and writes it again."""
    reader, losses = CODEC.reader(), Losses()
    writer = CODEC.writer(Reply(None, "", "x", 0, losses))
    cuts = [data[at : at + 97] for at in range(0, len(data), 97)]
    events = [event for cut in cuts for event in reader.feed(cut)] + reader.end()
    assert losses.names == ()
    return b"".join(writer.write([event]) for event in events)


def said(value):
    """Leaves out what is null."""
    if isinstance(value, dict):
        return {name: said(inner) for name, inner in value.items() if inner is not None}
    return [said(inner) for inner in value] if isinstance(value, list) else value


def rows(data):
    """Returns the events that a client can tell apart."""
    lines = data.decode().replace("\r\n", "\n").split("\n")
    found = [said(json.loads(line[6:])) for line in lines if line.startswith("data: ")]
    return [row for row in found if row["type"] != "ping" and not _is_empty(row)]


def _is_empty(row):
    delta = row.get("delta", {})
    return row["type"] == "content_block_delta" and any(
        delta.get(name) in ("", "{}") for name in EMPTY
    )


def assert_same_events(data, again):
    first, second = rows(data), rows(again)
    known = first[0]["message"]["usage"]
    for row in first:
        if row["type"] == "message_delta":
            kept = {n: known[n] for n in known if "input_tokens" in n}
            row["usage"] = kept | row["usage"]
    assert first == second


@pytest.mark.parametrize("folder", FOLDERS)
def test_streams(folder):
    for path in of_messages(f"{folder}/*.resp.sse"):
        data = path.read_bytes()

        again = rewritten(data)

        assert_same_events(data, again)


def final(data):
    """Returns the message that the SDK makes of a stream."""
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)
    transport = httpx2.MockTransport(lambda _: answer)
    client = anthropic.Anthropic(
        api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)
    )
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
    with client, client.beta.messages.stream(**asked) as stream:
        return said(stream.get_final_message().to_dict())


def streams(folder):
    return (
        recorded("anthropic-sdk/*")
        if folder == "anthropic-sdk"
        else of_messages(f"{folder}/*.resp.sse")
    )


@pytest.mark.parametrize("folder", ["anthropic-sdk", *FOLDERS])
def test_what_the_sdk_makes_of_a_stream(folder):
    for path in streams(folder):
        data = path.read_bytes()
        data += (
            b"\n\n" if not data.endswith(b"\n\n") else b""
        )  # where the SDK would not see the last event
        if "invalid_json" in path.name:
            continue  # the SDK raises; the test below has it

        assert final(rewritten(data)) == final(data), path.name


def test_arguments_that_are_no_json_come_as_they_are():
    (path,) = recorded("anthropic-sdk/tool_use_invalid_json_response.txt")
    data = path.read_bytes()

    assert_same_events(data, rewritten(data))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_joined_stream_is_the_answer_that_the_sdk_makes(folder):
    for path in of_messages(f"{folder}/*.resp.sse"):
        data, joiner, reader = path.read_bytes(), Joiner(), CODEC.reader()

        joiner.take(reader.feed(data) + reader.end())

        answer = joiner.answer
        written = json.loads(
            CODEC.write_answer(answer, Reply(None, answer.model, "x", 0, Losses()))
        )
        assert joiner.is_whole, path.name
        assert said(written) == final(data), path.name
