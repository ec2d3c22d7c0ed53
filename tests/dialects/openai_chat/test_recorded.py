"""Recorded traffic of OpenAI, Azure, Groq, Mistral, DeepSeek and Together goes through the canonical form and back.

Not compared, for the SDK does not show it or shows it elsewhere: nulls against missing members, `obfuscation`, the
model's name (a client is told the name that he asked for), Azure's filter results of every chunk (the last ones are
told at the end), `choices` of no row, and in requests a list of one text against the text.
"""

import json
import pathlib
from typing import Any

import pytest

from multillama.core.canonical import Choice, Request, ToolCall
from multillama.core.codec import Goal, Losses
from multillama.core.join import Joiner, events_of
from multillama.dialects.openai_chat.codec import CODEC
from tests.dialects.seen import chunks_of, is_of, reply_to, seen, status_of, stem_of
from tests.recorded import recorded

HOSTS = (
    "llm/api.openai.com", "openllmetry/api.openai.com", "openllmetry/api.groq.com",
    "openllmetry/api.mistral.ai", "openllmetry/api.deepseek.com", "openllmetry/api.together.xyz",
    "openllmetry/traceloop-stg.openai.azure.com",
)  # fmt: skip


def stems(host: str) -> list[str]:
    metas = [meta for meta in recorded(f"{host}/*.meta.json") if is_of(meta, "/chat/completions")]
    return [stem_of(meta) for meta in metas if status_of(meta) == 200]


def request_of(stem: str) -> Request:
    path = pathlib.Path(f"{stem}.req.json")
    return CODEC.read_request(path.read_bytes()) if path.exists() else Request("m")


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request in one of the spellings that mean the same."""
    for message in body["messages"]:
        content = message.get("content")
        if isinstance(content, list) and [row["type"] for row in content] == ["text"]:
            message["content"] = content[0]["text"]
        for name in ("annotations", "tool_calls"):
            if not message.get(name):
                message.pop(name, None)
        if "tool_calls" in message and not message.get("content"):
            message.pop("content", None)
    for tool in body.get("tools", []):
        tool["function"].setdefault("parameters", {"type": "object", "properties": {}})
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    if "max_tokens" in body:
        body["max_completion_tokens"] = body.pop("max_tokens")
    if not body.get("stream"):
        body.pop("stream", None)
    body.pop("stream_options", None)
    return body


@pytest.mark.parametrize("host", HOSTS)
def test_every_recorded_request_comes_back(host):
    for stem in stems(host):
        path = pathlib.Path(f"{stem}.req.json")
        if not path.exists():
            continue
        sent = json.loads(path.read_bytes())
        request = request_of(stem)
        goal = Goal(sent.get("model", ""), "openai", "openai", request.stream, Losses())

        written = json.loads(CODEC.write_request(request, goal))

        assert plain(seen(written)) == plain(seen({"model": "", **sent})), stem
        assert goal.losses.names == (), stem


@pytest.mark.parametrize("host", HOSTS)
def test_every_recorded_answer_comes_back(host):
    for stem in stems(host):
        path = pathlib.Path(f"{stem}.resp.json")
        if not path.exists():
            continue
        sent = json.loads(path.read_bytes())
        if "error" in sent:
            continue
        reply = reply_to(request_of(stem), sent["model"])

        written = json.loads(CODEC.write_answer(CODEC.read_answer(path.read_bytes()), reply))

        assert seen(written) == with_messages(seen(sent)), stem
        assert reply.losses.names == (), stem


def with_messages(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer whose choices all have a message, as the SDK demands; Azure's filter gives none."""
    for choice in answer["choices"]:
        choice.setdefault("message", {"role": "assistant"})
    return answer


def joined(stream: bytes) -> Joiner:
    reader, joiner = CODEC.reader(), Joiner()
    joiner.take(reader.feed(stream) + reader.end())
    return joiner


def choices_of(stream: bytes) -> list[Choice]:
    """Return the choices of a stream; a call without arguments has an object without members."""
    choices = joined(stream).answer.choices
    for choice in choices:
        for part in choice.parts:
            if isinstance(part, ToolCall):
                part.arguments = part.arguments or "{}"
    return choices


def without_filters(chunk: dict[str, Any]) -> dict[str, Any]:
    for choice in chunk["choices"]:
        choice.pop("content_filter_results", None)
    chunk.pop("prompt_filter_results", None)
    return chunk


def heard(chunks: list[dict[str, Any]]) -> list[Any]:
    """Return what chunks say, one thing after another: chunks that say nothing are nothing."""
    said: list[Any] = []
    told = None
    for chunk in chunks:
        for choice in without_filters(chunk)["choices"]:
            index, delta = choice["index"], choice["delta"]
            said += [
                (index, name, value) for name, value in delta.items() if value and name != "role"
            ]
            if "finish_reason" in choice:
                said.append((index, "finish_reason", choice["finish_reason"]))
        usage = chunk.get("usage") or chunk.get("x_groq", {}).get("usage")
        told = usage or told
    return [*said, ("usage", told)]


def begun(said: list[Any]) -> list[Any]:
    """Return the same where a call says its name once or in each chunk, and `{}` or nothing for no arguments."""
    flat: list[Any] = []
    names, argued = set(), set()
    for row in said:
        if row[1] == "finish_reason":
            flat += [(*name, "{}") for name in sorted(names - argued)]
        if row[1] != "tool_calls":
            flat.append(row)
            continue
        for call in row[2]:
            function = call["function"]
            if "name" in function and (row[0], call["index"]) not in names:
                names.add((row[0], call["index"]))
                flat.append((row[0], call["index"], call["id"], function["name"]))
            if function.get("arguments"):
                argued.add((row[0], call["index"]))
                flat.append((row[0], call["index"], function["arguments"]))
    return flat


@pytest.mark.parametrize("host", HOSTS)
def test_every_recorded_stream_comes_back(host):
    for stem in stems(host):
        path = pathlib.Path(f"{stem}.resp.sse")
        if not path.exists():
            continue
        stream = path.read_bytes()
        request = request_of(stem)
        request.wants_usage = True
        reply = reply_to(request)
        reader = CODEC.reader()

        written = CODEC.writer(reply).write(reader.feed(stream) + reader.end())

        expected = begun(heard(chunks_of(stream)))
        found = begun(heard(chunks_of(written)))
        if not any("finish_reason" in row for row in expected):
            found = [row for row in found if "finish_reason" not in row]  # the SDK demands one
        assert found == expected, stem
        assert choices_of(written) == choices_of(stream), stem
        assert joined(written).is_whole
        assert reply.losses.names == (), stem


@pytest.mark.parametrize("host", HOSTS)
def test_a_recorded_answer_is_the_same_when_it_is_streamed(host):
    for stem in stems(host):
        path = pathlib.Path(f"{stem}.resp.json")
        if not path.exists():
            continue
        if "error" in json.loads(path.read_bytes()):
            continue
        answer, joiner = CODEC.read_answer(path.read_bytes()), Joiner()
        reply = reply_to(request_of(stem))

        stream = CODEC.writer(reply).write(events_of(answer))
        joiner.take(CODEC.reader().feed(stream))

        again = json.loads(CODEC.write_answer(joiner.answer, reply))
        assert seen(again) == seen(json.loads(CODEC.write_answer(answer, reply))), stem


def test_every_recorded_error_comes_back():
    metas = [meta for meta in recorded("*/*/*.meta.json") if is_of(meta, "/chat/completions")]
    for meta in metas:
        body = pathlib.Path(f"{stem_of(meta)}.resp.json")
        if status_of(meta) == 200 or not body.exists():
            continue

        written = CODEC.write_fault(CODEC.read_fault(status_of(meta), body.read_bytes()))

        assert seen(json.loads(written)) == seen(json.loads(body.read_bytes())), meta
