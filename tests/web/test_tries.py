import pytest

from multillama.web.tries import OTHERS, Tries, network_of

HERE = "192.0.2.1"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_ten_wrong_tries_are_allowed_and_then_none() -> None:
    tries = Tries(Clock())

    waits = []
    for _ in range(11):
        waits.append(tries.wait_s(HERE))
        tries.on_bad(HERE)

    assert waits == [0.0] * 10 + [60.0]


def test_a_try_is_allowed_again_when_the_oldest_is_a_minute_old() -> None:
    clock = Clock()
    tries = Tries(clock, limit=2)
    tries.on_bad(HERE)
    clock.now += 20
    tries.on_bad(HERE)

    clock.now += 39
    early = tries.wait_s(HERE)
    clock.now += 1
    late = tries.wait_s(HERE)

    assert (early, late) == (1.0, 0.0)


def test_each_address_has_a_budget_of_its_own() -> None:
    tries = Tries(Clock(), limit=1)

    tries.on_bad("203.0.113.9")

    assert (tries.wait_s("203.0.113.9"), tries.wait_s(HERE)) == (60.0, 0.0)


def test_a_million_addresses_take_no_more_room_and_share_one_budget() -> None:
    tries = Tries(Clock(), limit=2, addresses=3)
    tries.on_bad(HERE)

    for number in range(50):
        tries.on_bad(f"198.51.100.{number}")

    assert len(tries._bad) == 4
    assert tries.wait_s("198.51.100.200") == 60.0
    assert tries.wait_s(HERE) == 0.0


def test_addresses_that_have_been_quiet_make_room() -> None:
    clock = Clock()
    tries = Tries(clock, limit=1, addresses=2)
    for number in range(9):
        tries.on_bad(f"198.51.100.{number}")

    clock.now += 60
    tries.on_bad(HERE)

    assert set(tries._bad) == {HERE}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", OTHERS),
        ("no address", OTHERS),
    ],
)
def test_one_line_of_ipv6_is_one_stranger(address: str, network: str) -> None:
    assert network_of(address) == network
