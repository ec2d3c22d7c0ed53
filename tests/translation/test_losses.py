"""Every recorded exchange goes over to every other dialect and back: what is lost is counted, and does not grow."""

import functools
import json

import pytest

from multillama.dialects.catalog import CODECS
from tests.translation.counting import FILE, counted, pairs
from tests.translation.taken import Taken, all_taken

KNOWN = json.loads(FILE.read_text())
POOR = ("openai.completions", "ollama.generate")
"""Dialects without roles and tools."""
KEPT = ("text", "tool_calls", "stop", "usage.input_tokens", "usage.output_tokens")
"""What an answer must say still when it is home again."""
ASKED = (
    "messages.system",
    "messages.user",
    "messages.assistant",
    "tool_calls",
    "tool_results",
    "max_tokens",
)
"""What a request must."""


@functools.cache
def taken() -> tuple[Taken, ...]:
    return tuple(all_taken())


def counts(pair: tuple[str, str]) -> dict[str, dict[str, int]]:
    return counted(list(taken()), pair)


@pytest.mark.parametrize("pair", pairs(), ids="->".join)
def test_what_is_lost_does_not_grow(pair):
    known = KNOWN["lost"][" -> ".join(pair)]

    grown = {
        f"{kind}: {name}": count
        for kind, names in counts(pair).items()
        for name, count in names.items()
        if count > known.get(kind, {}).get(name, 0)
    }

    assert grown == {}, "mend it, or say why and count anew: python -m tests.translation.counting"


def test_the_recordings_are_those_that_were_counted():
    assert {name: sum(one.dialect == name for one in taken()) for name in sorted(CODECS)} == KNOWN[
        "recordings"
    ]


def test_between_dialects_with_roles_and_tools_an_answer_comes_home_as_it_was():
    lost = {
        (pair, name)
        for pair, kinds in KNOWN["lost"].items()
        if not any(poor in pair for poor in POOR)
        for name in kinds.get("answer_home", {})
        if name in KEPT
    }

    assert lost == {("openai.chat -> ollama.chat", "stop")}  # Ollama has no word for a refusal


def test_between_dialects_with_roles_and_tools_a_request_comes_home_as_it_was():
    lost = {
        (pair, name)
        for pair, kinds in KNOWN["lost"].items()
        if not any(poor in pair for poor in POOR)
        for name in kinds.get("request_home", {})
        if name in ASKED
    }

    assert lost == set()
