"""Recorded traffic of OpenAI goes through the canonical form and loses nothing that an SDK can see."""

import json

from multillama.dialects.openai_responses.codec import CODEC
from multillama.dialects.openai_responses.envelope import ECHOED
from multillama.wire.sse import data_of, events_in
from tests.dialects.openai_responses.spoken import asked, joined, read, reply, spoken, told
from tests.recorded import recorded

BEGINNINGS = ("response.created", "response.in_progress")


def responses():
    """Returns the recordings of the dialect, without their endings."""
    metas = recorded("*/*/*.meta.json")
    return [
        meta.with_name(meta.name.removesuffix(".meta.json"))
        for meta in metas
        if json.loads(meta.read_bytes())["uri"].endswith("/responses")
    ]


def beside(path, ending):
    return path.with_name(path.name + ending)


def bare(value):
    """Returns a value without members that say nothing: null and empty ones are as good as missing."""
    if isinstance(value, dict):
        return {
            name: said for name, one in value.items() if (said := bare(one)) not in (None, [], {})
        }
    if isinstance(value, list):
        return [bare(one) for one in value]
    return value


def plain_request(members):
    """Returns a request in its longest form: a text stands for a list of one, and `stream` is false unsaid."""
    plain = {"stream": False, **bare(members)}
    rows = plain["input"]
    rows = [{"role": "user", "content": rows}] if isinstance(rows, str) else rows
    plain["input"] = [plain_item(row) for row in rows]
    return plain


def plain_item(item):
    plain = {"type": "message", **item}
    if isinstance(plain.get("content"), str):
        kind = "output_text" if plain["role"] == "assistant" else "input_text"
        plain["content"] = [{"type": kind, "text": plain["content"]}]
    if plain["type"] == "function_call":
        plain = {"status": "completed", **plain}
    return plain


def plain_response(response, request):
    """Returns a response without what repeats the request, but for what the request has said.

    The others are the server's defaults, which an SDK sees and no translation can know. So it is with the tier before
    it is known, with `cache_write_tokens`, which the SDK wants and older answers lack, and with what a server makes of
    a tool or a form that was given to it in short.
    """
    said = {name for name in request if name not in ("tools", "text", "reasoning")}
    plain = {name: value for name, value in bare(response).items() if name not in ECHOED - said}
    if plain["status"] == "in_progress":
        plain.pop("service_tier", None)
    if "usage" in plain:
        plain["usage"]["input_tokens_details"].setdefault("cache_write_tokens", 0)
    return plain


def plain_event(event, request):
    """Returns an event without its obfuscation, which hides the length of a token and is dropped by every SDK."""
    plain = bare({name: value for name, value in event.items() if name != "obfuscation"})
    if "response" in event:
        plain["response"] = plain_response(event["response"], request)
    return plain


def test_every_request_comes_through():
    found = responses()

    for path in found:
        body = json.loads(beside(path, ".req.json").read_bytes())
        request = asked(**body)
        request.model = "m"
        members, lost = told(request, stream=request.stream)

        assert plain_request({**members, "model": body["model"]}) == plain_request(body), path.name
        assert lost == ()
    assert len(found) >= 75


def recorded_answers(ending):
    """Returns for each recording the request, whom to answer, and the answer."""
    found = []
    for path in responses():
        answer = beside(path, ending)
        if answer.exists():
            body = json.loads(beside(path, ".req.json").read_bytes())
            found.append((body, reply(asked(**body)), answer.read_bytes()))
    return found


def test_every_answer_comes_through():
    found = recorded_answers(".resp.json")

    for body, to, data in found:
        answer = CODEC.read_answer(data)
        to.model = answer.model
        written = json.loads(CODEC.write_answer(answer, to))

        assert plain_response(written, body) == plain_response(json.loads(data), body)
        assert to.losses.names == ()
    assert len(found) >= 50


def test_every_stream_comes_through():
    found = recorded_answers(".resp.sse")

    for body, to, data in found:
        events = read(data)
        to.model = events[0].model
        written = spoken(CODEC.writer(to).write(events))

        before = [json.loads(data_of(event)) for event in events_in(data)]
        assert [plain_event(row, body) for row in written] == [
            plain_event(row, body) for row in before
        ]
    assert len(found) >= 25


def test_every_stream_says_what_its_last_event_says():
    for _, _, data in recorded_answers(".resp.sse"):
        last = json.loads(data_of(events_in(data)[-1]))["response"]

        streamed = joined(read(data)).answer
        whole = CODEC.read_answer(json.dumps(last).encode())

        assert streamed == whole


def test_every_stream_is_read_alike_however_it_is_cut():
    for _, _, data in recorded_answers(".resp.sse"):
        whole = read(data)

        assert read(data, cut=1) == whole
        assert read(data, cut=997) == whole
