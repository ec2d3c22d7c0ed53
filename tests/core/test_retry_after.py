import calendar
import email.utils

import pytest
from hypothesis import given, strategies as st

from multillama.core.retry_after import asks_for_none, retry_after_s

NOW = 1_784_000_000.0
DELAY = b'{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}]}}'


@pytest.mark.parametrize(
    ("lines", "asked_s"),
    [
        ([b"Retry-After: 7"], 7.0),
        ([b"retry-after:2.5"], 2.5),
        ([b"retry-after: 0"], 0.0),
        ([b"retry-after: 99999999"], 99999999.0),
        ([b"retry-after-ms: 1500", b"retry-after: 2"], 1.5),
        ([b"retry-after-ms: soon", b"retry-after: 2"], 2.0),
        ([b"retry-after: Tue, 14 Jul 2026 03:33:30 GMT"], 10.0),
        ([b"retry-after: Tue, 14 Jul 2020 03:33:30 GMT"], 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_milliseconds_or_a_date(lines, asked_s):
    assert retry_after_s([b"content-type: text/plain", *lines], b"", NOW) == asked_s


@pytest.mark.parametrize(
    "value",
    [
        b"-1",
        b"soon",
        b"",
        b"nan",
        b"inf",
        b"1e3",
        b"Tue, 14 Xyz 2026 03:33:30 GMT",
        b"14 Jul 2026",
        b"9" * 30,
    ],
)
def test_what_cannot_be_read_counts_as_not_said(value):
    assert retry_after_s([b"retry-after: " + value], b"{}", NOW) is None


def test_geminis_delay_stands_in_the_body():
    assert retry_after_s([], DELAY, NOW) == 34.4
    assert retry_after_s([b"retry-after: 3"], DELAY, NOW) == 3.0


def test_only_the_beginning_of_a_body_is_searched():
    assert retry_after_s([], b" " * 20_000 + DELAY, NOW) is None


@pytest.mark.parametrize(
    ("reset", "asked_s"),
    [
        (b"12ms", 0.012), (b"1s", 1.0), (b"6m0s", 360.0), (b"1h2m3.5s", 3723.5), (b"17.399999999s", 17.399999999),
        (b"30", 30.0), (b"1784000005000", 5.0), (b"1783999000000", 0.0), (b"later", None), (b"", None),
    ],
)  # fmt: skip
def test_a_limit_that_is_used_up_tells_when_it_is_renewed(reset, asked_s):
    lines = [b"x-ratelimit-remaining-tokens: 0", b"x-ratelimit-reset-tokens: " + reset]

    assert retry_after_s(lines, b"", NOW) == (None if asked_s is None else pytest.approx(asked_s))


def test_of_two_used_up_limits_the_later_one_counts_and_one_with_something_left_does_not():
    lines = [
        b"x-ratelimit-remaining-requests: 0", b"x-ratelimit-reset-requests: 2s",
        b"x-ratelimit-remaining-tokens: 0", b"x-ratelimit-reset-tokens: 5s",
        b"x-ratelimit-remaining: 9", b"x-ratelimit-reset: 86400",
    ]  # fmt: skip

    assert retry_after_s(lines, b"", NOW) == 5.0


@given(st.integers(0, 4_102_444_800))
def test_every_date_is_read_as_the_calendar_has_it(at):
    said = email.utils.formatdate(at, usegmt=True)

    asked_s = retry_after_s([b"retry-after: " + said.encode()], b"", 0.0)

    assert asked_s == at == calendar.timegm(email.utils.parsedate(said))


@given(st.lists(st.binary(max_size=40), max_size=4), st.binary(max_size=40))
def test_whatever_comes_is_a_time_or_nothing(lines, body):
    asked_s = retry_after_s(lines, body, NOW)

    assert asked_s is None or asked_s >= 0


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        (b"x-should-retry: false", True),
        (b"X-Should-Retry:FALSE", True),
        (b"x-should-retry: true", False),
        (b"x-retry: false", False),
    ],
)
def test_an_endpoint_may_ask_for_no_repetition(line, asks):
    assert asks_for_none([b"server: x", line]) is asks
