"""What a row promises, held against what came of it."""

from typing import NamedTuple

from tests.http.case import SILENCE, Case
from tests.http.client import Answer, assert_explains, read_answers
from tests.http.recorder import Recorder, Seen, assert_built_by_us


class Outcome(NamedTuple):
    """What a client got and an endpoint saw."""

    answers: tuple[Answer, ...]
    seen: tuple[tuple[bytes, bytes], ...]
    """Head (lower case) and body of each request at the endpoint."""


def outcome_of(case: Case, received: bytes, seen: list[Seen]) -> Outcome:
    answers = read_answers(received, first_is_head=case.is_head)
    if case.is_kept is None or not case.has_probe:
        # Whether it is kept may depend on how much of the body, or the client's end, was there already.
        answers = [_without_connection(answer) for answer in answers[: len(case.answers)]]
    return Outcome(tuple(answers), tuple((request.text, request.body) for request in seen))


def _without_connection(answer: Answer) -> Answer:
    return answer._replace(
        fields=tuple(field for field in answer.fields if field[0] != b"connection")
    )


def assert_as_promised(case: Case, outcome: Outcome, seen: list[Seen], recorder: Recorder) -> None:
    """Fails with what differs from the row."""
    statuses = [answer.status for answer in outcome.answers]
    _assert_statuses(case, statuses)
    _assert_seen(case, seen, recorder)
    for answer in outcome.answers:
        if answer.status >= 400 and not (case.is_head and answer is outcome.answers[0]):
            assert_explains(answer)
    if statuses and case.has_probe and case.is_kept is not None:
        assert (b"connection", b"close") in outcome.answers[-1].fields
    for needed in case.needs:
        assert needed in outcome.answers[0].text


def _assert_statuses(case: Case, statuses: list[int]) -> None:
    expected = list(case.answers)
    kept = [*expected, frozenset({200})]
    if not case.has_probe or case.is_kept is False:
        allowed = [expected]
    elif case.is_kept:
        allowed = [kept]
    else:
        allowed = [expected, kept]
    padded = statuses or [SILENCE]
    assert any(
        len(padded) == len(row)
        and all(got in wanted for got, wanted in zip(padded, row, strict=True))
        for row in allowed
    ), (
        f"{case.section}: {statuses} is not among {[[sorted(some) for some in row] for row in allowed]}"
    )


def _assert_seen(case: Case, seen: list[Seen], recorder: Recorder) -> None:
    assert [request.body for request in seen] == list(case.sees)
    for request in seen:
        assert_built_by_us(request, recorder)
        assert [word for word in case.lacks if word in request.text] == []
