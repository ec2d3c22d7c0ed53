import collections
import math
import random

import pytest

from multillama.core.needs import Reading
from multillama.core.operations import OPERATIONS
from multillama.core.plan import Wishes
from multillama.core.snapshot import ModelFacts
from multillama.core.strategies import (
    MAX_TURNS,
    STRATEGIES,
    Asked,
    Live,
    arrange,
    is_cold,
    is_full,
    price,
)
from tests.core.samples import dice, endpoint, names, target

BODY = b'{"messages":[{"role":"user","content":"hello %d"}]}'
WARM = {"is_local": True, "loaded": frozenset({"m1"})}


def asking(body=BODY % 0, **wishes):
    asked = Asked("m1", Reading(body, OPERATIONS[0]))
    asked.wishes = Wishes(**wishes)
    return asked


def arranged(strategy, *targets, live=None, **wishes):
    """The order in which these would be tried, and the scores."""
    live = live or Live(dice(0.0))
    return arrange(list(targets), STRATEGIES[strategy], asking(**wishes), live)


def order(strategy, *targets, live=None, **wishes):
    return names(arranged(strategy, *targets, live=live, **wishes)[0])


def shares(strategy, *targets, rounds=6000):
    """How often each is first, in hundredths."""
    live = Live(random.Random(7).random)
    firsts = collections.Counter(
        arrange(list(targets), STRATEGIES[strategy], asking(BODY % at), live)[0][0].endpoint.name
        for at in range(rounds)
    )
    return {row.endpoint.name: firsts[row.endpoint.name] / rounds * 100 for row in targets}


# every row


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_keeps_every_target_once(strategy):
    live = Live(random.Random(3).random)
    for count in range(1, 6):
        targets = [target(str(at), first_byte_ms=at * 10.0) for at in range(count)]
        for _ in range(50):
            assert sorted(order(strategy, *targets, live=live).split()) == [
                str(at) for at in range(count)
            ]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_takes_weights_of_zero(strategy):
    targets = [target(name, weight=0.0, first_byte_ms=0.0) for name in "ab"]

    assert len(order(strategy, *targets).split()) == 2


def test_the_first_row_is_the_default_and_each_has_its_words():
    assert next(iter(STRATEGIES)) == "balanced"
    assert all(row.text[0].islower() and row.text[-1] != "." for row in STRATEGIES.values())


# balanced


def test_equal_endpoints_get_equal_shares():
    found = shares("balanced", *[target(name, first_byte_ms=100.0) for name in "abc"])

    assert all(abs(share - 100 / 3) < 0.5 for share in found.values())


def test_shares_are_right_after_a_hundred_exchanges():
    found = shares("balanced", *[target(name) for name in "abc"], rounds=100)

    assert all(abs(share - 100 / 3) < 5 / 3 for share in found.values())


def test_equal_endpoints_get_equal_shares_while_they_work():
    """Three servers of four slots each, and answers that take a random time."""
    targets = [target(name) for name in "abc"]
    seeds = random.Random(11)
    live, running, firsts = Live(seeds.random), [], collections.Counter()
    for now in range(9000):
        running, over = (
            [row for row in running if row[0] > now],
            [row for row in running if row[0] <= now],
        )
        for _, state in over:
            state.in_flight -= 1
            state.on_answer(seeds.expovariate(1 / 200))
        state = arrange(targets, STRATEGIES["balanced"], asking(), live)[0][0].endpoint.state
        state.in_flight += 1
        firsts[state.name] += 1
        running.append((now + seeds.expovariate(1 / 6), state))

    assert all(abs(count / 3000 - 1) < 0.05 for count in firsts.values())


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_each_pair_of_equal_endpoints_comes_first_alike_and_the_others_follow_in_their_order(count):
    targets = [target(f"t{at}") for at in range(count)]
    live, rounds = Live(random.Random(3).random), 300 * count * (count - 1)
    pairs = collections.Counter()

    for _ in range(rounds):
        first, second, *rest = arrange(targets, STRATEGIES["balanced"], asking(), live)[0]
        pairs[names((first, second))] += 1
        assert rest == [row for row in targets if row is not first and row is not second]

    assert len(pairs) == count * (count - 1)
    assert all(abs(found / 300 - 1) < 0.25 for found in pairs.values())


def test_the_slower_one_gets_less_and_is_never_forgotten():
    found = shares(
        "balanced", target("slow", first_byte_ms=400.0), target("fast", first_byte_ms=100.0)
    )

    assert 2 < found["slow"] < 10


def test_the_busier_one_gets_less():
    found = shares("balanced", target("busy", in_flight=9), target("idle", in_flight=4))

    assert found["busy"] == pytest.approx(20, abs=3)


def test_a_weight_is_a_share():
    found = shares("balanced", target("big", weight=3.0), target("small"))

    assert found["big"] == pytest.approx(75, abs=3)


def test_an_unknown_latency_is_no_advantage():
    found = shares("balanced", target("new"), target("known", first_byte_ms=5000.0))

    assert found["new"] == pytest.approx(50, abs=3)


def test_balanced_tells_the_loads_of_the_two_that_were_drawn():
    busy, idle = target("busy", in_flight=3), target("idle")

    found = arranged("balanced", busy, idle, target("third"), live=Live(dice(0.1, 0.6)))

    assert (names(found[0]), found[1]) == ("idle busy third", (1.0, 4.0))


def test_balanced_draws_each_in_proportion_to_its_weight_and_then_by_load():
    heavy, light = target("heavy", in_flight=6, weight=3.0), target("light")

    drawn_alike = arranged("balanced", heavy, light, live=Live(dice(0.1, 0.1)))
    light_is_idle = arranged("balanced", heavy, light, live=Live(dice(0.1, 0.9, 0.6)))
    heavy_has_luck = arranged("balanced", heavy, light, live=Live(dice(0.1, 0.9, 0.0)))

    assert (names(drawn_alike[0]), drawn_alike[1]) == ("heavy light", ())
    assert (names(light_is_idle[0]), light_is_idle[1]) == ("light heavy", (1.0, 3.0))
    assert (names(heavy_has_luck[0]), heavy_has_luck[1]) == ("heavy light", (3.0, 1.0))


# the others


def test_ordered_is_as_configured():
    assert order("ordered", target("b", in_flight=9), target("a")) == "b a"


def test_round_robin_takes_turns():
    live, targets = Live(dice(0.0)), [target(name) for name in "abc"]

    found = [order("round_robin", *targets, live=live) for _ in range(4)]

    assert found == ["a b c", "b c a", "c a b", "a b c"]


def test_models_have_turns_of_their_own():
    live, targets = Live(dice(0.0)), [target(name) for name in "ab"]
    row, other = STRATEGIES["round_robin"], Asked("m2", Reading(b"", None))

    order("round_robin", *targets, live=live)
    found = arrange(targets, row, other, live)[0]

    assert names(found) == "a b"


def test_a_plan_of_two_tiers_is_one_turn():
    live = Live(dice(0.0))
    targets = [target("a"), target("b"), target("y", tier=1), target("z", tier=1)]

    found = [order("round_robin", *targets, live=live) for _ in range(2)]

    assert found == ["a b y z", "b a z y"]


def test_turns_are_bounded():
    live = Live(dice(0.0))
    live.turns.update({str(at): 1 for at in range(MAX_TURNS)})

    order("round_robin", target("a"), target("b"), live=live)

    assert live.turns == {"m1": 1}


def test_weighted_draws_in_proportion():
    found = shares(
        "weighted", target("a", weight=6.0), target("b", weight=3.0), target("c", weight=1.0)
    )

    assert [round(found[name] / 10) for name in "abc"] == [6, 3, 1]


def test_after_the_first_weighted_draws_among_the_others_in_proportion():
    live = Live(random.Random(5).random)
    targets = [target("a", weight=1000.0), target("b", weight=3.0), target("c", weight=1.0)]

    seconds = collections.Counter(
        order("weighted", *targets, live=live).split()[1] for _ in range(3000)
    )

    assert seconds["b"] / 3000 == pytest.approx(0.75, abs=0.04)


def test_the_least_busy_is_first_for_its_weight():
    targets = [
        target("a", in_flight=4, weight=4.0),
        target("b", in_flight=2),
        target("c", in_flight=3),
    ]

    found = arranged("least_busy", *targets)

    assert (names(found[0]), found[1]) == ("a b c", (1.0, 2.0, 3.0))


def test_among_the_equally_busy_the_dice_choose():
    found = shares("least_busy", *[target(name) for name in "abc"])

    assert all(abs(share - 100 / 3) < 3 for share in found.values())


def test_the_fastest_is_first():
    targets = [target("a", first_byte_ms=300.0), target("b", first_byte_ms=100.0)]

    found = arranged("fastest", *targets, live=Live(dice(0.5)))

    assert (names(found[0]), found[1]) == ("b a", (100.0, 300.0))


def test_a_slow_endpoint_gets_little_and_is_found_again_when_it_has_recovered():
    """Its share stays below 15 % while it is ten times as slow, and it comes back by the traffic alone."""
    slow, fast = target("slow"), target("fast")
    live, row = Live(random.Random(2).random), STRATEGIES["fastest"]

    def serve(rounds, **times):
        firsts = collections.Counter()
        for _ in range(rounds):
            state = arrange([slow, fast], row, asking(), live)[0][0].endpoint.state
            state.on_answer(times[state.name])
            firsts[state.name] += 1
        return firsts

    assert serve(2000, slow=1000.0, fast=100.0)["slow"] / 2000 < 0.15
    assert serve(2000, slow=50.0, fast=100.0)["slow"] / 2000 > 0.5


def test_an_unknown_one_is_measured_by_one_exchange_at_a_time():
    known, new = target("known", first_byte_ms=10.0), target("new")
    live = Live(dice(0.5))

    idle = order("fastest", known, new, live=live)
    new.endpoint.state.in_flight = 1

    assert (idle, order("fastest", known, new, live=live)) == ("new known", "known new")


def test_the_cheapest_is_first_and_an_unknown_price_last():
    dear = target("dear", facts=ModelFacts(input_price=3.0, output_price=15.0))
    cheap = target("cheap", facts=ModelFacts(input_price=1.0))
    targets = [target("unknown"), dear, cheap, target("own", is_local=True)]

    found = arranged("cheapest", *targets)

    assert (names(found[0]), found[1]) == ("own cheap dear unknown", (0.0, 0.75, 6.0, math.inf))


def test_a_local_endpoint_may_have_a_price():
    facts = ModelFacts(output_price=4.0)

    assert price(target(is_local=True, facts=facts)) == 1.0


def test_among_equal_prices_the_warm_one_is_first():
    assert order("cheapest", target("cold", is_local=True), target("warm", **WARM)) == "warm cold"


# affinity


def test_a_conversation_returns():
    live = Live(random.Random(1).random)
    targets = [target(name) for name in "abc"]
    for block in range(20):
        asked = asking(BODY % block)
        chosen = arrange(list(targets), STRATEGIES["affinity"], asked, live)[0][-1]
        live.affinity.remember(asked.blocks, chosen)  # not where its hash leads

        again = arrange(list(targets), STRATEGIES["affinity"], asking(BODY % block), live)[0]

        assert again[0] is chosen


def test_conversations_stick_at_even_load():
    """Forty conversations over four endpoints, a turn of each in every round: at least 95 % of the turns stay."""
    live, seeds = Live(random.Random(1).random), random.Random(4)
    targets, at_home, stayed, turns = [target(name) for name in "abcd"], {}, 0, 0
    talks = {number: [] for number in range(40)}
    running = collections.deque()
    for _ in range(50):
        for number in seeds.sample(range(40), 40):
            said = f"{number} {len(talks[number])}"
            talks[number].append(f'{{"role":"user","content":"{said}"}}')
            asked = asking(b'{"messages":[%b]}' % ",".join(talks[number]).encode())
            chosen = arrange(list(targets), STRATEGIES["affinity"], asked, live)[0][0]
            live.affinity.remember(asked.blocks, chosen)
            turns += number in at_home
            stayed += at_home.get(number) is chosen
            at_home[number] = chosen
            chosen.endpoint.state.in_flight += 1
            running.append(chosen)
            if len(running) > 8:
                running.popleft().endpoint.state.in_flight -= 1

    assert stayed / turns >= 0.95


@pytest.mark.parametrize("trouble", [{"is_up": False}, {"in_flight": 9}, {"slots": 2, "others": 2}])
def test_a_conversation_moves_at_once_when_its_target_cannot(trouble):
    live, targets = Live(dice(0.3)), [target(name) for name in "abc"]
    asked = asking()
    home = arrange(list(targets), STRATEGIES["affinity"], asked, live)[0][0]
    live.affinity.remember(asked.blocks, home)
    for fact, value in trouble.items():
        setattr(home.endpoint.state, fact, value)

    found = arrange(list(targets), STRATEGIES["affinity"], asking(), live)[0]

    assert found[0] is not home
    assert found[-1] is home


def test_a_new_conversation_goes_to_a_warm_target_and_an_old_one_goes_home():
    live, cold, warm = Live(dice(0.0)), target("cold", is_local=True), target("warm", **WARM)
    asked = asking()

    first = names(arrange([cold, warm], STRATEGIES["affinity"], asked, live)[0])
    live.affinity.remember(asked.blocks, cold)
    later = names(arrange([cold, warm], STRATEGIES["affinity"], asking(), live)[0])

    assert (first, later) == ("warm cold", "cold warm")


def test_a_session_takes_the_place_of_the_text():
    live, targets = Live(dice(0.0)), [target(name) for name in "abcd"]
    row = STRATEGIES["affinity"]

    found = {
        names(arrange(list(targets), row, asking(BODY % at, session=b"s1"), live)[0])
        for at in range(9)
    }

    assert len(found) == 1


def test_a_body_without_messages_is_balanced():
    asked = Asked("m1", Reading(b"", None))

    found = arrange([target("a"), target("b")], STRATEGIES["affinity"], asked, Live(dice(0.0)))

    assert (len(found[0]), asked.blocks) == (2, ())


# what goes before any strategy


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_lower_tier_is_first_and_overflows_when_it_is_full(strategy):
    near, far = target("near", max_concurrency=2), target("far", tier=1)

    empty = order(strategy, far, near)
    near.endpoint.state.in_flight = 2

    assert (empty, order(strategy, far, near)) == ("near far", "far near")


def test_of_a_tier_only_the_full_ones_overflow():
    targets = [
        target("full", max_concurrency=1, in_flight=1),
        target("free"),
        target("far", tier=1),
        target("down", is_up=False),
    ]

    assert order("ordered", *targets) == "free far full down"


def test_when_all_are_full_the_tiers_decide_again():
    targets = [target("far", tier=1, slots=1, in_flight=1), target("near", slots=1, in_flight=5)]

    assert order("balanced", *targets) == "near far"


def test_the_clients_order_goes_before_tiers_and_not_before_what_is_possible():
    targets = [target("a"), target("b", tier=1), target("c", tier=2, is_up=False), target("d")]

    assert order("ordered", *targets, order=("c", "b", "a")) == "b a d c"


@pytest.mark.parametrize(
    ("strategy", "found"),
    [("balanced", "warm"), ("least_busy", "warm"), ("fastest", "warm"), ("ordered", "cold"),
     ("round_robin", "cold")],
)  # fmt: skip
def test_where_the_model_is_loaded_comes_first_unless_the_order_was_told(strategy, found):
    targets = [target("cold", is_local=True, loaded=frozenset()), target("warm", **WARM)]

    assert order(strategy, *targets).split()[0] == found


def test_scores_stand_beside_their_targets_when_there_are_tiers():
    targets = [target("only"), target("b", tier=1, in_flight=1), target("c", tier=1)]

    found = arranged("least_busy", *targets)

    assert (names(found[0]), found[1]) == ("only c b", (None, 0.0, 1.0))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, False),
        ({"in_flight": 100}, False),
        ({"max_concurrency": 2, "in_flight": 1, "others": 9}, False),
        ({"max_concurrency": 2, "in_flight": 2}, True),
        ({"slots": 2, "in_flight": 1}, False),
        ({"slots": 2, "in_flight": 1, "others": 1}, True),
        ({"slots": 4, "max_concurrency": 1, "in_flight": 1}, True),
    ],
)
def test_an_endpoint_is_full_when_what_is_known_of_its_room_is_taken(facts, said):
    assert is_full(endpoint(**facts)) is said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (WARM, False),
        ({}, True),
        (WARM | {"loaded": frozenset()}, True),
        (WARM | {"loaded": frozenset({"m2"})}, True),
        (WARM | {"is_local": False}, True),
        (WARM | {"in_flight": 1}, True),
        (WARM | {"others": 1}, True),
        (WARM | {"in_flight": 1, "slots": 2}, False),
        (WARM | {"in_flight": 2, "slots": 2}, True),
        (WARM | {"in_flight": 1, "max_concurrency": 2}, False),
    ],
)
def test_warm_is_local_and_loaded_and_surely_free(facts, said):
    assert is_cold(target(**facts)) is said


# looking only


def test_a_copy_takes_nobodys_turn():
    live = Live(dice(0.25))
    targets = [target(name) for name in "abc"]
    looked = [order("round_robin", *targets, live=live.copy()) for _ in range(3)]

    orders = [order("round_robin", *targets, live=live) for _ in range(2)]

    assert (looked, orders) == (["a b c"] * 3, ["a b c", "b c a"])
    assert live.copy().even() == live.even()
