"""Strategies: in which order the targets of one route are tried. Add one by adding a row to `STRATEGIES`.

HOT: one `arrange` for each exchange with a choice (1 to 3 µs for two to five targets, measured), so what is compared is
read in place. A strategy orders targets that are alike otherwise: `arrange` has sorted them by what goes before it.
"""

import math
from bisect import bisect
from collections.abc import Callable, Sequence
from copy import copy
from itertools import accumulate
from typing import Final, NamedTuple

from multillama.core.affinity import (
    LEAST_WEIGHT,
    Affinity,
    is_overloaded,
    rendezvous,
    session_blocks,
)
from multillama.core.needs import Reading
from multillama.core.plan import NO_WISHES, Wishes
from multillama.core.snapshot import Endpoint, Target

EXPLORATION: Final = 0.05
"""Share of exchanges with which `fastest` measures again, all targets alike."""
GOLDEN: Final = (math.sqrt(5) - 1) / 2
"""The step of `Live.even`."""
MAX_TURNS: Final = 4096
"""Models whose turn is remembered; beyond it all begin anew."""
INPUT_SHARE: Final = 3
"""Input tokens to one output token, for comparing prices: conversations repeat their history."""

Allows = Callable[[Target], str | None]
"""Asks the breakers: None, or why the target is left alone. Asked for each candidate, so it must not count as a try."""
Ordered = tuple[list[Target], tuple[float | None, ...]]
"""Targets, and the scores of the first ones, lower first."""


class Live:
    """What moves from one plan to the next. Built once, for all of a process's plans.

    Args:
        dice: Returns a number from 0 up to 1, exclusive.
        allows: Asks the breakers; None where there are none.
    """

    __slots__ = ("_even", "affinity", "allows", "dice", "turns")

    def __init__(self, dice: Callable[[], float], allows: Allows | None = None) -> None:
        self.dice = dice
        self.allows = allows
        self.affinity = Affinity()
        self.turns: dict[str, int] = {}
        """Public model name to the number of plans that `round_robin` has made."""
        self._even = dice()

    def copy(self) -> "Live":
        """Returns one for plans that are only looked at: they take nobody's turn."""
        other = copy(self)
        other.turns = dict(self.turns)
        return other

    def even(self) -> float:
        """Returns the next of a row of numbers that fills the range more evenly than dice do.

        So shares are right after a hundred exchanges and not only after ten thousand. One number for one plan: two
        that follow each other are not independent.

        Source: Weyl's equidistribution theorem, with the golden ratio.
        """
        number = self._even
        self._even = (number + GOLDEN) % 1.0
        return number


class Asked:
    """One request, as strategies see it."""

    wishes: Wishes = NO_WISHES
    blocks: tuple[int, ...] = ()
    """Set by `affinity`: what is to be remembered once the answer has begun."""
    remembered: Target | None = None
    """Set by `affinity`: who has seen the longest prefix."""
    turn: int | None = None
    """Set by `round_robin`, which may order several tiers of one plan in one turn."""

    def __init__(self, model: str, reading: Reading) -> None:
        self.model = model
        self.reading = reading


class Strategy(NamedTuple):
    """One strategy."""

    name: str
    text: str
    """What it does, for the docs: a sentence without its subject."""
    order: Callable[[list[Target], Asked, Live], Ordered]
    """Orders at least two targets."""
    warm_first: bool = False
    """Local targets that hold the model in memory and have a free slot come before all others."""


def ordered(targets: list[Target], asked: Asked, live: Live) -> Ordered:
    """Keeps the order of the configuration."""
    return targets, ()


def balanced(targets: list[Target], asked: Asked, live: Live) -> Ordered:
    """Draws two in proportion to their weights, and one of them with odds inverse to the square of its load.

    Odds and no comparison: else a target that was slow once would never be asked, and so never measured, again.

    Source: Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001.
    """
    weight = targets[0].weight
    for target in targets:
        if target.weight != weight:
            return _balanced_by_weight(targets, live)
    chosen, loads = draw_two(tuple(targets), live)
    return list(chosen), loads


def draw_two(
    targets: tuple[Target, ...], live: Live
) -> tuple[tuple[Target, ...], tuple[float, float]]:
    """Orders at least two targets of one weight as `balanced` does. HOT: for most routes with a choice."""
    count = len(targets)
    dice = live.even() * count * (count - 1)
    pair = int(dice)
    at = pair // (count - 1)
    beside = pair % (count - 1)
    if beside >= at:
        beside += 1
    first, second = targets[at], targets[beside]
    load, other_load = _loads(first, second)
    odds, other_odds = other_load * other_load, load * load
    # Dice of its own where they differ: what is left of the even number goes with what is in flight, and of three equal
    # endpoints at work the second had 10 % more than its share.
    chance = dice - pair if odds == other_odds else live.dice()
    if chance * (odds + other_odds) >= odds:
        first, second, load, other_load = second, first, other_load, load
    if count == 3:
        return (first, second, targets[3 - at - beside]), (load, other_load)
    low, high = (at, beside) if at < beside else (beside, at)
    rest = targets[:low] + targets[low + 1 : high] + targets[high + 1 :]
    return (first, second, *rest), (load, other_load)


def _balanced_by_weight(targets: list[Target], live: Live) -> Ordered:
    """The same where weights differ: either draw may be any target, so at even load each has its share."""
    bounds = list(accumulate(target.weight or LEAST_WEIGHT for target in targets))
    first = targets[bisect(bounds, live.even() * bounds[-1], hi=len(bounds) - 1)]
    second = targets[bisect(bounds, live.dice() * bounds[-1], hi=len(bounds) - 1)]
    if first is second:
        return [first, *(target for target in targets if target is not first)], ()
    load, other_load = _loads(first, second)
    odds, other_odds = other_load * other_load, load * load
    if live.dice() * (odds + other_odds) >= odds:
        first, second, load, other_load = second, first, other_load, load
    rest = [target for target in targets if target is not first and target is not second]
    return [first, second, *rest], (load, other_load)


def _loads(first: Target, second: Target) -> tuple[float, float]:
    """What is in flight for each weight, times the latency where both are known."""
    one, other = first.endpoint.state, second.endpoint.state
    load = one.in_flight / (first.weight or LEAST_WEIGHT) + 1.0
    other_load = other.in_flight / (second.weight or LEAST_WEIGHT) + 1.0
    if one.first_byte_ms is not None and other.first_byte_ms is not None:
        load *= one.first_byte_ms + 1.0
        other_load *= other.first_byte_ms + 1.0
    return load, other_load


def round_robin(targets: list[Target], asked: Asked, live: Live) -> Ordered:
    """Lets each target of a model have its turn; the next ones follow."""
    if asked.turn is None:
        turns = live.turns
        if len(turns) >= MAX_TURNS:
            turns.clear()
        asked.turn = turns.get(asked.model, 0)
        turns[asked.model] = asked.turn + 1
    return _from(targets, asked.turn % len(targets)), ()


def weighted(targets: list[Target], asked: Asked, live: Live) -> Ordered:
    """Draws one after the other, each in proportion to its weight among those that are left.

    Source: Efraimidis and Spirakis, Weighted random sampling with a reservoir, 2006: the least of exponential draws.
    """
    dice = live.dice
    draws: list[float] = []
    shares: list[float] = []
    total = 0.0
    for target in targets:
        weight = target.weight or LEAST_WEIGHT
        total += weight
        shares.append(total)
        draws.append(-math.log(1.0 - dice()) / weight)
    draws[bisect(shares, live.even() * total, hi=len(shares) - 1)] = -1.0  # the first, evenly
    return _sorted(targets, draws)[0], ()


def least_busy(targets: list[Target], asked: Asked, live: Live) -> Ordered:
    """Puts first what has the least in flight for its weight; equals take turns."""
    targets = _from(targets, int(live.even() * len(targets)))
    loads = [
        target.endpoint.state.in_flight / (target.weight or LEAST_WEIGHT) for target in targets
    ]
    return _sorted(targets, loads)


def fastest(targets: list[Target], asked: Asked, live: Live) -> Ordered:
    """Puts first what has the shortest time to the first byte.

    An unknown one is measured by one exchange at a time. Now and then any of them is asked, so that an endpoint that
    was slow once is found again when it has recovered.
    """
    dice = live.dice()
    if dice < EXPLORATION:
        return _from(targets, int(dice / EXPLORATION * len(targets))), ()
    return _sorted(targets, [_first_byte(target) for target in targets])


def _first_byte(target: Target) -> float:
    state = target.endpoint.state
    if state.first_byte_ms is not None:
        return state.first_byte_ms
    return math.inf if state.in_flight else 0.0


def cheapest(targets: list[Target], asked: Asked, live: Live) -> Ordered:
    """Puts first what costs the least; at one price, what is warm, and then as `balanced` does."""
    targets = balanced(targets, asked, live)[0]
    targets.sort(key=is_cold)
    return _sorted(targets, [price(target) for target in targets])


def price(target: Target) -> float:
    """Returns US dollars per million tokens, mixed as conversations are; a local target costs nothing unless told.

    An unknown price is infinite: a bill that nobody has seen is the worst.
    """
    facts = target.facts
    if facts.input_price is None and facts.output_price is None:
        return 0.0 if target.endpoint.is_local else math.inf
    into, out = facts.input_price or 0.0, facts.output_price or 0.0
    return (INPUT_SHARE * into + out) / (INPUT_SHARE + 1)


def affine(targets: list[Target], asked: Asked, live: Live) -> Ordered:
    """Puts first what has seen the longest prefix of the conversation, unless it has too much to do.

    A conversation that nobody has seen goes to a warm target of those, where its hash leads it.
    """
    session = asked.wishes.session
    blocks = asked.reading.blocks if session is None else session_blocks(session)
    if not blocks:
        return balanced(targets, asked, live)
    asked.blocks = blocks
    ranked = rendezvous(blocks, targets)
    ranked.sort(key=is_cold)
    known = asked.remembered = live.affinity.find(blocks, targets)
    if known is not None:
        ranked.remove(known)
        ranked.insert(0, known)
    ranked.sort(key=lambda target: is_overloaded(target, targets))
    return ranked, ()


def _from(targets: list[Target], at: int) -> list[Target]:
    return targets[at:] + targets[:at]


def _sorted(targets: list[Target], scores: list[float]) -> Ordered:
    order = sorted(range(len(targets)), key=scores.__getitem__)
    return [targets[at] for at in order], tuple([scores[at] for at in order])


STRATEGIES: Final[dict[str, Strategy]] = {
    row.name: row
    for row in (
        Strategy(
            "balanced",
            "of two that are drawn, likelier the one with less in flight and the shorter time to the first byte;"
            " the weight is its share",
            balanced,
            warm_first=True,
        ),
        Strategy("ordered", "as configured: the next one only when the first cannot", ordered),
        Strategy("round_robin", "one after the other", round_robin),
        Strategy("weighted", "at random, in proportion to the weights", weighted),
        Strategy(
            "least_busy",
            "the one with the least in flight, divided by its weight",
            least_busy,
            warm_first=True,
        ),
        Strategy(
            "fastest",
            "the one with the shortest time to the first byte; one exchange in twenty measures the others again",
            fastest,
            warm_first=True,
        ),
        Strategy(
            "cheapest",
            "the one with the lowest price; a local one without a price costs nothing, an unknown price comes last",
            cheapest,
        ),
        Strategy("affinity", "the one that has the conversation in its cache", affine),
    )
}
"""Name to row; the first is the default."""


def is_full(endpoint: Endpoint) -> bool:
    """Says whether one more exchange would have to wait there, as far as is known."""
    state = endpoint.state
    limit, slots = endpoint.max_concurrency, state.slots
    if limit is not None and state.in_flight >= limit:
        return True
    return slots is not None and state.in_flight + state.others >= slots


def is_cold(target: Target) -> bool:
    """Says whether a target is not known to be local, hold the model in memory and have a free slot.

    Where the slots are unknown, only an idle endpoint surely has a free one: so a second server is warmed up when the
    first one has work.
    """
    endpoint = target.endpoint
    state = endpoint.state
    if not state.loaded or not endpoint.is_local or target.model not in state.loaded:
        return True
    if state.slots is None and endpoint.max_concurrency is None:
        return state.in_flight + state.others > 0
    return is_full(endpoint)


# A rank is one number, as tuples cost twice as much: what weighs more stands further to the left.
_DOWN: Final = 1 << 61
_FULL: Final = 1 << 60
_PLACE: Final = 1 << 40
_TIER: Final = 2


def arrange(targets: list[Target], row: Strategy, asked: Asked, live: Live) -> Ordered:
    """Puts targets in the order in which they are tried.

    First those that are free, then those that are full, then those known to be down. Among each, whom the client wants
    first; then tier by tier; then the warm, if the strategy asks for them; and the strategy orders what is left equal.
    """
    if len(targets) == 1:
        return targets, ()
    wanted = asked.wishes.order
    warm_first = row.warm_first
    ranks: list[int] = []
    for target in targets:
        endpoint = target.endpoint
        state = endpoint.state
        rank = target.tier * _TIER
        if warm_first and (not state.loaded or is_cold(target)):
            rank += 1
        if wanted:
            rank += _PLACE * _place(endpoint.name, wanted)
        if state.is_up is False and state.breaker is None:  # else the breaker knows it better
            rank += _DOWN
        elif (state.slots is not None or endpoint.max_concurrency is not None) and is_full(
            endpoint
        ):
            rank += _FULL
        ranks.append(rank)
    if ranks.count(ranks[0]) == len(ranks):
        return row.order(targets, asked, live)
    return _by_rank(targets, ranks, lambda alike: row.order(alike, asked, live))


def _by_rank(
    targets: list[Target], ranks: list[int], order: Callable[[list[Target]], Ordered]
) -> Ordered:
    """Puts targets in the order of their ranks, and those of one rank as the strategy says."""
    chosen: list[Target] = []
    scores: list[float | None] = []
    for rank in sorted(set(ranks)):
        alike = [target for target, its in zip(targets, ranks, strict=True) if its == rank]
        if len(alike) > 1:
            alike, told = order(alike)
            scores += [None] * (len(chosen) - len(scores))
            scores += told
        chosen += alike
    return chosen, tuple(scores)


def _place(name: str, wanted: Sequence[str]) -> int:
    return wanted.index(name) if name in wanted else len(wanted)
