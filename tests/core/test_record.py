import typing

import msgspec
import pytest

from multillama.core.record import Outcome, Record, outcome_of
from multillama.errors import FAILURES, GatewayError, Origin

LEAST = {
    "id": "r1",
    "at": 1.0,
    "operation": "chat",
    "status": 200,
    "outcome": "ok",
    "total_ms": 2.0,
}


def test_a_record_tells_at_least_who_what_when_and_how_it_ended():
    record = Record(**LEAST)

    assert (record.model, record.endpoint, record.error, record.tried) == (None, None, None, ())


@pytest.mark.parametrize("name", LEAST)
def test_none_of_these_facts_may_lack(name):
    facts = {key: value for key, value in LEAST.items() if key != name}

    with pytest.raises(TypeError, match=name):
        Record(**facts)


def test_a_record_survives_its_way_through_a_file():
    record = Record(**LEAST, tried=("a: endpoint_closed",), input_tokens=0, attempts=2)

    read = msgspec.json.decode(msgspec.json.encode(record), type=Record)

    assert read == record


def test_there_are_five_ways_to_end():
    assert typing.get_args(Outcome) == ("ok", "refused", "failed", "cancelled", "truncated")


def test_there_is_no_field_for_a_prompt_an_answer_or_a_key():
    fields = set(Record.__struct_fields__)

    assert not fields & {"body", "request", "response", "messages", "prompt", "credential", "key"}


@pytest.mark.parametrize(
    ("kind", "committed", "outcome"),
    [
        ("client_gone", False, "cancelled"),
        ("client_gone", True, "cancelled"),
        ("endpoint_closed", False, "failed"),
        ("endpoint_truncated", True, "truncated"),
        ("internal_error", True, "truncated"),
        ("request_timeout", True, "cancelled"),
        ("request_timeout", False, "refused"),
        ("model_not_found", False, "refused"),
        ("internal_error", False, "refused"),
    ],
)
def test_an_outcome_says_who_let_down_whom(kind, committed, outcome):
    assert outcome_of(GatewayError(kind, "It failed."), committed=committed) == outcome


@pytest.mark.parametrize("kind", FAILURES)
def test_every_failure_has_an_outcome(kind):
    outcome = outcome_of(GatewayError(kind, "It failed."), committed=False)

    assert (outcome == "failed") is (FAILURES[kind].origin is Origin.ENDPOINT)
