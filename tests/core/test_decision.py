"""A decision record travels as JSON, and two of them share nothing."""

import msgspec

from multillama.core.decision import Considered, Decision, Tried


def decision(id: str) -> Decision:
    return Decision(id=id, at=1.5, operation="chat")


def test_attempts_of_one_exchange_are_not_those_of_another():
    one, two = decision("a"), decision("b")

    one.attempts.append(Tried(endpoint="e", begun_ms=0.0))

    assert two.attempts == []


def test_it_comes_back_from_json_as_it_was():
    told = decision("a")
    told.considered = (Considered("e", "m", excluded="it is down"),)
    told.attempts.append(Tried(endpoint="e", begun_ms=0.25, cause="rate_limited"))

    assert msgspec.json.decode(msgspec.json.encode(told), type=Decision) == told
