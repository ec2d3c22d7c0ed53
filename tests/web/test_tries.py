from multillama.web.tries import Tries


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_ten_wrong_tries_are_allowed_and_then_none() -> None:
    tries = Tries(Clock())

    waits = []
    for _ in range(11):
        waits.append(tries.wait_s())
        tries.on_bad()

    assert waits == [0.0] * 10 + [60.0]


def test_a_try_is_allowed_again_when_the_oldest_is_a_minute_old() -> None:
    clock = Clock()
    tries = Tries(clock, limit=2)
    tries.on_bad()
    clock.now += 20
    tries.on_bad()

    clock.now += 39
    early = tries.wait_s()
    clock.now += 1
    late = tries.wait_s()

    assert (early, late) == (1.0, 0.0)
