from typing import get_args

from multillama.core.deltas import Event


def test_every_kind_of_event_can_be_told_from_every_other():
    names = [kind.__name__ for kind in get_args(Event)]

    assert len(set(names)) == len(names) == 11
