"""Reads a stream of chunks. The same events come of it however its bytes are cut.

A chunk has no borders of parts: text begins where there is some, calls are told apart by their index. Usage comes
beside the finish reason, in a chunk of its own, or not at all.

HOT: `feed` runs for every event of every stream from an endpoint of this dialect.

Source: openai 3.54.0, `ChatCompletionChunk`; recorded streams of OpenAI, Azure, DeepSeek, Groq and OpenRouter.
"""

from typing import Any, Final

from multillama.core.canonical import Extras, Reasoning, Stop, Text
from multillama.core.codec import Misfit
from multillama.core.deltas import Broken, Count, End, Event, Finish, Start
from multillama.core.parts import Parts
from multillama.core.shape import Object, decode
from multillama.dialects.openai_chat.calls import Calls
from multillama.dialects.openai_chat.logprobs import read_logprobs
from multillama.dialects.openai_chat.parts import (
    ANNOTATION,
    CHUNK,
    DIALECT,
    MESSAGE,
    read_audio,
    read_image,
    rows_of,
)
from multillama.dialects.openai_chat.read_answer import read_content_part
from multillama.dialects.openai_chat.reasoning import MEMBERS as REASONING, read_block
from multillama.dialects.openai_family.fault import fault_in
from multillama.dialects.openai_family.stops import read_stop, write_stop
from multillama.dialects.openai_family.usage import NAME, count, read_usage
from multillama.wire.sse import Splitter

_TIER: Final = "service_tier"
_DONE: Final = b"[DONE]"
_TOLD: Final = frozenset((
    "id", "object", "created", "model", "choices", "usage", "obfuscation",
))  # fmt: skip
"""`obfuscation` is padding of a random length."""
_CHOICE_TOLD: Final = frozenset(("index", "delta", "message", "logprobs", "finish_reason"))
_DELTA_TOLD: Final = REASONING | {
    "role", "content", "refusal", "tool_calls", "function_call", "annotations", "audio", "images",
}  # fmt: skip


class _Choice:
    """What is known of one choice."""

    __slots__ = ("calls", "extras", "has_refusal", "index", "is_over", "message", "thoughts")

    def __init__(self, index: int, parts: Parts, seed: str) -> None:
        self.index = index
        self.calls = Calls(parts, index, f"{seed}:{index}")
        self.extras: Extras = {}
        self.message: Extras = {}
        self.thoughts: list[str] = []
        """What was told as plain reasoning, since the last signature."""
        self.has_refusal = False
        self.is_over = False


class ChunkReader:
    """Reads one stream."""

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._parts = Parts()
        self._choices: dict[int, _Choice] = {}
        self._has_begun = False
        self._is_over = False
        self._id = ""
        self._extras: Extras = {}
        """Members of chunks that have no word of ours, as last told."""
        self._late: Extras = {}
        """Those that came when nothing was there to take them along."""

    def feed(self, data: bytes) -> list[Event]:
        """Takes bytes; returns what they complete."""
        if self._is_over:
            return []
        for payload in self._splitter.payloads(data):
            if payload:
                self._take(payload)
        return self._parts.take()

    def end(self) -> list[Event]:
        """Takes note of the end; `[DONE]` may be missing where all choices have finished."""
        # an event without its blank line counts if it is whole
        payload = self._splitter.last()
        if payload:
            self._take_last(payload)
        choices = self._choices.values()
        if not self._is_over and choices and all(choice.is_over for choice in choices):
            self._end()
        return self._parts.take()

    def _take_last(self, payload: bytes) -> None:
        try:
            self._take(payload)
        except Misfit:
            return  # half an event: the stream is cut off, which is told by the missing `End`

    def _take(self, payload: bytes) -> None:
        if self._is_over:
            return
        if payload.startswith(_DONE):
            self._finish_all()
            self._end()
            return
        chunk = decode(payload)
        if not isinstance(chunk, dict):
            raise Misfit("data", "must be an object")
        if chunk.get("error") or chunk.get("object") == "error":
            self._parts.events.append(Broken(fault_in(chunk)))
            self._is_over = True
            return
        self._take_chunk(chunk)

    def _take_chunk(self, chunk: Object) -> None:
        news = self._news(chunk)
        rows = chunk.get("choices")
        if not self._has_begun:
            if not rows and not chunk.get("id"):
                return  # Azure's first chunk: what is news of it comes along with the next
            self._begin(chunk)
            news = {}
        for row in rows if isinstance(rows, list) else ():
            if self._take_choice(row, news):
                news = {}
        if news:
            self._late.update(news)
        usage = chunk.get("usage")
        if usage is None and (groq := chunk.get("x_groq")) is not None:
            usage = groq.get("usage") if isinstance(groq, dict) else None
        if isinstance(usage, dict):
            self._parts.events.append(Count(read_usage(usage)))

    def _news(self, chunk: Object) -> Extras:
        """Returns the members that have no word of ours and are not known yet."""
        news: Extras = {}
        extras = self._extras
        for name, value in chunk.items():
            if name not in _TOLD and value is not None and extras.get(name) != value:
                news[name] = extras[name] = value
        return news

    def _begin(self, chunk: Object) -> None:
        self._has_begun = True
        id_, model, created = chunk.get("id"), chunk.get("model"), count(chunk.get("created"))
        self._id = id_ if isinstance(id_, str) else ""
        start = Start(
            self._id,
            model if isinstance(model, str) else "",
            created or 0,
            family=NAME,
            dialect=DIALECT,
        )
        start.extras = {name: v for name, v in self._extras.items() if name != _TIER}
        self._parts.events.append(start)

    def _take_choice(self, row: Any, news: Extras) -> bool:
        """Takes what a chunk says of one choice; says whether that ends it."""
        if not isinstance(row, dict):
            raise Misfit("choices[0]", "must be an object")
        index = row.get("index")
        choice = self._choice(index if isinstance(index, int) and 0 <= index < 128 else 0)
        if choice.is_over:
            return False
        delta = row.get("delta")
        if not isinstance(delta, dict):
            delta = row.get("message")  # some send the last one so
        if isinstance(delta, dict) and delta:
            self._take_delta(delta, row, choice)
        if len(row) > 2:
            for name, value in row.items():
                if name not in _CHOICE_TOLD and value is not None:
                    choice.extras[name] = value
            word = row.get("finish_reason")
            if isinstance(word, str) and word:
                self._finish(choice, word, news)
                return True
        return False

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(index, self._parts, self._id)
        return choice

    def _take_delta(self, delta: Object, row: Object, choice: _Choice) -> None:
        content = delta.get("content")
        if len(delta) > 1 or content is None:
            self._take_before(delta, choice)
        if content:
            if isinstance(content, str):
                raw = row.get("logprobs")
                logprobs = read_logprobs(raw) if raw is not None else None
                self._parts.say("text", content, choice=choice.index, logprobs=logprobs)
            elif isinstance(content, list):
                self._take_list(content, choice)
        if len(delta) > 1 or content is None:
            self._take_after(delta, choice)

    def _take_before(self, delta: Object, choice: _Choice) -> None:
        """Takes what stands before the content, in an answer that tells both in one chunk."""
        for name in ("reasoning_details", "thinking_blocks"):
            blocks = delta.get(name)
            if blocks and isinstance(blocks, list):
                found = [part for block in blocks if (part := read_block(block)) is not None]
                for part in found:
                    self._reason(part, choice)
                if found:
                    return
        text = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(text, str) and text:
            self._parts.say("reasoning", text, choice=choice.index)
            choice.thoughts.append(text)

    def _reason(self, part: Reasoning, choice: _Choice) -> None:
        index = choice.index
        if part.is_redacted:
            self._parts.whole(part, index)
            return
        is_told = part.signature is not None and part.text == "".join(choice.thoughts)
        if part.text and not is_told:  # some tell it again, to sign it
            self._parts.say("reasoning", part.text, choice=index)
        if part.signature is not None:
            choice.thoughts.clear()
            self._parts.sign(part.signature, choice=index)
            self._parts.hush(index)  # a signature is the end of what it signs

    def _take_list(self, rows: list[Any], choice: _Choice) -> None:
        """Takes a content in Mistral's form."""
        for row in rows:
            part = read_content_part(row)
            if isinstance(part, Text):
                self._parts.say("text", part.text, choice=choice.index)
            elif isinstance(part, Reasoning):
                self._reason(part, choice)
            elif part is not None:
                self._parts.whole(part, choice.index)

    def _take_after(self, delta: Object, choice: _Choice) -> None:
        """Takes what stands behind the content."""
        parts, index = self._parts, choice.index
        for name, value in delta.items():
            if value is None or name == "content" or name == "role":
                continue
            if name == "tool_calls":
                for row in rows_of(value):
                    choice.calls.take(row)
            elif name == "function_call":
                choice.calls.take_function(value)
            elif name == "refusal":
                if value and isinstance(value, str):
                    choice.has_refusal = True
                    parts.say("refusal", value, choice=index)
            elif name in _DELTA_TOLD and value != []:
                self._take_rare(name, value, index)
            else:
                choice.message[name] = value

    def _take_rare(self, name: str, value: Any, index: int) -> None:
        if name == "annotations":
            for row in rows_of(value):
                self._parts.more(ANNOTATION, row, choice=index)
        elif name == "images":
            for row in rows_of(value):
                image = read_image(row)
                if image is not None:
                    self._parts.whole(image, index)
        elif name == "audio":
            audio = read_audio(value)
            if audio is not None:
                self._parts.whole(audio, index)

    def _finish(self, choice: _Choice, word: str, news: Extras) -> None:
        choice.is_over = True
        choice.calls.close()
        self._parts.close(choice.index)
        stop = read_stop(word, has_calls=choice.calls.has_any, has_refusal=choice.has_refusal)
        finish = Finish(stop, choice.index)
        extras = choice.extras
        matched = extras.get("stop_reason")
        if word and write_stop(stop) != word:
            extras["finish_reason"] = word
        if isinstance(matched, str) and stop is Stop.END:
            finish.stop, finish.stop_sequence = Stop.SEQUENCE, matched  # vLLM
        if choice.message:
            extras[MESSAGE] = choice.message
        if news:
            extras[CHUNK] = news
        finish.extras = extras
        self._parts.events.append(finish)

    def _finish_all(self) -> None:
        for choice in self._choices.values():
            if not choice.is_over:
                self._finish(choice, "", {})  # OpenRouter may say no word

    def _end(self) -> None:
        if not self._has_begun:
            self._begin({})
        self._is_over = True
        tier = self._extras.get(_TIER)
        self._late.pop(_TIER, None)
        self._parts.events.append(End(self._late, tier if isinstance(tier, str) else None))
