"""Every row of the table, cut in two at every offset: the answer depends on the bytes, never on the segments."""

import pytest

from tests.http.case import Case
from tests.http.client import one_by_one
from tests.http.in_process import Stage, stage
from tests.http.table import CASES
from tests.http.verdict import assert_as_promised, outcome_of

MOST_CUTS = 600
"""Rows are shorter but for those about size; their cuts are spread evenly, and close at both ends."""
EDGE = 150


def cuts_of(length: int) -> list[int]:
    """The offsets at which a row is cut: all of them, or the ends and a spread."""
    if length <= MOST_CUTS:
        return list(range(1, length))
    step = (length - 2 * EDGE) // (MOST_CUTS - 2 * EDGE) + 1
    return [*range(1, EDGE), *range(EDGE, length - EDGE, step), *range(length - EDGE, length)]


async def assert_alike(case: Case, on: Stage) -> None:
    raw, ends = case.sent, not case.has_probe
    received, seen = await on.play([raw], ends=ends)
    whole = outcome_of(case, received, seen)
    assert_as_promised(case, whole, seen, on.recorder)
    runs = [(cut, [raw[:cut], raw[cut:]]) for cut in cuts_of(len(raw))]
    if len(raw) <= MOST_CUTS:
        runs.append((0, one_by_one(raw)))
    for cut, pieces in runs:
        got = await on.play(pieces, ends=ends)
        if got != (received, seen):  # reading the answers takes longer than playing does
            assert (cut, outcome_of(case, *got)) == (cut, whole)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_row_comes_true_wherever_it_is_cut(case):
    async with stage(has_key=case.wants_key) as on:
        await assert_alike(case, on)
