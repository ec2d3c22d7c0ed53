"""Instances of what each exchange is made of keep their attributes without a dict."""

import gc

import pytest

from multillama.dataplane.layout import learns_names
from tests.core.samples import endpoint
from tests.dataplane.stage import BEGUN, OK, Stage, post


def has_dict(instance):
    """Says whether an instance has a dict, without making it one by asking for it."""
    return any(isinstance(held, dict) for held in gc.get_referents(instance))


@learns_names("rare")
class Learnt:
    late: int = 0
    rare: int = 0

    def __init__(self):
        self.soon = 1


def test_what_is_set_late_needs_no_dict():
    many = [Learnt() for _ in range(100)]

    for instance in many:
        instance.late = 2

    assert not any(has_dict(instance) for instance in many)


def test_defaults_stay_and_what_is_rare_can_be_set():
    instance = Learnt()

    instance.rare = 3

    assert (instance.late, instance.soon, instance.rare) == (0, 1, 3)
    assert (Learnt.late, Learnt.rare) == (0, 0)


@pytest.mark.parametrize("answer", [OK, BEGUN, BEGUN + b"0\r\n\r\n"])
@pytest.mark.parametrize("names", ["a", "ab"])
def test_exchanges_that_began_before_any_had_ended_have_no_dicts(names, answer):
    stage = Stage(*(endpoint(name) for name in names))
    body = {"model": "m1", "stream": answer is not OK}
    clients = [stage.client() for _ in range(40)]
    for client in clients:
        client.send(post(body))
    exchanges = [client.protocol.running for client in clients]
    parts = [
        part
        for exchange in exchanges
        for part in (exchange, exchange.relay, exchange.request, exchange.attempt)
    ]

    for _ in clients:
        stage.answer(answer)

    assert all(exchange.relay.is_begun for exchange in exchanges)
    assert [type(part).__name__ for part in parts if has_dict(part)] == []
