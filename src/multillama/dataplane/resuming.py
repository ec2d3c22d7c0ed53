"""Mid-stream resume: a stream that broke off, stalled or went bad is continued by another target, or the same again.

What the client has is read once, from the events that were kept; `core/resume.py` says whether it can be continued and
how, and nothing is sent twice. Where it cannot be, the stream ends with the error it broke off with.
"""

from typing import TYPE_CHECKING, Final

from multillama.core.closing import End, UsageStitcher, missing_end, unfinished, usage_body
from multillama.core.continuation import changed_members, continuation_body
from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, Partial, read_partial
from multillama.core.resume import How, find_how, find_translated_how, why_not
from multillama.core.snapshot import Target
from multillama.core.stitch import Stitcher, stitcher
from multillama.core.translate import Way
from multillama.core.usage import says_it_is_over
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.launch import way_to
from multillama.errors import GatewayError

if TYPE_CHECKING:
    from multillama.dataplane.attempts import Attempts
    from multillama.dataplane.exchange import Exchange

MAX_TRIES: Final = 8
"""Attempts in a row to continue an answer that bring nothing new, also those that reach nobody."""
FREE_SEAMS: Final = 3
"""Continuations of one answer that cost nothing of the retry budget: a cut is no fault of the client's."""
MAX_SEAMS: Final = 16
"""Attempts to continue one answer, in all."""
DIALECTS: Final = frozenset((CHAT, COMPLETIONS, MESSAGES))


async def continue_elsewhere(attempts: "Attempts", broken: Attempt) -> None:
    """Goes on with a stream until it is whole.

    Raises:
        GatewayError: It cannot be continued; the text says why.
    """
    exchange = attempts.exchange
    error = broken.error or GatewayError("endpoint_failed", "It failed.", endpoint=broken.endpoint)
    last, resumes, seams, had = broken.target, 0, 0, -1
    tried: list[Target] = []
    while True:
        partial = _read(attempts)
        if partial is None:
            raise _given_up(attempts, broken, error, _why_not_kept(attempts))
        if partial.size > had:
            had, resumes, tried = partial.size, 0, [last]
        end = None if broken.held else _missing_end(exchange, partial)
        asks_usage = end is not None and end.lacks_usage
        wanted = unfinished(partial) if asks_usage else partial
        able, reason = _candidates(attempts, wanted, tried, resumes)
        if able and seams >= FREE_SEAMS and not attempts.may_spend(seams, most=MAX_SEAMS):
            able, reason = [], f"It was tried {seams} times, and the retry budget allows no more."
        if end is not None and not (asks_usage and able):
            attempts.story.attempts[-1].then = "had said all; the end was made good"
            exchange.relay.pass_on(end.data, True)
            return
        if not able:
            raise _given_up(attempts, broken, _told(error, reason), reason)
        if len(tried) > 1:  # the last ones brought nothing: not all at once
            await attempts.rest(attempts.backoff_s(len(tried) - 1))
        target = last = await attempts.place_among(able)
        tried.append(target)
        ask = _usage_request if asks_usage else _request
        body, rest = ask(exchange.body, partial, _how(attempts, target, partial))
        for member in changed_members(exchange.body, body):
            attempts.story.on_edit(member)
        attempts.story.attempts[-1].then = f"{target.endpoint.name} goes on"
        attempt = attempts.begin(target, "resume", body=body, stitch=_Ending(rest).take)
        await attempts.watch(attempt, resumes=True)
        if attempts.note(attempt) is None:
            return
        resumes += attempt.has_begun
        seams += 1


def _given_up(
    attempts: "Attempts", broken: Attempt, error: GatewayError, reason: str
) -> GatewayError:
    """Ends the stream with what it broke off with: the endpoint's own words, or an error."""
    attempts.story.attempts[-1].then = f"was not continued: {reason}"
    if broken.held:
        attempts.exchange.is_told = True
        attempts.exchange.relay.pass_on(broken.held, True)
    return error


def _why_not_kept(attempts: "Attempts") -> str:
    if attempts.exchange.relay.kept is None:
        return "It was not to be, or it is too long."
    return "Its dialect or its framing does not allow it."


def _read(attempts: "Attempts") -> Partial | None:
    """Reads what the client has, where that was kept."""
    relay, operation = attempts.exchange.relay, attempts.exchange.operation
    if relay.kept is None or not relay.can_tell or operation.dialect not in DIALECTS:
        return None
    return read_partial(operation.dialect, b"".join(relay.kept))


def _missing_end(exchange: "Exchange", partial: Partial) -> End | None:
    is_over = says_it_is_over(b"".join(exchange.relay.ending))
    return missing_end(partial, exchange.body, is_over=is_over)


def _how(attempts: "Attempts", target: Target, partial: Partial) -> How | None:
    """Returns in which way a target goes on, None where it does not."""
    exchange, endpoint = attempts.exchange, target.endpoint
    way = way_to(endpoint, exchange.operation, exchange.body)
    if way is None:
        is_trusted = attempts.plan.policy.prefill
        return find_how(endpoint.provider, partial.dialect, is_trusted=is_trusted)
    if isinstance(way, Way):
        return find_translated_how(endpoint.provider, partial.dialect, into=way.target.dialect)
    return None


def _request(body: bytes, partial: Partial, how: How | None) -> tuple[bytes, Stitcher]:
    """Returns what a target is asked for, and what makes its answer the rest."""
    return continuation_body(body, partial, how), stitcher(partial)


def _usage_request(body: bytes, partial: Partial, how: How | None) -> tuple[bytes, Stitcher]:
    return usage_body(body, partial, how), UsageStitcher(partial)


def _candidates(
    attempts: "Attempts", partial: Partial, tried: list[Target], resumes: int
) -> tuple[list[Target], str]:
    """Returns who could go on, the best first, and why somebody could not.

    Whoever has failed least often comes first, so others before the same; those whom a breaker leaves alone come last.
    """
    if len(tried) > MAX_TRIES:
        return [], f"{MAX_TRIES} attempts to do so failed, too."
    reason = "There is no target for it."
    able: list[Target] = []
    for target in attempts.targets:
        how = _how(attempts, target, partial)
        obstacle = why_not(
            partial, attempts.exchange.body, how, model=target.model, resumes=resumes
        )
        if obstacle is None:
            able.append(target)
        else:
            reason = obstacle
    able.sort(key=lambda target: (attempts.blocked(target) is not None, tried.count(target)))
    return able, reason


class _Ending:
    """Sees to it that a continued stream ends as its dialect has it."""

    def __init__(self, rest: Stitcher) -> None:
        self._rest = rest

    def take(self, data: bytes, *, is_last: bool) -> bytes:
        data = self._rest.feed(data) if data else b""
        if is_last and not self._rest.is_over:
            raise GatewayError("endpoint_truncated", "ended its answer before the last event")
        return data


def _told(error: GatewayError, reason: str) -> GatewayError:
    text = f"{error.text} It could not be continued: {reason[:1].lower()}{reason[1:]}"
    return GatewayError(error.kind, text, endpoint=error.endpoint)
