"""Rows of the table with bytes changed at random: whatever comes, nothing crashes, and no cut changes what happens."""

import itertools
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.http.client import read_answers
from tests.http.in_process import Stage, stage
from tests.http.recorder import assert_built_by_us
from tests.http.table import CASES

RAWS = sorted({case.raw for case in CASES if 0 < len(case.raw) < 600 and b"HEAD " not in case.raw})
"""Without HEAD: a client that no longer knows what it has asked cannot read the answer."""
SNIPPETS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"0", b"\xff", b'"', b"#", b"\r\n\r\n", b"0\r\n\r\n",
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: other.test\r\n", b"Connection: close\r\n",
    b"Upgrade: h2c\r\nConnection: Upgrade\r\n", b"Expect: 100-continue\r\n", b"GET /health HTTP/1.1\r\n", b" HTTP/1.0",
]  # fmt: skip
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 12),
        st.sampled_from(SNIPPETS) | st.binary(max_size=4),
    ),
    max_size=5,
)


class Outcome(NamedTuple):
    """What one connection came to."""

    answers: list[tuple[int, bytes]]
    seen: list[tuple[bytes, bytes]]


def mutated(raw: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Each edit, at a place given as a share of the length, takes out some bytes and puts in others."""
    for place, taken, put in edits:
        at = int(place * len(raw))
        raw = raw[:at] + put + raw[at + taken :]
    return raw


async def outcome(on: Stage, pieces: list[bytes]) -> Outcome:
    received, seen = await on.play(pieces, ends=True, is_patient=True)
    for request in seen:
        assert_built_by_us(request, on.recorder)
    answers = [(answer.status, answer.body) for answer in read_answers(received)]
    return Outcome(answers, [(request.text, request.body) for request in seen])


def assert_alike(one: Outcome, other: Outcome) -> None:
    """The same happened; but a refusal that came before its body had come may have ended the connection."""
    short, long = sorted((one, other), key=lambda some: len(some.answers))
    assert short.answers == long.answers[: len(short.answers)]
    assert short.seen == long.seen[: len(short.seen)]
    if len(short.answers) < len(long.answers):
        assert short.answers
        assert short.answers[-1][0] >= 400
    else:
        assert short.seen == long.seen


@pytest.mark.timeout(120)
@settings(max_examples=1_000, suppress_health_check=list(HealthCheck))
@given(
    first=st.sampled_from(RAWS),
    second=st.sampled_from([b"", *RAWS]),
    edits=EDITS,
    cuts=st.lists(st.floats(0, 1), max_size=4),
)
async def test_no_change_of_bytes_crashes_and_no_cut_changes_the_outcome(
    first, second, edits, cuts
):
    raw = mutated(first, edits) + second
    edges = sorted({0, len(raw), *(int(cut * len(raw)) for cut in cuts)})
    pieces = [raw[start:end] for start, end in itertools.pairwise(edges)]
    async with stage() as on:
        assert_alike(await outcome(on, pieces), await outcome(on, [raw]))
