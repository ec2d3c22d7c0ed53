"""The attempts of one exchange: which target, when again, when another, two at one time, when to give up."""

from functools import partial
from typing import TYPE_CHECKING, Final

from multillama.core.breaker import News
from multillama.core.causes import CAUSES, UNREACHABLE, is_queue_full
from multillama.core.hedge import FirstBytes, hedge_after_s
from multillama.core.plan import Plan
from multillama.core.policy import Policy
from multillama.core.retry import (
    SHOULD_NOT_RETRY,
    Action,
    Failed,
    Step,
    backoff_s,
    decide,
    out_of_time,
)
from multillama.core.retry_after import asks_for_none, retry_after_s
from multillama.core.snapshot import Snapshot, Target
from multillama.core.stitch import Stitch
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.choice import Choice, FreeChoice
from multillama.dataplane.launch import launch
from multillama.dataplane.places import has_place, wait_for_place
from multillama.dataplane.resuming import continue_elsewhere
from multillama.dataplane.story import tried
from multillama.dataplane.timers import NEVER
from multillama.errors import GatewayError

if TYPE_CHECKING:
    from multillama.dataplane.exchange import Exchange

BROKEN: Final = frozenset(("closed", "truncated"))
"""Causes that are the end of an endpoint and no word on the request: after others it may be tried again."""
SHOWN_BYTES: Final = 300
"""How much of an endpoint's error is repeated where its answer cannot be passed on."""


def on_success(exchange: "Exchange", plan: Plan, attempt: Attempt) -> None:
    """Takes note of an answer, for the plans to come."""
    state = attempt.target.endpoint.state
    if state.breaker is not None:
        state.breaker.on_success(
            News(attempt.target.model, attempt.begun_at, exchange.server.now())
        )
    if plan.blocks:
        exchange.server.live.affinity.remember(plan.blocks, attempt.target)


def on_failure(
    exchange: "Exchange",
    attempt: Attempt,
    cause: str,
    policy: Policy,
    retry_after_s: float | None = None,
) -> None:
    """Takes note of a failure, for the plans to come."""
    server, target = exchange.server, attempt.target
    if is_queue_full(cause, attempt.held):
        target.endpoint.state.on_refused()
    target.endpoint.state.need_breaker().on_failure(
        News(target.model, attempt.begun_at, server.now()),
        cause,
        policy.breaker,
        random=server.random(),
        retry_after_s=retry_after_s,
    )


class Attempts:
    """All attempts of one exchange that is not plain, or not plain any more."""

    def __init__(self, exchange: "Exchange", plan: Plan, snapshot: Snapshot) -> None:
        self.exchange = exchange
        self._server = exchange.server
        self.story = exchange.story
        self.story.plan = self.plan = plan
        self.targets = plan.targets + plan.paused
        """In the order in which they are tried."""
        self._snapshot = snapshot
        self._policy = plan.policy
        self._started = exchange.request.started
        self._left = list(self.targets)
        """Not tried yet in this round."""
        self._again: list[Target] = []
        """Tried, and not reached or broken down: when all others have failed, they may have come back."""
        self._rounds = 1
        self._tries_here = 0
        self._reached = 0
        """Attempts that reached an endpoint."""
        limit_s = self._policy.deadline_s
        self._deadline = NEVER if limit_s is None else self._started + limit_s
        self._rival: Attempt | None = None
        self._answered: Attempt | None = None
        """The newest that has failed with an answer, which tells more than no answer."""

    async def run(self, attempt: Attempt | None) -> None:
        """Goes on after a first attempt that has failed, or begins.

        Raises:
            GatewayError: The failure that the client must be told.
        """
        role = "first"
        if attempt is not None:
            self._left.remove(attempt.target)
            self._tries_here = 1
        while True:
            if attempt is None:
                target = await self.place_among(self._left)
                self._left.remove(target)
                attempt = await self.watch(self.begin(target, role))
            cause = self.note(attempt)
            if cause is None:
                self.succeed(attempt)
                return
            if attempt.has_begun:
                await continue_elsewhere(self, attempt)
                return
            if attempt.held_head is not None:
                self._answered = attempt
            action = self._decide(attempt, cause)
            self.story.attempts[-1].then = action.why
            if action.step is Step.STOP:
                self._give_up(attempt)
                return
            if action.step is Step.SAME:
                await self.rest(action.wait_s)
            else:
                self._tries_here = 0
            role = self._choose_left(attempt.target, cause, action.step)
            attempt = None

    # --- one attempt -------------------------------------------------------------------------

    async def place_among(self, targets: list[Target]) -> Target:
        """Returns the first of these that has a place, or the first that gets one; an attempt must begin at once."""
        first = targets[0]
        if has_place(first.endpoint):
            return first
        for other in targets:
            if has_place(other.endpoint) and self.blocked(other) is None:
                return other
        # Not where a breaker keeps us from a free place: nobody would call us there, and nobody else get past us.
        choice, until = Choice(self.exchange, targets, self._snapshot), NEVER
        if targets is self._left:
            until = self._deadline
            choice = FreeChoice(
                self.exchange, targets, self._snapshot, planned=self.targets, again=self._again
            )
        target = await wait_for_place(choice, self._policy, until=until)
        target.endpoint.state.in_flight -= 1  # the attempt that begins now counts itself
        if choice.plan is not None:
            self.story.plan = self.plan = choice.plan
            self._snapshot = choice.snapshot
            self.targets = self.plan.targets + self.plan.paused
        return target

    def begin(
        self, target: Target, role: str, *, body: bytes | None = None, stitch: Stitch | None = None
    ) -> Attempt:
        """Begins an attempt, with the client's body unless it is given another."""
        attempt = self.exchange.open(target, self._snapshot)
        attempt.role = role
        attempt.stitch = stitch
        attempt.has_others = bool(self._left)
        attempt.on_begun = partial(on_success, self.exchange, self.plan)
        attempt.needs_event = self._policy.first_token_s is not None
        attempt.notes = self.exchange.notes()
        self._tries_here += 1
        self.launch(attempt, target, self.exchange.body if body is None else body)
        return attempt

    def launch(self, attempt: Attempt, target: Target, body: bytes) -> None:
        """Sends an attempt's request on its way."""
        launch(self.exchange, attempt, target, body)

    async def watch(self, attempt: Attempt, *, resumes: bool = False) -> Attempt:
        """Waits until an attempt is over; returns it, or the rival that has won.

        One that resumes has no rival, and no deadline: the client reads already.
        """
        begun = self._now()
        token_due = begun + (self._policy.first_token_s or NEVER)
        hedge_due = NEVER if resumes else begun + self._hedge_after(attempt)
        deadline = NEVER if resumes else self._deadline
        while not attempt.is_over or self._rival is not None:
            ahead = self._settle_race(attempt)
            if ahead is not attempt:
                attempt, token_due = ahead, ahead.begun_at + (self._policy.first_token_s or NEVER)
            if attempt.is_over:
                break
            now = self._now()
            if attempt.has_begun:
                await self.exchange.pause()
                continue
            if now >= deadline:
                attempt.give_up(out_of_time(self._policy.deadline_s or 0.0, attempt.endpoint))
                continue
            if now >= token_due:
                self._abandon(attempt)
                continue
            if now >= hedge_due:
                hedge_due = NEVER
                self._race(attempt)
            await self.exchange.pause_until(min(deadline, token_due, hedge_due))
        return attempt

    def _abandon(self, attempt: Attempt) -> None:
        """Ends what has not begun to answer in time, and its rival, too."""
        seconds = self._policy.first_token_s or 0.0
        name = attempt.endpoint
        text = f"The endpoint {name} sent no first event within {seconds:g} s."
        attempt.give_up(GatewayError("first_token_timeout", text, endpoint=name))

    # --- two at one time ---------------------------------------------------------------------

    def _hedge_after(self, attempt: Attempt) -> float:
        if not self._policy.hedge or not self._left:
            return NEVER
        known = attempt.target.endpoint.state.first_bytes
        samples = known.get(attempt.target.model) if known is not None else None
        after_s = hedge_after_s(samples, left_s=self._deadline - self._now())
        return NEVER if after_s is None else after_s

    def _race(self, attempt: Attempt) -> None:
        """Lets a second target join, if there is one that may and the budget allows it."""
        for target in self._left:
            if has_place(target.endpoint) and self.blocked(target) is None:
                break
        else:
            return
        if not self._server.budget.take(self._policy.retry, self._now()):
            return
        self._left.remove(target)
        tries_here = self._tries_here
        rival = self.begin(target, "hedge")
        self._tries_here = tries_here
        if not rival.is_over:
            rival.rival, attempt.rival = attempt, rival
        self._rival = rival

    def _settle_race(self, attempt: Attempt) -> Attempt:
        """Looks who is ahead; returns the attempt to go on with."""
        rival = self._rival
        if rival is None:
            return attempt
        if rival.has_begun or (attempt.is_over and not attempt.has_begun):
            attempt, rival = rival, attempt
        elif not rival.is_over:
            return attempt
        self._rival = None
        attempt.rival = rival.rival = None
        self.note(rival)
        self.story.attempts[-1].then = "lost the race" if attempt.has_begun else "the other goes on"
        self.exchange.attempt = attempt
        return attempt

    # --- after it ----------------------------------------------------------------------------

    def note(self, attempt: Attempt) -> str | None:
        """Takes note of an attempt that is over; returns why it failed."""
        exchange, now = self.exchange, self._now()
        exchange.note(attempt)
        row = tried(attempt, started=self._started, now=now)
        self.story.attempts.append(row)
        cause = row.cause
        if cause is None:
            if self._policy.hedge and attempt.first_byte_at:
                self._measure(attempt)
            return None
        known = CAUSES[cause]
        self._reached += known.reached
        if known.condition is UNREACHABLE or cause in BROKEN:
            self._again.append(attempt.target)
        on_failure(exchange, attempt, cause, self._policy, self._asked_s(attempt))
        return cause

    def succeed(self, attempt: Attempt) -> None:
        """Takes note of an answer that the client has."""
        on_success(self.exchange, self.plan, attempt)

    def _measure(self, attempt: Attempt) -> None:
        state, model = attempt.target.endpoint.state, attempt.target.model
        if state.first_bytes is None:
            state.first_bytes = {}
        state.first_bytes.setdefault(model, FirstBytes()).add(
            attempt.first_byte_at - attempt.begun_at
        )

    def _decide(self, attempt: Attempt, cause: str) -> Action:
        left_s = None if self._deadline == NEVER else self._deadline - self._now()
        is_reached = CAUSES[cause].reached
        failed = Failed(
            cause,
            attempts=self._reached,
            tries_here=max(self._tries_here, 1 if is_reached else self._rounds),
            has_next=bool(self._left) or self._may_go_round(attempt.target, cause),
            retry_after_s=self._asked_s(attempt),
            left_s=left_s,
            may_repeat=attempt.held_head is None or not asks_for_none(attempt.held_head.lines),
            is_committed=attempt.has_begun,
            is_replayable=attempt.is_judged or not attempt.is_sent,
        )
        return decide(
            failed,
            self._policy.retry,
            self._server.budget,
            now=self._now(),
            random=self._server.random(),
        )

    def _may_go_round(self, target: Target, cause: str) -> bool:
        """Says whether others may be asked again without a wait: they were not reached, or broke down before."""
        row = CAUSES[cause]
        others = any(other is not target for other in self._again)
        is_bounded = self._rounds < self._policy.retry.max_attempts
        return others and is_bounded and (row.reached or not row.same)

    def _choose_left(self, target: Target, cause: str, step: Step) -> str:
        """Says who may be tried now, whoever is left alone last; returns the role of the attempt."""
        if step is Step.SAME and CAUSES[cause].reached:
            self._left = [target]
            return "same"
        if not self._left:
            self._rounds += 1
            self._left, self._again = self._again, []
        if self._left == [target]:
            return "same"
        self._left.sort(key=lambda other: (other is target, self.blocked(other) is not None))
        return "next"

    def may_spend(self, seams: int, *, most: int) -> bool:
        """Says whether the retry budget has one more continuation."""
        return seams < most and self._server.budget.take(self._policy.retry, self._now())

    def backoff_s(self, fruitless: int) -> float:
        """Returns how long to wait after so many continuations that brought nothing, the cut itself not counted."""
        return backoff_s(self._policy.retry, fruitless + 1, self._server.random())

    async def rest(self, seconds: float) -> None:
        """Waits; raises as `check`."""
        until = self._now() + seconds
        while self._now() < until:
            await self.exchange.pause_until(until)

    def _give_up(self, attempt: Attempt) -> None:
        """Lets the client have the last failure as it came.

        Raises:
            GatewayError: There is no answer to let go, or it is too late for it.
        """
        if attempt.error is not None and self._answered is not None:
            attempt = self.exchange.attempt = self._answered
        name = attempt.endpoint
        if attempt.error is not None:
            raise attempt.error
        if attempt.cause == "empty":
            text = f"The endpoint {name} answered {attempt.status} with nothing in it."
            raise GatewayError("endpoint_empty", text, endpoint=name)
        if self.exchange.relay.is_begun or attempt.held_head is None:
            said = attempt.held[:SHOWN_BYTES].decode("utf-8", "replace")
            text = f"The endpoint {name} answered {attempt.status}: {said}"
            raise GatewayError("endpoint_failed", text, endpoint=name)
        attempt.notes = last_notes(self.exchange)
        attempt.let_go()

    def _asked_s(self, attempt: Attempt) -> float | None:
        head = attempt.held_head
        if head is None or head.status < 400:
            return None
        return retry_after_s(head.lines, attempt.said or attempt.held, self.exchange.request.at)

    def blocked(self, target: Target) -> str | None:
        return target.endpoint.state.blocked(target.model, self._now())

    def _now(self) -> float:
        return self._server.now()


def last_notes(exchange: "Exchange") -> bytes:
    """Returns header lines for an endpoint's failure that goes to the client, without the last CRLF."""
    notes = exchange.notes()
    if exchange.attempts > 1:
        notes = (notes + b"\r\n" + SHOULD_NOT_RETRY.rstrip()).lstrip()
    return notes
