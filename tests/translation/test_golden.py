"""The hard ones of every dialect become in every other dialect what stands beside them."""

import pytest

from tests.translation.golden import RICH, cases

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=[str(case.expected.name) for case in CASES])
def test_a_case_becomes_what_stands_beside_it(case):
    assert case.made() == case.expected.read_text()


@pytest.mark.parametrize("dialect", RICH)
def test_every_dialect_has_a_request_an_answer_and_a_stream(dialect):
    assert {case.file.stem for case in CASES if case.dialect == dialect} == {
        "request", "answer", "stream",
    }  # fmt: skip
