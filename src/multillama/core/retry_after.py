"""When an endpoint says that it may be asked again: `Retry-After` and its kin."""

import re
from collections.abc import Sequence
from typing import Final

SEEN_BYTES: Final = 16 * 1024
_NUMBER: Final = re.compile(rb"\d{1,15}(\.\d{1,9})?$")
_SPAN: Final = re.compile(
    rb"(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d{1,12})?)s)?(?:(\d{1,9}(?:\.\d{1,12})?)ms)?$"
)
_DATE: Final = re.compile(
    rb"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$"
)
_MONTHS: Final = (
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
)  # fmt: skip
_RETRY_DELAY: Final = re.compile(rb'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,12})?)s"')
_NAMES: Final = (b"retry-after", b"x-ratelimit-")


def asks_for_none(lines: Sequence[bytes]) -> bool:
    """Says whether an endpoint that failed has repeated enough itself, as a gateway of our kind says."""
    return any(line.lower().replace(b" ", b"") == b"x-should-retry:false" for line in lines)


def retry_after_s(lines: Sequence[bytes], body: bytes, now_epoch: float) -> float | None:
    """Reads when the endpoint may be asked again, in seconds from now; None where it does not say.

    The most exact word wins: `retry-after-ms`, `retry-after` (seconds or a date), Gemini's `retryDelay` in the body,
    then the `x-ratelimit-reset…` of what is used up. What cannot be read counts as not said.

    Args:
        lines: The header lines of its answer, without CRLF.
        body: What has come of the answer.
        now_epoch: Seconds since 1970.

    Source: RFC 9110 §10.2.3; google.rpc.RetryInfo; OpenAI, Azure, Groq and OpenRouter as of November 2026.
    """
    heads = _named(lines)
    ms = heads.get(b"retry-after-ms", b"")
    if _NUMBER.match(ms):
        return float(ms) / 1000
    said = heads.get(b"retry-after", b"")
    if _NUMBER.match(said):
        return float(said)
    at = _http_date(said)
    if at is not None:
        return max(at - now_epoch, 0.0)
    delay = _RETRY_DELAY.search(body, 0, SEEN_BYTES)
    if delay is not None:
        return float(delay[1])
    return _until_reset(heads, now_epoch)


def _named(lines: Sequence[bytes]) -> dict[bytes, bytes]:
    heads = {}
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name.startswith(_NAMES):
            heads[name] = value.strip()
    return heads


def _until_reset(heads: dict[bytes, bytes], now_epoch: float) -> float | None:
    """The longest wait among the limits of which nothing remains; Groq's others may be a day away."""
    waits = []
    for kind in (b"-requests", b"-tokens", b""):
        if heads.get(b"x-ratelimit-remaining" + kind) == b"0":
            wait = _span(heads.get(b"x-ratelimit-reset" + kind, b""), now_epoch)
            if wait is not None:
                waits.append(wait)
    return max(waits, default=None)


def _span(text: bytes, now_epoch: float) -> float | None:
    """Reads `12ms`, `6m0s`, `17.39s`, `30` (Azure's seconds) or a time in milliseconds since 1970 (OpenRouter)."""
    if _NUMBER.match(text):
        number = float(text)
        return number if number < 1e11 else max(number / 1000 - now_epoch, 0.0)
    match = _SPAN.match(text)
    if match is None or not text:
        return None
    hours, minutes, seconds, ms = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + ms / 1000


def _http_date(text: bytes) -> float | None:
    """Seconds since 1970 of an HTTP date; its two obsolete forms are not read, as nobody sends them."""
    match = _DATE.match(text)
    if match is None or match[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[part]) for part in (1, 3, 4, 5, 6))
    # Days since 0000-03-01, so that the leap day is the last of its year.
    months = year * 12 + _MONTHS.index(match[2]) - 2
    year, month = divmod(months, 12)
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 1
    return float((days - 719468) * 86400 + hour * 3600 + minute * 60 + second)
