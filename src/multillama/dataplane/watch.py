"""The watch over endpoints that take requests and answer nothing: do they think, or are they frozen?

Where somebody waits in vain, and nothing else comes from the endpoint either, it is asked a small question on a new
connection. Any byte shows that it lives, and then it is left alone however long it thinks. One that answers no question
either is down, and who waits for it goes elsewhere.

A server with a single thread answers no question while it works. So one that is not known to, has more time; and one
that has answered a request after questions were in vain is not judged by them any more, until it answers one at work.
"""

import errno
from collections.abc import Callable
from typing import Final, Protocol

from multillama.core.endpoints_state import EndpointState
from multillama.core.snapshot import Endpoint, Snapshot, Timeouts
from multillama.dataplane.fetch import Question, request_of
from multillama.dataplane.pool import Connecting, Origin, Pool
from multillama.dataplane.timers import NEVER, Timers
from multillama.dataplane.upstream import Upstream
from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerHead

TICK_S: Final = 1.0
ANSWER_S: Final = 5.0
"""How long a question waits for the first byte of its answer."""
IN_VAIN: Final = 3
"""Questions in a row without an answer that show an endpoint to be frozen."""
IN_VAIN_UNKNOWN: Final = 6
"""The same of one of which nobody knows whether it answers questions at work."""
LONGEST_S: Final = 60.0
"""Between two questions to one that thinks; the wait doubles up to it."""
_GONE: Final = frozenset((errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT))
"""Why no connection is made to a machine that is off."""

Ask = Callable[[Endpoint], tuple[Question, bool]]
"""What an endpoint is asked, and whether it is of a kind that is known to answer at work."""


class Watching(Protocol):
    """The gateway, as the watch needs it."""

    snapshot: Snapshot
    pool: Pool
    timers: Timers

    def clock(self) -> float:
        """Returns seconds since 1970."""


class _Sign:
    """One question, and whether there is any sign of life: True, False, or None where that is not told."""

    def __init__(
        self,
        pool: Pool,
        endpoint: Endpoint,
        origin: Origin,
        question: Question,
        on_told: Callable[[bool | None], None],
    ) -> None:
        self.endpoint = endpoint.name
        self.deadline = self.watched = NEVER
        self._timers = origin.timers
        self._request = request_of(endpoint, question)
        self._on_told = on_told
        self._upstream: Upstream | None = None
        self._timers.arm(self, ANSWER_S)
        # Not one of the pool: a router on the way may have forgotten that.
        self._connecting: Connecting | None = pool.connect(
            origin, endpoint, self._on_connected, self._on_failed
        )

    def cancel(self) -> None:
        """Ends it untold."""
        self._timers.forget(self)
        if self._connecting is not None:
            self._connecting.cancel()
        if self._upstream is not None:
            self._upstream.abort()

    def _tell(self, is_alive: bool | None) -> None:
        self.cancel()
        on_told, self._on_told = self._on_told, _nothing
        on_told(is_alive)

    def _on_connected(self, upstream: Upstream) -> None:
        self._connecting, self._upstream = None, upstream
        upstream.send(self._request, b"", self)

    def _on_failed(self, error: GatewayError) -> None:
        self._connecting = None
        cause = error.__cause__
        is_gone = isinstance(cause, OSError) and cause.errno in _GONE
        self._tell(False if is_gone or error.kind == "connect_timeout" else None)

    def on_deadline(self) -> None:
        self._tell(False)

    def on_head(self, head: AnswerHead) -> None:
        self._tell(True)

    def on_data(self, parts: list[bytes], is_last: bool) -> None:
        parts.clear()

    def on_lost(self, error: GatewayError, *, reusable_socket_died: bool) -> None:
        self._upstream = None
        self._tell(error.kind not in ("first_byte_timeout", "send_timeout"))

    def on_writable(self) -> None:
        """Is never waited for: the question fits into one write."""


class _Watched:
    """What is known of one endpoint, since it was first seen with work."""

    def __init__(self, origin: Origin, now: float) -> None:
        self.origin = origin
        self.answers = origin.answers
        self.looked_at = self.heard_at = now - TICK_S
        self.next_at = 0.0
        """Not asked before."""
        self.wait_s = 0.0
        self.unanswered = 0
        """Questions in a row."""
        self.is_frozen = False
        self.answers_at_work: bool | None = None
        self.sign: _Sign | None = None
        self.asked_at = 0.0
        """When the first of the questions was asked that are in vain."""

    def has_spoken(self, *, besides: int = 0) -> bool:
        """Says whether an answer has begun or gone on since the last look, besides those to questions."""
        origin = self.origin
        return origin.answers - self.answers > besides or any(
            upstream.has_spoken_since(self.looked_at) for upstream in origin.open
        )

    def on_sign(self, now: float) -> None:
        """Takes note that it lives."""
        self.answers, self.heard_at, self.looked_at = self.origin.answers, now, now
        self.unanswered, self.is_frozen = 0, False

    def on_word(self, now: float) -> None:
        """Takes note of an answer to somebody else."""
        if self.unanswered and not self.is_frozen:
            self.answers_at_work = False
        self.wait_s = 0.0
        self.on_sign(now)


class Watch:
    """The watch of one gateway; begun by `look`, and then once a second."""

    def __init__(self, server: Watching, ask: Ask) -> None:
        self._server = server
        self._timers = server.timers
        self._ask_of = ask
        self._watched: dict[EndpointState, _Watched] = {}
        self._snapshot = server.snapshot
        self._is_closed = False

    def close(self) -> None:
        """Ends it."""
        self._is_closed = True
        for watched in self._watched.values():
            if watched.sign is not None:
                watched.sign.cancel()

    def look(self) -> None:
        """Looks at all endpoints that have work, or of which somebody doubts that they live."""
        if self._is_closed:
            return
        snapshot = self._server.snapshot
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            there = {endpoint.state for endpoint in snapshot.endpoints}
            for state in self._watched.keys() - there:
                gone = self._watched.pop(state)
                if gone.sign is not None:
                    gone.sign.cancel()
        for endpoint in snapshot.endpoints:
            if endpoint.state.in_flight or endpoint.state.is_doubted:
                self._look_at(endpoint)
        self._timers.call_later(TICK_S, self.look)

    def _look_at(self, endpoint: Endpoint) -> None:
        now, state = self._timers.now(), endpoint.state
        watched = self._watched.get(state)
        timeouts = self._timeouts(endpoint)
        if watched is None:
            origin = self._server.pool.origin_of(endpoint, timeouts)
            watched = self._watched[state] = _Watched(origin, now)
        if watched.sign is not None:
            return
        if watched.has_spoken():
            watched.on_word(now)
        watched.looked_at = now
        since = _waits_since(watched.origin, endpoint.name)
        due = now if state.is_doubted or watched.is_frozen else NEVER
        if since is not None:
            due = min(due, max(since, watched.heard_at) + timeouts.probe_after_s)
        if now >= max(due, watched.next_at):
            watched.asked_at = now
            self._ask(endpoint, watched)

    def _timeouts(self, endpoint: Endpoint) -> Timeouts:
        return endpoint.timeouts or self._server.snapshot.timeouts

    def _ask(self, endpoint: Endpoint, watched: _Watched) -> None:
        question, is_sure = self._ask_of(endpoint)
        if is_sure and watched.answers_at_work is None:
            watched.answers_at_work = True
        watched.sign = _Sign(
            self._server.pool, endpoint, watched.origin, question,
            lambda is_alive: self._on_told(endpoint, watched, is_alive),
        )  # fmt: skip

    def _on_told(self, endpoint: Endpoint, watched: _Watched, is_alive: bool | None) -> None:
        now = self._timers.now()
        watched.sign = None
        watched.unanswered += is_alive is False
        if watched.has_spoken(besides=is_alive is True):
            watched.on_word(now)
        elif is_alive is not False:
            # Only who is at work shows that it answers then.
            if is_alive and _waits_since(watched.origin, endpoint.name) is not None:
                watched.answers_at_work = True
            watched.on_sign(now)
        elif watched.answers_at_work is not False:
            needed = IN_VAIN if watched.answers_at_work else IN_VAIN_UNKNOWN
            if watched.is_frozen or watched.unanswered >= needed:
                self._give_up(endpoint, watched)
            else:
                self._ask(endpoint, watched)
                return
        watched.wait_s = min(
            max(2 * watched.wait_s, self._timeouts(endpoint).probe_after_s), LONGEST_S
        )
        watched.next_at = now if watched.is_frozen else now + watched.wait_s
        endpoint.state.is_doubted = False

    def _give_up(self, endpoint: Endpoint, watched: _Watched) -> None:
        """Ends all waits for an endpoint that is frozen."""
        watched.is_frozen = True
        name = endpoint.name
        text = f"The endpoint {name} takes requests, but answers nothing, not even a question whether it lives."
        endpoint.state.on_silence(text, at=self._server.clock())
        for upstream in list(watched.origin.open):
            since = _waiting(upstream, name)
            if since is not None and since <= watched.asked_at:
                upstream.give_up(GatewayError("endpoint_frozen", text, endpoint=name))


def _waits_since(origin: Origin, name: str) -> float | None:
    """Returns since when somebody has been waiting for an endpoint's answer to begin."""
    waits = (_waiting(upstream, name) for upstream in origin.open)
    return min((since for since in waits if since is not None), default=None)


def _waiting(upstream: Upstream, name: str) -> float | None:
    answering = upstream.answering
    return None if answering is None or answering.endpoint != name else upstream.waits_since


def _nothing(is_alive: bool | None) -> None:
    """Is called by what has been told already."""
