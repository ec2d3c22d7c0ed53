"""Whom an exchange that waits may go to: also who has recovered meanwhile, and whom a reload has brought."""

from typing import TYPE_CHECKING, Final

from multillama.core.operations import Body
from multillama.core.plan import Plan
from multillama.core.routing import make_plan
from multillama.core.snapshot import Snapshot, Target
from multillama.errors import GatewayError

if TYPE_CHECKING:
    from multillama.dataplane.exchange import Exchange


GONE_S: Final = 5.0
"""How long one waits where nobody serves its model any more: a server that a reload has brought is still to list it."""


class Choice:
    """The targets of a wait; those whose endpoints a reload takes away are no targets any more.

    Args:
        exchange: Who waits.
        targets: In order of preference, at least one. Changed in place when it is planned anew.
        snapshot: What they were planned by.
    """

    plan: Plan | None = None
    """The newest, if it was planned anew."""
    problem: GatewayError | None = None
    """Why there is nobody to wait for at this moment."""
    patience_s: float = 0.0
    """How long it waits all the same."""

    def __init__(self, exchange: "Exchange", targets: list[Target], snapshot: Snapshot) -> None:
        self.exchange = exchange
        self.targets = targets
        self.snapshot = snapshot
        self.spare: list[Target] = []
        """Those for when their breakers let them be tried again."""

    def follow(self, snapshot: Snapshot) -> None:
        """Takes note of the newest snapshot."""
        if snapshot is not self.snapshot:
            self.snapshot = snapshot
            self._keep_there(self.targets)
            if not self.targets:
                text = "The endpoints it waited for are not configured any more."
                self.problem = GatewayError("no_target", text)

    def _keep_there(self, *lists: list[Target]) -> None:
        """Drops targets whose endpoints are gone."""
        there = {endpoint.state for endpoint in self.snapshot.endpoints}
        for targets in lists:
            targets[:] = [target for target in targets if target.endpoint.state in there]

    def settle(self, target: Target) -> None:
        """Takes note that the wait is over, and with whom."""

    def is_blocked(self, target: Target) -> bool:
        """Says whether a breaker keeps us from a target."""
        now = self.exchange.server.now()
        return target.endpoint.state.blocked(target.model, now) is not None


class FreeChoice(Choice):
    """One that goes over to a new snapshot, and back to who was tried and could not be reached.

    Args:
        exchange: Who waits.
        targets: As in `Choice`.
        snapshot: As in `Choice`.
        planned: All of the plan.
        again: Those of them that were tried, and may be again once they have recovered. Changed in place, as `targets`.
    """

    patience_s = GONE_S

    def __init__(
        self,
        exchange: "Exchange",
        targets: list[Target],
        snapshot: Snapshot,
        *,
        planned: tuple[Target, ...],
        again: list[Target],
    ) -> None:
        super().__init__(exchange, targets, snapshot)
        self._tried = [target for target in planned if target not in targets]
        self._again = again
        self._find_spare()

    def _find_spare(self) -> None:
        # Only whom a breaker lets rest: of the others nobody could say when they are worth another attempt.
        self.spare = [target for target in self._again if self.is_blocked(target)]

    def follow(self, snapshot: Snapshot) -> None:
        """Plans anew by another snapshot: without who was tried, unless there is nobody else."""
        if snapshot is self.snapshot:
            return
        self.snapshot = snapshot
        exchange = self.exchange
        is_json = exchange.operation.body is Body.JSON  # of an upload only the model is read
        try:
            plan = make_plan(
                snapshot,
                exchange.model or "",
                exchange.server.live,
                body=exchange.body if is_json else b"",
                operation=exchange.operation,
                wishes=exchange.request.head.wishes,
            )
        except GatewayError as error:
            # Its name may be gone, and who was to serve it still there: what runs ends as it was planned.
            self._keep_there(self.targets, self._again)
            self.problem = None if self.targets else error
        else:
            self.problem = None
            self._go_over(plan)
        self._find_spare()

    def settle(self, target: Target) -> None:
        """Takes note that the wait is over, and with whom; one that has recovered is one of the targets again."""
        if target not in self.targets:
            self._again.remove(target)
            self.targets.append(target)

    def _go_over(self, plan: Plan) -> None:
        every = plan.targets + plan.paused
        tried, again = _keys(self._tried), _keys(self._again)
        self._tried = [target for target in every if _key(target) in tried]
        self._again[:] = [target for target in every if _key(target) in again]
        untried = [target for target in every if _key(target) not in tried]
        if not untried:
            untried, self._again[:] = self._tried, []
        self.targets[:] = untried
        self.plan = plan


def _key(target: Target) -> tuple[object, str]:
    # The state, as a reload makes new endpoints around it.
    return target.endpoint.state, target.model


def _keys(targets: list[Target]) -> set[tuple[object, str]]:
    return {_key(target) for target in targets}
