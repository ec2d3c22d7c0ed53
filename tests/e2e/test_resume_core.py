"""An answer that breaks off is continued on the real llama.cpp: at temperature 0 the joined text is the whole one."""

import json
import urllib.request
from typing import Any, NamedTuple

import pytest

from multillama.core.continuation import continuation_body
from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, Partial, read_partial
from multillama.core.resume import find_how, why_not
from multillama.core.stitch import stitcher
from multillama.wire.sse import split_events
from tests.e2e.conftest import TIMEOUT_S, Models

pytestmark = pytest.mark.timeout(180)

# Each token of these answers is far likelier than the next best. Where two are close, llama.cpp itself answers in two
# ways: its sums differ in the last bits by how many tokens are computed at a time, and so by what its cache holds.
ASKED: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "Count from 1 to 20, one number per line."}],
           "stream_options": {"include_usage": True}},
    COMPLETIONS: {"prompt": "1, 2, 3, 4, 5, 6,", "stream_options": {"include_usage": True}},
    MESSAGES: {"messages": [{"role": "user", "content": "Count from 1 to 20, one number per line."}]},
}  # fmt: skip
PATHS = {CHAT: "chat/completions", COMPLETIONS: "completions", MESSAGES: "messages"}
MAX_TOKENS = 20


class Answer(NamedTuple):
    body: bytes
    events: list[bytes]

    def read(self, dialect: str) -> Partial:
        return read_partial(dialect, b"".join(self.events))


def post(models: Models, dialect: str, body: bytes) -> list[bytes]:
    url = f"{models.chat}/v1/{PATHS[dialect]}"
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=TIMEOUT_S) as answer:
        events, rest = split_events(answer.read())
    assert rest == b""
    return events


def ask(models: Models, dialect: str, **members: Any) -> Answer:
    # Without its cache it computes the prefill from the beginning, as another server would.
    asked = {"model": "m", "temperature": 0, "max_tokens": MAX_TOKENS, "stream": True}
    asked["cache_prompt"] = False
    body = json.dumps({**asked, **ASKED[dialect], **members}).encode()
    return Answer(body, post(models, dialect, body))


def go_on(models: Models, dialect: str, body: bytes, had: list[bytes]) -> list[bytes]:
    """Returns all that the client gets."""
    partial = read_partial(dialect, b"".join(had))
    how = find_how("llama.cpp", dialect)
    assert why_not(partial, body, how, model="m") is None
    rest = stitcher(partial)
    events = post(models, dialect, continuation_body(body, partial, how))
    got = [*had, *split_events(b"".join(rest.feed(event) for event in events))[0]]
    assert rest.is_over
    return got


@pytest.mark.parametrize("dialect", PATHS)
def test_a_broken_off_answer_is_continued_exactly(models: Models, dialect: str) -> None:
    whole = ask(models, dialect)
    said = whole.read(dialect)

    # 5 is between tokens of one word or line, 1 before any text of a chat, 2 behind its first token
    for cut in (1, 2, 5, 8, 11, 14):
        got = go_on(models, dialect, whole.body, whole.events[:cut])

        joined = read_partial(dialect, b"".join(got))
        assert joined.text == said.text
        assert (joined.finish, joined.oddity) == (said.finish, None)
        assert (joined.input_tokens, joined.output_tokens) == (
            said.input_tokens,
            said.output_tokens,
        )
        assert got[-1] == whole.events[-1]


def test_it_is_continued_exactly_after_a_second_cut(models: Models) -> None:
    whole = ask(models, CHAT)

    once = go_on(models, CHAT, whole.body, whole.events[:5])
    twice = go_on(models, CHAT, whole.body, once[:12])

    assert read_partial(CHAT, b"".join(twice)).text == whole.read(CHAT).text
    ids = {json.loads(event[6:])["id"] for event in twice[:-1]}
    assert len(ids) == 1


def test_blanks_before_the_cut_are_said_once(models: Models) -> None:
    whole = ask(models, CHAT)
    cuts = [
        cut
        for cut in range(3, len(whole.events) - 4)
        if read_partial(CHAT, b"".join(whole.events[:cut])).held
    ]

    got = go_on(models, CHAT, whole.body, whole.events[: cuts[-1]])

    assert read_partial(CHAT, b"".join(got)).text == whole.read(CHAT).text


def test_a_prefill_of_the_client_is_gone_on_with(models: Models) -> None:
    own = {"role": "assistant", "content": "1\n2\n3\n4\n5\n6\n"}
    whole = ask(models, CHAT, messages=[*ASKED[CHAT]["messages"], own])

    got = go_on(models, CHAT, whole.body, whole.events[:8])

    assert read_partial(CHAT, b"".join(got)).text == whole.read(CHAT).text
