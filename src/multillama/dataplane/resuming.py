"""Mid-stream resume: a stream that broke off, stalled or went bad is continued by another target, or the same again.

What the client has is read once, from the events that were kept; `core/resume.py` says whether it can be continued and
how, and nothing is sent twice. Where it cannot be, the stream ends with the error it broke off with.
"""

from typing import TYPE_CHECKING, Final

from multillama.core.continuation import changed_members, continuation_body
from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, Partial, read_partial
from multillama.core.resume import find_how, why_not
from multillama.core.snapshot import Target
from multillama.core.stitch import Stitcher, stitcher
from multillama.dataplane.attempt import Attempt
from multillama.errors import GatewayError

if TYPE_CHECKING:
    from multillama.dataplane.attempts import Attempts

MAX_TRIES: Final = 8
"""Of continuing one answer, also where nothing came of it."""
DIALECTS: Final = frozenset((CHAT, COMPLETIONS, MESSAGES))


async def continue_elsewhere(attempts: "Attempts", broken: Attempt) -> None:
    """Goes on with a stream until it is whole.

    Raises:
        GatewayError: It cannot be continued; the text says why.
    """
    exchange = attempts.exchange
    error = broken.error or GatewayError("endpoint_failed", "It failed.", endpoint=broken.endpoint)
    resumes = 0
    tried: list[Target] = [broken.target]
    while True:
        partial = _read(attempts)
        able: list[Target] = []
        reason = "Its dialect or its framing does not allow it."
        if partial is not None and len(tried) <= MAX_TRIES:
            able, reason = _candidates(attempts, partial, tried, resumes)
        if partial is None or not able:
            attempts.story.attempts[-1].then = f"was not continued: {reason}"
            if broken.held:  # its own words for what went wrong
                exchange.relay.pass_on(broken.held, True)
                return
            raise _told(error, reason)
        target = await attempts.place_among(able)
        tried.append(target)
        how = find_how(target.endpoint.provider, partial.dialect)
        body = continuation_body(exchange.body, partial, how)
        for member in changed_members(exchange.body, body):
            attempts.story.on_edit(member)
        attempts.story.attempts[-1].then = f"{target.endpoint.name} goes on"
        attempt = attempts.begin(
            target, "resume", body=body, stitch=_Ending(stitcher(partial)).take
        )
        while not attempt.is_over:
            await exchange.pause()
        if attempts.note(attempt) is None:
            return
        resumes += attempt.has_begun


def _read(attempts: "Attempts") -> Partial | None:
    """Reads what the client has, where that was kept."""
    relay, operation = attempts.exchange.relay, attempts.exchange.operation
    if relay.kept is None or not relay.can_tell or operation.dialect not in DIALECTS:
        return None
    return read_partial(operation.dialect, b"".join(relay.kept))


def _candidates(
    attempts: "Attempts", partial: Partial, tried: list[Target], resumes: int
) -> tuple[list[Target], str]:
    """Returns who could go on, the best first, and why somebody could not.

    Whoever has failed least often comes first, so others before the same; those whom a breaker leaves alone come last.
    """
    reason = "There is no target for it."
    able: list[Target] = []
    for target in attempts.targets:
        how = find_how(target.endpoint.provider, partial.dialect)
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
