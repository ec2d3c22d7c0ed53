"""Every row of the table, cut in two at every offset: the answer depends on the bytes, never on the segments."""

import itertools
import re
import socket

import pytest

from tests.http import rows_body, rows_chunks, rows_connection, rows_fields, rows_framing, rows_line
from tests.http.case import PROBE, Case
from tests.http.client import connect, exchange, one_by_one, read_all
from tests.http.in_process import Stage, stage
from tests.http.table import CASES
from tests.http.unread import unread_bytes, wait_until_read
from tests.http.verdict import assert_as_promised, outcome_of

WHOLE_BYTES = 2_000
"""Rows up to here are cut everywhere; the longer ones are about size."""
BYTEWISE_BYTES = 600
"""Rows up to here come byte by byte as well."""
EDGE = 150
SPREAD = 300
"""Cuts that are spread evenly over the rest of a longer row."""
BEFORE, BEHIND = 2, 5
"""How far around a boundary is cut: within it, and on either side."""
MOST_NEAR = 5_000
"""Of more, each second or third counts: a row of 2,000 trailers is all boundaries."""
BOUNDARY = re.compile(rb"\r\n|--|(?:GET|POST) /")
"""Where a line, a part or a request begins or ends."""

CATEGORIES = (
    rows_body, rows_chunks, rows_connection, rows_fields, rows_framing, rows_line,
)  # fmt: skip


def cuts_of(raw: bytes) -> list[int]:
    """The offsets at which a row is cut: all of them, or both ends, around each boundary, and a spread."""
    length = len(raw)
    if length <= WHOLE_BYTES:
        return list(range(1, length))
    inner = range(EDGE, length - EDGE)
    near = sorted(
        {
            at
            for found in BOUNDARY.finditer(raw)
            for at in range(found.start() - BEFORE, found.start() + BEHIND)
            if at in inner
        }
    )
    near = near[:: len(near) // MOST_NEAR + 1]
    spread = inner[:: len(inner) // SPREAD + 1]
    return sorted({*range(1, EDGE), *near, *spread, *range(length - EDGE, length)})


async def assert_alike(case: Case, on: Stage) -> None:
    raw, ends = case.sent, not case.has_probe
    received, seen = await on.play([raw], ends=ends)
    whole = outcome_of(case, received, seen)
    assert_as_promised(case, whole, seen, on.recorder)
    runs = [(cut, [raw[:cut], raw[cut:]]) for cut in cuts_of(raw)]
    if len(raw) <= BYTEWISE_BYTES:
        runs.append((0, one_by_one(raw)))
    for cut, pieces in runs:
        got = await on.play(pieces, ends=ends)
        if got != (received, seen):  # reading the answers takes longer than playing does
            assert (cut, outcome_of(case, *got)) == (cut, whole)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_row_comes_true_wherever_it_is_cut(case):
    async with stage(has_key=case.wants_key) as on:
        await assert_alike(case, on)


def exchange_in_two(port: int, raw: bytes, cut: int) -> bytes:
    """Sends the second part when the gateway has read the first, and returns all that comes back."""
    with connect(port) as sock:
        sock.sendall(raw[:cut])
        wait_until_read(sock)
        sock.sendall(raw[cut:])
        return read_all(sock)


def sample_of(rows: tuple[Case, ...]) -> Case:
    """The longest row of a category that stays open to its end, for a closed socket takes no second part."""
    fit = [case for case in rows if case.is_kept and not case.wants_key and len(case.sent) < 500]
    return max(fit, key=lambda case: len(case.sent))


@pytest.mark.parametrize("rows", CATEGORIES, ids=lambda rows: rows.__name__.rpartition("_")[2])
def test_one_row_of_each_kind_comes_true_at_a_real_socket_wherever_it_is_cut(gateway, rows):
    case = sample_of(rows.ROWS)
    whole = outcome_of(
        case, exchange(gateway.port, [case.sent], ends=False), gateway.recorder.take()
    )

    for cut in range(1, len(case.sent)):
        received = exchange_in_two(gateway.port, case.sent, cut)
        seen = gateway.recorder.take()

        outcome = outcome_of(case, received, seen)
        assert (cut, outcome) == (cut, whole)
        assert_as_promised(case, outcome, seen, gateway.recorder)


# what the cuts are


def test_every_category_of_the_table_has_its_sample():
    assert sum((rows.ROWS for rows in CATEGORIES), ()) != ()
    assert {case.name for rows in CATEGORIES for case in rows.ROWS} == {case.name for case in CASES}


@pytest.mark.parametrize(
    "case", [case for case in CASES if len(case.sent) > WHOLE_BYTES], ids=lambda case: case.name
)
def test_a_long_row_is_cut_at_both_ends_around_its_boundaries_and_in_between(case):
    raw = case.sent

    cuts = cuts_of(raw)

    ends = {found.start() + 1 for found in BOUNDARY.finditer(raw)}
    assert {*range(1, EDGE), *range(len(raw) - EDGE, len(raw))} <= set(cuts)
    assert len(raw) - len(PROBE) in cuts or not case.has_probe
    assert ends <= set(cuts) or len(ends) * (BEFORE + BEHIND) > MOST_NEAR
    assert max(b - a for a, b in itertools.pairwise(cuts)) <= len(raw) // SPREAD + 1


def test_the_kernel_knows_what_is_not_read_yet():
    with socket.create_server(("127.0.0.1", 0)) as server, connect(server.getsockname()[1]) as ours:
        theirs = server.accept()[0]
        ours.sendall(b"hello")
        sent = unread_bytes(ours)
        theirs.recv(3)
        left = unread_bytes(ours)
        theirs.recv(3)
        theirs.close()

        assert (sent, left, unread_bytes(ours)) == (5, 2, 0)
        wait_until_read(ours)
