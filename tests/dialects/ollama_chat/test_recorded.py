"""Real traffic of Ollama's: what was recorded is read, written again, and nothing that the SDK can see is lost.

Not looked at: the order of members; members of requests that are empty or null, which say nothing; `created_at` of
all lines but the first, which differ by milliseconds; ids and places of calls, which are added where there are none.
"""

import json

import ollama
import pytest

from multillama.core.canonical import Request
from multillama.core.codec import Losses, Reply
from multillama.core.join import Joiner
from multillama.dialects.catalog import CODECS
from tests.dialects.ollama_cases import events_of_pieces, goal, lines
from tests.recorded import recorded

KINDS = [
    ("ollama.chat", "/api/chat", ollama.ChatResponse),
    ("ollama.generate", "/api/generate", ollama.GenerateResponse),
]


def stems(path):
    """Returns the recordings of a path, each without its ending."""
    metas = recorded("openllmetry/127.0.0.1_11434/*.meta.json")
    return [
        meta.with_name(meta.name.removesuffix(".meta.json"))
        for meta in metas
        if json.loads(meta.read_bytes())["uri"].endswith(path)
    ]


def beside(stem, ending):
    return stem.with_name(stem.name + ending)


def plain(body):
    """Returns a request without what says nothing, and its calls without what was added."""
    for message in body.get("messages", []):
        message.pop("tool_call_id", None)
        for call in message.get("tool_calls", []):
            call.pop("id", None)
            call["function"].pop("index", None)
    return {name: value for name, value in body.items() if value or name in ("model", "stream")}


def reply_to(sent):
    return Reply(Request("m"), sent["model"], "0a1b", 7, Losses())


@pytest.mark.parametrize(("dialect", "path", "_"), KINDS)
def test_every_recorded_request_comes_back(dialect, path, _):
    codec = CODECS[dialect]
    for stem in stems(path):
        body = beside(stem, ".req.json").read_bytes()
        sent = json.loads(body)
        told = goal(model=sent["model"], stream=sent["stream"])

        written = json.loads(codec.write_request(codec.read_request(body), told))

        assert plain(written) == plain(sent), stem
        assert told.losses.names == (), stem


@pytest.mark.parametrize(("dialect", "path", "response"), KINDS)
def test_every_recorded_answer_comes_back(dialect, path, response):
    codec = CODECS[dialect]
    for stem in stems(path):
        if not beside(stem, ".resp.json").exists():
            continue
        sent, body = beside(stem, ".req.json").read_bytes(), beside(stem, ".resp.json").read_bytes()

        written = codec.write_answer(codec.read_answer(body), reply_to(json.loads(sent)))

        assert json.loads(written) == json.loads(body), stem
        assert response(**json.loads(written)) == response(**json.loads(body)), stem


@pytest.mark.parametrize(("dialect", "path", "_"), KINDS)
def test_every_recorded_stream_comes_back(dialect, path, _):
    codec = CODECS[dialect]
    for stem in stems(path):
        if not beside(stem, ".resp.ndjson").exists():
            continue
        sent = json.loads(beside(stem, ".req.json").read_bytes())
        stream = beside(stem, ".resp.ndjson").read_bytes()
        whole = events_of_pieces(codec.reader(), [stream])
        single = [stream[at : at + 1] for at in range(len(stream))]

        written = codec.writer(reply_to(sent)).write(whole)

        assert events_of_pieces(codec.reader(), single) == whole, stem
        first = lines(stream)[0]["created_at"]
        expected = [line | {"created_at": first} for line in lines(stream)]
        assert lines(written) == expected, stem
        assert joined(codec, written) == joined(codec, stream), stem


def joined(codec, stream):
    joiner = Joiner()
    joiner.take(events_of_pieces(codec.reader(), [stream]))
    assert joiner.is_whole
    return joiner.answer
