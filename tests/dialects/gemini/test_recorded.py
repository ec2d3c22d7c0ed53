"""Recorded traffic goes into the canonical form and comes out with all that an SDK or a server can see.

Left out of the comparison, as nobody can tell the difference: how members are spelled (`function_call`), members that
are null, texts that are empty and carry no signature, and where texts of one kind were cut. A schema of OpenAPI is told
as JSON Schema; the recorded ones are both.
"""

import json
from typing import Any

import pytest

from multillama.core.canonical import Answer, Part, Reasoning, Text, ToolCall
from multillama.core.deltas import Delta, Event, Open
from multillama.core.join import Joiner, events_of
from multillama.dialects.gemini.answer import read_answer, write_answer
from multillama.dialects.gemini.array import ArrayReader, ArrayWriter
from multillama.dialects.gemini.embed import read_batch, read_vectors, write_batch, write_vectors
from multillama.dialects.gemini.request import read_request, write_request
from multillama.dialects.gemini.spelling import camel
from multillama.dialects.gemini.stream import Reader, Writer
from tests.dialects.gemini.saying import goal, parts_of, reply
from tests.recorded import recorded

HOST = "*/generativelanguage.googleapis.com/"
SAME = {"parameters": "parametersJsonSchema", "responseSchema": "responseJsonSchema"}
AS_THEY_ARE = ("args", "response", *SAME, *SAME.values())


def bodies(kind: str) -> list[tuple[str, bytes]]:
    paths = [
        path for path in recorded(f"{HOST}*.{kind}.json") if "cli_gemini_models" not in path.name
    ]
    return [(path.name, path.read_bytes()) for path in paths]


def plain(value: Any) -> Any:
    """Returns what a body says, spelled in one way."""
    if isinstance(value, list):
        return [plain(row) for row in value if row != {"text": ""}]
    if not isinstance(value, dict):
        return value
    told = camel(value)
    return {
        SAME.get(name, name): member if name in AS_THEY_ARE else plain(member)
        for name, member in told.items()
        if member is not None and (name, member) != ("parts", [{"text": ""}])
    }


def test_every_request_comes_back():
    requests = [body for name, body in bodies("req") if "embedding" not in name]
    told = goal()

    assert len(requests) > 10
    for body in requests:
        assert plain(json.loads(write_request(read_request(body), told))) == plain(json.loads(body))
    assert told.losses.names == ()


def test_every_request_for_embeddings_comes_back():
    for name, body in bodies("req"):
        if "embedding" in name:
            told = json.loads(body)
            model = goal(told["requests"][0]["model"])
            assert json.loads(write_batch(read_batch(body), model)) == told


def test_every_embedding_comes_back():
    answers = [json.loads(body) for name, body in bodies("resp") if "embedding" in name]

    assert answers
    for answer in answers:
        vectors = read_vectors(json.dumps(answer).encode())
        told = json.loads(write_vectors(vectors, read_batch(b'{"requests":[{"content":"a"}]}')))
        assert told["embeddings"] == answer["embeddings"]
        assert counted(told) == counted(answer)


def counted(answer: Any) -> Any:
    """Returns the tokens; what they are made of, no SDK of the developers' API shows."""
    return answer.get("usageMetadata", {}).get("promptTokenCount")


def streams() -> list[bytes]:
    found = [body for _, body in bodies("resp") if body.startswith(b"[")]
    assert len(found) > 10
    return found


def test_every_whole_answer_comes_back():
    answers = [
        body for name, body in bodies("resp") if "embedding" not in name and body.startswith(b"{")
    ]

    assert answers
    for body in answers:
        told = json.loads(body)
        assert json.loads(write_answer(read_answer(body), reply(told["modelVersion"]))) == told


def test_every_chunk_is_an_answer_that_comes_back():
    for body in streams():
        for row in json.loads(body):
            again = write_answer(read_answer(json.dumps(row).encode()), reply(row["modelVersion"]))
            assert plain(json.loads(again)) == plain(row)


def read_array(*cuts: bytes) -> list[Event]:
    reader = ArrayReader()
    return [event for cut in cuts for event in reader.feed(cut)] + reader.end()


def read_events(*cuts: bytes) -> list[Event]:
    reader = Reader()
    return [event for cut in cuts for event in reader.feed(cut)] + reader.end()


def as_events(array: bytes) -> bytes:
    """Returns an array as the same server would send it with `alt=sse`."""
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(row).encode() for row in json.loads(array))


def seen(rows: list[Any]) -> Any:
    """Returns what an SDK sees of a stream: what stands in the chunks, neighbours of one kind joined."""
    parts: list[Any] = []
    beside: dict[str, Any] = {}
    for row in rows:
        beside.update({name: member for name, member in row.items() if name != "candidates"})
        [candidate] = row["candidates"]
        beside.update({name: member for name, member in candidate.items() if name != "content"})
        for part in candidate["content"]["parts"]:
            last = parts[-1] if parts else {}
            if part == {"text": ""}:
                continue
            if part.keys() == last.keys() and part.keys() <= {"text", "thought"}:
                parts[-1] = {**last, "text": last["text"] + part["text"]}
            else:
                parts.append(part)
    return parts, beside


@pytest.mark.parametrize("form", ["array", "events"])
def test_every_stream_comes_back(form):
    for array in streams():
        rows = json.loads(array)
        told = reply(rows[0]["modelVersion"])
        if form == "array":
            again = json.loads(ArrayWriter(told).write(read_array(array)))
        else:
            body = Writer(told).write(read_events(as_events(array)))
            again = [json.loads(line[len(b"data: ") :]) for line in body.split(b"\n\n") if line]

        assert seen(again) == seen(rows)
        assert told.losses.names == ()


@pytest.mark.parametrize("form", ["array", "events"])
def test_every_stream_says_the_same_when_it_is_read_again(form):
    for array in streams():
        events = read_array(array)
        told = reply(json.loads(array)[0]["modelVersion"])

        if form == "array":
            again = read_array(ArrayWriter(told).write(events))
        else:
            again = read_events(Writer(told).write(events))

        assert kinds(again) == kinds(events)
        assert parts_of(again) == parts_of(events)
        assert joined(again) == joined(events)


def kinds(events: list[Event]) -> list[str]:
    """Returns the sequence of events, without the usage, which may come one event sooner or later."""
    return [type(event).__name__ for event in events if type(event).__name__ != "Count"]


def joined(events: list[Event]) -> Answer:
    joiner = Joiner()
    joiner.take(events)
    assert joiner.is_whole
    return joiner.answer


def test_every_stream_says_the_same_in_any_cuts():
    for array in streams():
        whole = read_array(array)
        for size in (1, 7, 1000):
            assert (
                read_array(*(array[at : at + size] for at in range(0, len(array), size))) == whole
            )


def test_every_stream_says_the_same_in_both_forms():
    for array in streams():
        assert read_events(as_events(array)) == read_array(array)


def test_every_joined_stream_makes_the_same_stream():
    for array in streams():
        answer = joined(read_array(array))
        told = reply(answer.model)

        assert said(read_events(Writer(told).write(events_of(answer)))) == said(read_array(array))


def said(events: list[Event]) -> list[Part]:
    """Returns the parts of a stream without the ids of calls that have none."""
    opened = {event.part: event.what for event in events if isinstance(event, Open)}
    assert any(isinstance(event, Delta) for event in events)
    assert all(isinstance(part, Text | Reasoning | ToolCall) for part in opened.values())
    return [
        ToolCall("", part.name, part.arguments) if isinstance(part, ToolCall) else part
        for part in joined(events).choices[0].parts
    ]
