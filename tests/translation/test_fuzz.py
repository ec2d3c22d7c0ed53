"""Any bytes, in any cuts, from any side: there are bytes for the other side, or an error of ours, and nothing else."""

import contextlib
import functools
import json
import random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from multillama.core.codec import Misfit
from multillama.dialects.catalog import CODECS, UNFRAMED
from multillama.errors import GatewayError
from tests.translation.counting import pairs
from tests.translation.crossing import answered, read, sent
from tests.translation.taken import Taken, all_taken

FEW = settings(max_examples=60, suppress_health_check=list(HealthCheck))
MUTANTS = 40
"""For each pair of dialects, of each kind."""
ODD = (
    None, True, -1, 1.5, 10**30, "", "x", "\ud800", [], {}, [None], [[]], {"type": "x"},
    {"type": "message"},
)  # fmt: skip
ASKED = {
    "openai.completions": {"prompt": "hi"},
    "openai.responses": {"input": "hi"},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    "ollama.generate": {"prompt": "hi"},
}
CHAT = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}


def ask(dialect: str) -> bytes:
    return json.dumps({"model": "m", **ASKED.get(dialect, CHAT)}).encode()


@functools.cache
def taken() -> dict[str, list[Taken]]:
    found: dict[str, list[Taken]] = {name: [] for name in CODECS}
    for one in all_taken():
        found[one.dialect].append(one)
    return found


def mutated(body: bytes, dice: random.Random) -> bytes:
    """Returns a body in which one value is another, or is missing, or some of whose bytes are others."""
    if dice.random() < 0.3:
        at = dice.randrange(len(body))
        return body[:at] + dice.randbytes(dice.randrange(4)) + body[at + dice.randrange(20) :]
    value = json.loads(body)
    holder = value
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            break
        key = dice.choice(keys)
        if isinstance(holder[key], dict | list) and dice.random() < 0.8:
            holder = holder[key]
            continue
        if dice.random() < 0.3:
            del holder[key]
        else:
            holder[key] = dice.choice(ODD)
        break
    return json.dumps(value).encode()


def mutated_stream(stream: bytes, dice: random.Random) -> bytes:
    """Returns a stream with one line mutated, twice, or missing."""
    lines = stream.split(b"\n")
    at = dice.choice([at for at, line in enumerate(lines) if b"{" in line])
    name, brace, rest = lines[at].partition(b"{")
    fate = dice.random()
    if fate < 0.2:
        lines[at : at + 1] = []
    elif fate < 0.4:
        lines.insert(dice.randrange(len(lines)), lines[at])
    else:
        lines[at] = name + mutated(brace + rest, dice).replace(b"\n", b" ")
    return b"\n".join(lines)


def survives(call, *args, **more):
    """Calls; what may be raised is ours."""
    with contextlib.suppress(GatewayError):
        return call(*args, **more)
    return None


@pytest.mark.parametrize("dialect", CODECS)
@FEW
@given(data=st.binary(max_size=300))
def test_any_bytes_into_any_reader_give_values_or_a_misfit(dialect, data):
    codec = CODECS[dialect]
    codecs = [codec, UNFRAMED[dialect]] if dialect in UNFRAMED else [codec]
    for each in codecs:
        for framed in (data, b"data: " + data + b"\n\n", b'{"' + data, data + b"\n"):
            for stream in (False, True):
                with contextlib.suppress(Misfit):
                    read(framed, each, stream=stream)
            with contextlib.suppress(Misfit):
                each.read_request(framed)
            each.write_fault(each.read_fault(500, framed))


@pytest.mark.parametrize("pair", pairs(), ids="->".join)
@settings(FEW, max_examples=15)
@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_in_any_cuts_are_translated_or_refused(pair, data, cuts):
    source, target = pair
    for stream in (False, True):
        told = sent(ask(source), source, target, stream=stream)
        for framed in (data, b"data: " + data + b"\n\n", data + b"\n"):
            places = sorted(min(cut, len(framed)) for cut in cuts)
            survives(answered, framed, told, pair, stream=stream, cuts=places)


@pytest.mark.parametrize("pair", pairs(), ids="->".join)
def test_a_recorded_request_with_one_odd_value_is_translated_or_refused(pair):
    dice = random.Random(str(pair))
    for _ in range(MUTANTS):
        one = dice.choice(taken()[pair[0]])
        survives(sent, mutated(one.request, dice), *pair, stream=one.is_stream)


@pytest.mark.parametrize("pair", pairs(), ids="->".join)
def test_a_recorded_answer_with_one_odd_value_is_translated_or_refused(pair):
    source, target = pair
    dice = random.Random(str(pair))
    for _ in range(MUTANTS):
        one = dice.choice(taken()[target])
        mutate = mutated_stream if one.is_stream else mutated
        body = mutate(one.answer, dice)
        told = sent(ask(source), source, target, stream=one.is_stream)
        cuts = sorted(dice.randrange(len(body) + 1) for _ in range(6))

        said = survives(answered, body, told, pair, stream=one.is_stream, cuts=cuts)

        assert said is None or isinstance(said[0], bytes)
