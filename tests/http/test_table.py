"""Every row of the table against the real gateway, by raw socket: in one go, and byte by byte."""

import pytest

from tests.http.case import Case
from tests.http.client import exchange, one_by_one
from tests.http.table import CASES
from tests.http.verdict import Outcome, assert_as_promised, outcome_of

LARGE_BYTES = 50_000
"""Beyond it the bytes go out by the hundred: a million writes would only measure the kernel."""


def pieces_of(case: Case) -> list[bytes]:
    if len(case.sent) <= LARGE_BYTES:
        return one_by_one(case.sent)
    return [case.sent[at : at + 100] for at in range(0, len(case.sent), 100)]


@pytest.fixture
def served(request, case):
    return request.getfixturevalue("locked_gateway" if case.wants_key else "gateway")


def run(case, served, pieces) -> Outcome:
    served.recorder.take()
    received = exchange(served.port, pieces, ends=not case.has_probe)
    seen = served.recorder.take()
    outcome = outcome_of(case, received, seen)
    assert_as_promised(case, outcome, seen, served.recorder)
    return outcome


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_row_comes_true_in_one_go_and_byte_by_byte_alike(case, served):
    whole = run(case, served, [case.sent])

    assert run(case, served, pieces_of(case)) == whole


def test_the_table_has_200_rows_of_the_rfcs_and_no_name_twice():
    names = {case.name for case in CASES}
    anchored = [case for case in CASES if case.section.startswith(("RFC 9110 §", "RFC 9112 §"))]

    assert len(names) == len(CASES)
    assert len(anchored) >= 200
