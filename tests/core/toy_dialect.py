"""A dialect for tests of translation: plain JSON that says little, and streams a line for each event."""

import json

from multillama.core.canonical import (
    Answer,
    Choice,
    Count as Counted,
    Embed,
    Fault,
    Foreign,
    Message,
    Reasoning,
    Request,
    Stop,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    Vectors,
)  # fmt: skip
from multillama.core.codec import Codec, CountCodec, EmbedCodec, Misfit
from multillama.core.deltas import Broken, Close, Count, Delta, End, Finish, Open, Sign, Start


def _decode(body):
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Misfit("", "is not valid JSON") from error
    if not isinstance(value, dict):
        raise Misfit("", "must be an object")
    return value


def _part(row):
    if row["kind"] == "foreign":
        return Foreign(row["type"], row["value"], row.get("words"))
    if row["kind"] == "result":
        return ToolResult(row["call"], [_part(dict(inner)) for inner in row["parts"]])
    kinds = {"text": Text, "reasoning": Reasoning, "call": ToolCall}
    return kinds[row.pop("kind")](**row)


_SAID = ("n", "presence_penalty", "logit_bias", "store", "logprobs", "user")


def read_request(body):
    asked = _decode(body)
    if "bad" in asked:
        raise Misfit("bad", "must not be")
    messages = [
        Message(role, [_part(dict(row)) for row in parts])
        for role, parts in asked.get("messages", [])
    ]
    request = Request("", messages, family=asked.get("family", "toy"))
    for field in ("top_k", "seed", "max_tokens", *_SAID):
        setattr(request, field, asked.get(field))
    request.extras = asked.get("extras", {})
    request.tools = [Tool(**row) for row in asked.get("tools", [])]
    return request


def write_request(request, goal):
    if request.seed == 13:
        raise Misfit("seed", "cannot be 13")
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text) and part.text == "picture":
                goal.losses.drop("image")
    return json.dumps(
        {
            "model": goal.model, "stream": goal.stream, "max_tokens": request.max_tokens,
            "parts": [_shown(part) for message in request.messages for part in message.parts],
            "tools": [[tool.name, tool.is_custom] for tool in request.tools],
        }
    ).encode()  # fmt: skip


def _shown(part):
    if isinstance(part, Reasoning):
        return ["reasoning", part.text, part.signature]
    if isinstance(part, Foreign):
        return ["foreign", part.kind]
    if isinstance(part, ToolResult):
        return ["result", part.call_id, [_shown(inner) for inner in part.parts]]
    return ["text", part.text] if isinstance(part, Text) else ["call", part.name, part.arguments]


def read_answer(body):
    told = _decode(body)
    parts = [_part(dict(row)) for row in told.get("parts", [])]
    usage = Usage(input_tokens=told["in"]) if "in" in told else None
    return Answer("a1", "m", 0, [Choice(parts, Stop.END)], usage)


def write_answer(answer, reply):
    parts = [_shown(part) for choice in answer.choices for part in choice.parts]
    return json.dumps({"model": reply.model, "parts": parts}).encode()


class ToyReader:
    """Lines: `start`, `open KIND N`, `say N TEXT`, `sign N TEXT`, `close N`, `finish`, `usage N`, `broken`, `end`."""

    def __init__(self):
        self.rest = b""

    def feed(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [_event(line.decode().split(" ")) for line in lines]

    def end(self):
        return [End()] if self.rest == b"end" else []


_EVENTS = {
    "start": lambda: Start("a1", usage=Usage(input_tokens=1)),
    "open": lambda kind, part, *name: Open(int(part), _OPENED[kind](*name)),
    "say": lambda part, text: Delta(int(part), text),
    "sign": lambda part, text: Sign(int(part), text),
    "close": lambda part: Close(int(part)),
    "finish": lambda: Finish(Stop.END),
    "usage": lambda tokens: Count(Usage(output_tokens=int(tokens))),
    "broken": lambda status="500": Broken(Fault(int(status), "it broke", retry_after_s=3.0)),
    "end": End,
}
_OPENED = {
    "text": lambda: Text(""),
    "reasoning": lambda: Reasoning(""),
    "signed": lambda: Reasoning("", "raw", is_redacted=True),
    "call": lambda name: ToolCall("c", name),
}


def _event(words):
    if words[0] not in _EVENTS:
        raise Misfit("", f"has no event {words}")
    return _EVENTS[words[0]](*words[1:])


class ToyWriter:
    """Writes the names of the events, and what they say, as server-sent events."""

    def __init__(self, reply):
        self.reply = reply

    def write(self, events):
        lines = []
        for event in events:
            said = ""
            if isinstance(event, Open):
                said = type(event.what).__name__ + (
                    f":{event.what.name}" if isinstance(event.what, ToolCall) else ""
                )
            elif isinstance(event, Delta | Sign):
                said = event.text if isinstance(event, Delta) else event.signature
            lines.append(f"{type(event).__name__} {said}".strip())
        return "".join(f"data: {line}\n\n" for line in lines).encode()


def read_fault(status, body):
    return Fault(
        status, body.decode("utf-8", "replace"), retry_after_s=7.0 if b"later" in body else None
    )


def write_fault(fault):
    return json.dumps({"fault": fault.message, "status": fault.status}).encode()


def toy(dialect="toy.a", family="toy", says=("max_tokens", "tools"), names=None):
    return Codec(
        dialect, family, read_request, write_request, read_answer, write_answer, ToyReader, ToyWriter, read_fault,
        write_fault, write_fault, frozenset(says), names or {}, b"text/event-stream",
    )  # fmt: skip


def read_embed(body):
    asked = _decode(body)
    return Embed(
        "",
        asked["inputs"],
        dimensions=asked.get("dimensions"),
        family="toy",
        extras=asked.get("extras", {}),
    )


def write_embed(embed, goal):
    if embed.dimensions == 13:
        raise Misfit("dimensions", "cannot be 13")
    return json.dumps({"model": goal.model, "inputs": embed.inputs}).encode()


def read_vectors(body):
    told = _decode(body)
    return Vectors("x", told["vectors"], told.get("in"))


def write_vectors(vectors, embed):
    return json.dumps({"model": vectors.model, "vectors": vectors.vectors}).encode()


def toy_embed(dialect="toy.embed", family="toy", says=()):
    return EmbedCodec(
        dialect, family, read_embed, write_embed, read_vectors, write_vectors, read_fault, write_fault, frozenset(says)
    )  # fmt: skip


def toy_count(dialect="toy.a", family="toy"):
    return CountCodec(
        dialect, family, read_request, write_request, lambda body: Counted(_decode(body)["n"]),
        lambda count: json.dumps({"tokens": count.input_tokens}).encode(), read_fault, write_fault,
    )  # fmt: skip


def told(data):
    """What the writer's events say, joined by blanks."""
    return " | ".join(
        event.removeprefix("data: ") for event in data.decode().split("\n\n") if event
    )
