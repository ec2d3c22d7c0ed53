"""Who gets how much, in the whole data plane."""

import random
from collections import Counter

import pytest

from multillama.core.policy import Policy
from tests.core.samples import endpoint
from tests.sim.world import World

ASKED = 2000


def shares(strategy, slow=1.0, seed=0, weights=(1.0, 1.0, 1.0)):
    """The shares of three endpoints, of which the first may be slower."""
    here = [endpoint(f"e{at}", weight=weight) for at, weight in enumerate(weights)]
    world = World(seed, *here, policy=Policy(strategy=strategy))
    for server in world.servers:
        server.token_s = 0.005
    world.servers[0].first_token_s *= slow
    rng = random.Random(seed)
    at_s = 0.0
    for number in range(ASKED):
        at_s += rng.expovariate(20.0)
        world.ask(at_s, stream=number % 8 == 0)
    world.end()
    assert all(client.is_whole for client in world.clients)
    return [len(server.served) / ASKED for server in world.servers]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strategy", ["balanced", "round_robin", "weighted", "least_busy"])
def test_three_equal_endpoints_have_equal_shares(strategy, seed):
    found = shares(strategy, seed=seed)

    assert found == [pytest.approx(1 / 3, rel=0.05)] * 3


@pytest.mark.parametrize("strategy", ["balanced", "weighted"])
def test_weights_are_shares(strategy):
    found = shares(strategy, weights=(2.0, 1.0, 1.0))

    assert found == [pytest.approx(share, rel=0.1) for share in (0.5, 0.25, 0.25)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strategy", ["fastest", "balanced"])
def test_an_endpoint_that_is_ten_times_slower_gets_little(strategy, seed):
    slow, *_ = shares(strategy, slow=10.0, seed=seed)

    assert 0 < slow < 0.15


@pytest.mark.parametrize("seed", range(3))
def test_conversations_stay_where_they_are_at_even_load(seed):
    here = [endpoint(f"e{at}") for at in range(3)]
    world = World(seed, *here, policy=Policy(strategy="affinity"))
    rng = random.Random(seed)
    for number in range(60):
        said = [{"role": "system", "content": "You are kind."}]
        begins_s = rng.uniform(0.0, 20.0)
        for turn in range(8):
            said.append({"role": "user", "content": f"prompt {number} turn {turn}"})
            world.ask(begins_s + 3.0 * turn, stream=True, messages=list(said))
            said.append({"role": "assistant", "content": f"answer {turn}"})

    world.end()

    homes: dict[str, Counter[str]] = {}
    for server in world.servers:
        for served in server.served:
            _, number, *_ = served.prompt.split()
            homes.setdefault(number, Counter())[served.endpoint] += 1
    stays = sum(home.most_common(1)[0][1] - 1 for home in homes.values())
    assert stays / (60 * 7) >= 0.95
    assert all(len(server.served) > 480 / 3 * 0.5 for server in world.servers)
