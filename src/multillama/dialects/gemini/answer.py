"""Answers that come whole: `GenerateContentResponse`.

Source: google-genai 3.4.0 `types.GenerateContentResponse`; ai.google.dev/api/generate-content (November 2026); recorded
traffic: tokens of thoughts are no part of `candidatesTokenCount`, and a function's call ends with `STOP`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from multillama.core.canonical import (
    Answer,
    Choice,
    Extras,
    Logprob,
    Part,
    Stop,
    Text,
    ToolCall,
    Usage,
)
from multillama.core.codec import Misfit, Reply
from multillama.core.shape import Members, Object, an_object, decode
from multillama.dialects.gemini.calls import CallIds, beginning_of
from multillama.dialects.gemini.parts import PartWriter, read_part
from multillama.dialects.gemini.request import FAMILY
from multillama.dialects.gemini.spelling import an_object_of, json_bytes, rows_of

FEEDBACK: Final = "promptFeedback"
REASON: Final = "finishReason"
"""In the extras of a choice: the reason that came, where the canonical one is written in another way."""
MAX_CHOICES: Final = 128
_CREATED: Final = "createTime"
_LOGPROBS: Final = "logprobsResult"
_DEFAULT_REASON: Final = "STOP"
_REFUSED: Final = (
    "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_OTHER", "NO_IMAGE", "IMAGE_RECITATION",
    "ESCALATION", "MODEL_ARMOR",
)  # fmt: skip
_FAULTS: Final = (
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE",
)  # fmt: skip
_STOPS: Final = {
    "STOP": Stop.END,
    "MAX_TOKENS": Stop.LENGTH,
    "CONTINUATION": Stop.PAUSE,
    **dict.fromkeys(_REFUSED, Stop.REFUSED),
    **dict.fromkeys(_FAULTS, Stop.FAULT),
}
_REASONS: Final = {
    Stop.LENGTH: "MAX_TOKENS",
    Stop.CONTEXT: "MAX_TOKENS",
    # Not CONTINUATION: a client would go on by a token that it was not given.
    Stop.PAUSE: "MAX_TOKENS",
    Stop.REFUSED: "SAFETY",
    Stop.FAULT: "MALFORMED_FUNCTION_CALL",
}


# --- reading ---------------------------------------------------------------------------------


def read_answer(body: bytes) -> Answer:
    """Reads a whole answer.

    Raises:
        Misfit: It is none, with the place.
    """
    return _read_answer(_only(decode(body)))


def _only(value: Any) -> Object:
    """Returns the answer; some servers put the one that they have in a list."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return an_object_of(value, "the body")


def _read_answer(value: Object) -> Answer:
    members = Members(value)
    if not value.keys() & {"candidates", FEEDBACK, "usageMetadata"}:
        raise Misfit("candidates", "is missing")
    answer = Answer(family=FAMILY, extras={})
    answer.id, answer.model, answer.created = read_start(members)
    feedback = members.members(FEEDBACK)
    ids = CallIds(beginning_of(answer.id, value))
    for at, row in enumerate(rows_of(members.take("candidates"))):
        number, choice = _read_candidate(row, f"candidates[{at}]", ids)
        while len(answer.choices) <= number:
            answer.choices.append(Choice())
        answer.choices[number] = choice
    usage = members.members("usageMetadata")
    if usage is not None:
        answer.usage = read_usage(usage)
        answer.service_tier = _tier(answer.usage)
    if feedback is not None:
        if answer.choices or "blockReason" not in feedback:
            answer.extras[FEEDBACK] = feedback
        else:
            answer.choices.append(Choice([], Stop.REFUSED, extras={FEEDBACK: feedback}))
    answer.extras.update(members.rest)
    return answer


def _tier(usage: Usage) -> str | None:
    tier = usage.extras.get("serviceTier")
    return tier if isinstance(tier, str) else None


def read_start(members: Members) -> tuple[str, str, int]:
    """Takes what names an answer: its id, its model and its time; the time as it came stays where it is."""
    model = members.text("modelVersion") or ""
    identity = members.text("responseId") or ""
    return identity, model, _seconds(members.rest.get(_CREATED))


def _seconds(value: object) -> int:
    if not isinstance(value, str):
        return 0
    try:
        told = datetime.fromisoformat(value)
        return max(int((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()), 0)
    except (ValueError, OverflowError):
        return 0


def _read_candidate(row: Any, path: str, ids: CallIds) -> tuple[int, Choice]:
    members = Members(an_object_of(row, path), path)
    number = choice_number(members)
    reason = members.text(REASON)
    choice = Choice(read_content(members, ids), extras=members.rest)
    has_calls = any(isinstance(part, ToolCall) for part in choice.parts)
    if reason is not None:
        choice.stop = read_stop(reason, has_calls=has_calls, extras=choice.extras)
    result = members.members(_LOGPROBS)
    if result is not None:
        text = next((part for part in choice.parts if isinstance(part, Text)), None)
        if text is not None:
            text.logprobs = read_logprobs(result)
        choice.extras[_LOGPROBS] = result
    return number, choice


def choice_number(members: Members) -> int:
    """Takes the number of a candidate, 0 where it is not told."""
    number = members.whole("index") or 0
    if not 0 <= number < MAX_CHOICES:
        raise Misfit(members.at("index"), f"must be from 0 to {MAX_CHOICES - 1}")
    return number


def read_content(members: Members, ids: CallIds) -> list[Part]:
    """Takes the parts of a candidate."""
    content = members.take("content")
    if content is None:
        return []
    path = members.at("content")
    rows = rows_of(an_object(content, path).get("parts"))
    parts: list[Part] = []
    for at, row in enumerate(rows):
        parts += read_part(row, f"{path}.parts[{at}]", ids)
    return parts


def read_stop(reason: str, *, has_calls: bool, extras: Extras) -> Stop:
    """Returns why an answer ended; the reason goes to the extras where it would be written in another way."""
    stop = _STOPS.get(reason, Stop.END)
    if _REASONS.get(stop, _DEFAULT_REASON) != reason:
        extras[REASON] = reason
    return Stop.CALLS if stop == Stop.END and has_calls else stop


def read_logprobs(result: Object) -> list[Logprob]:
    """Reads `logprobsResult`; what is not as told is left out."""
    tops = result.get("topCandidates")
    tops = tops if isinstance(tops, list) else []
    logprobs: list[Logprob] = []
    for at, row in enumerate(rows_of(result.get("chosenCandidates"))):
        chosen = _logprob(row)
        if chosen is None:
            continue
        if at < len(tops) and isinstance(tops[at], dict):
            rows = rows_of(tops[at].get("candidates"))
            chosen.top = [each for each in map(_logprob, rows) if each is not None]
        logprobs.append(chosen)
    return logprobs


def _logprob(row: Any) -> Logprob | None:
    if not isinstance(row, dict):
        return None
    token, logprob = row.get("token"), row.get("logProbability", 0.0)
    if not isinstance(token, str) or not isinstance(logprob, int | float):
        return None
    return Logprob(token, float(logprob))


_COUNTED: Final = (
    "promptTokenCount", "toolUsePromptTokenCount", "cachedContentTokenCount",
    "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount",
)  # fmt: skip


def read_usage(value: Object) -> Usage:
    """Reads `usageMetadata`.

    Source: ai.google.dev/api/generate-content#UsageMetadata: the prompt includes what was cached and excludes what
    Google's own tools added; candidates exclude thoughts.
    """
    extras = dict(value)
    prompt, tools, cached, made, thought, total = [
        _count(extras.pop(name, None)) for name in _COUNTED
    ]
    usage = Usage(cache_read_tokens=cached, reasoning_tokens=thought, extras=extras)
    if prompt is not None or tools is not None:
        usage.input_tokens = (prompt or 0) + (tools or 0)
    if made is not None or thought is not None:
        usage.output_tokens = (made or 0) + (thought or 0)
    if tools is not None:
        extras["toolUsePromptTokenCount"] = tools
    if total is not None and total != (usage.input_tokens or 0) + (usage.output_tokens or 0):
        extras["totalTokenCount"] = total
    return usage


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# --- writing ---------------------------------------------------------------------------------


def write_answer(answer: Answer, reply: Reply) -> bytes:
    """Returns the body of a whole answer."""
    same = answer.family == FAMILY
    body: Object = {}
    candidates = []
    for number, choice in enumerate(answer.choices):
        feedback = choice.extras.get(FEEDBACK) if same else None
        if feedback is not None:
            body[FEEDBACK] = feedback
        else:
            candidates.append(_write_candidate(number, choice, reply, same=same))
    if candidates:
        body["candidates"] = candidates
    if answer.usage is not None:
        body["usageMetadata"] = write_usage(answer.usage, same=same)
    body["modelVersion"] = reply.model
    body["responseId"] = answer.id or reply.id
    if same:
        body.update(answer.extras)
    return json_bytes(body)


def _write_candidate(number: int, choice: Choice, reply: Reply, *, same: bool) -> Object:
    parts = PartWriter(reply.losses, same=same).write(choice.parts)
    candidate: Object = {
        "content": {"parts": parts, "role": "model"} if parts else {"role": "model"},
        "index": number,
    }
    if choice.stop is not None:
        candidate[REASON] = write_stop(choice.stop)
    logprobs = [each for part in choice.parts if isinstance(part, Text) for each in part.logprobs]
    if logprobs:
        candidate[_LOGPROBS] = write_logprobs(logprobs)
    if same:
        candidate.update(choice.extras)
    return candidate


def write_stop(stop: Stop) -> str:
    """Returns the word for why an answer ended."""
    return _REASONS.get(stop, _DEFAULT_REASON)


def write_logprobs(logprobs: Iterable[Logprob]) -> Object:
    """Returns `logprobsResult`."""
    chosen = []
    tops = []
    for each in logprobs:
        chosen.append(_token(each))
        tops.append({"candidates": [_token(top) for top in each.top]})
    return {"chosenCandidates": chosen, "topCandidates": tops}


def _token(logprob: Logprob) -> Object:
    return {"token": logprob.token, "logProbability": logprob.logprob}


def write_usage(usage: Usage, *, same: bool) -> Object:
    """Returns `usageMetadata`."""
    extras = usage.extras if same else {}
    tools = _count(extras.get("toolUsePromptTokenCount")) or 0
    body: Object = {}
    if usage.input_tokens is not None:
        body["promptTokenCount"] = max(usage.input_tokens - tools, 0)
    if usage.cache_read_tokens is not None:
        body["cachedContentTokenCount"] = usage.cache_read_tokens
    thought = usage.reasoning_tokens
    if usage.output_tokens is not None:
        made = max(usage.output_tokens - (thought or 0), 0)
        if made or not thought:
            body["candidatesTokenCount"] = made
    if thought is not None:
        body["thoughtsTokenCount"] = thought
    body["totalTokenCount"] = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    body.update(extras)
    return body
