"""What a request is being written for: the model, what it takes, and where losses are told."""

from collections.abc import Iterable

from multillama.core.canonical import Request
from multillama.core.codec import Goal
from multillama.dialects.anthropic_messages.claude import OWN_MACHINES, Claude, claude_of


class Aim:
    """The goal of one request."""

    def __init__(self, *, is_own: bool, claude: Claude | None, goal: Goal, is_whole: bool) -> None:
        self.is_own = is_own
        """The client speaks this family's words, so that it knows what the model takes: all is written as it came."""
        self.claude = claude
        """What the model takes; None where that is everything."""
        self.is_own_machine = goal.provider in OWN_MACHINES
        self.needs_signatures = claude is not None or goal.provider == "anthropic"
        self.is_whole = is_whole
        """The request has all of the conversation; else the endpoint knows what was before."""
        self._losses = goal.losses

    @classmethod
    def of(cls, request: Request, goal: Goal) -> "Aim":
        """Returns the aim of a request."""
        return cls(
            is_own=request.family == goal.family,
            claude=claude_of(goal.model, goal.provider),
            goal=goal,
            is_whole=request.previous_id is None,
        )

    def drop(self, name: str) -> None:
        """Takes note of a loss."""
        self._losses.drop(name)

    def drop_extras(self, names: Iterable[str]) -> None:
        """Takes note of members that only another family understands."""
        for name in names:
            self._losses.drop(f"extras.{name}")

    def leave_out(self, name: str, value: float | None, *, default: float | None = None) -> None:
        """Takes note of a member that is left out, unless it says what the model does anyway."""
        if value is not None and value != default:
            self._losses.drop(name)
