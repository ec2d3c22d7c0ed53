import time

import pytest

from multillama.core.routing import close_matches, plan_targets
from multillama.core.snapshot import Snapshot
from multillama.errors import GatewayError
from tests.core.samples import endpoint, serving


def plan(*states):
    """The order in which endpoints of these states, named by number, would be tried."""
    endpoints = [endpoint(str(at), is_up=is_up) for at, is_up in enumerate(states)]
    targets = plan_targets(serving(*endpoints), "m1")
    return "".join(target.endpoint.name for target in targets)


def refusal(snapshot, model):
    with pytest.raises(GatewayError) as caught:
        plan_targets(snapshot, model)
    return caught.value


@pytest.mark.parametrize(
    ("states", "order"),
    [
        ([True], "0"),
        ([False], "0"),
        ([True, True, True], "012"),
        ([None, None], "01"),
        ([None, True], "01"),
        ([False, True], "10"),
        ([False, None], "10"),
        ([True, False, True], "021"),
        ([False, True, False, None], "1302"),
        ([False, False], "01"),
    ],
)
def test_the_order_is_as_configured_with_those_known_to_be_down_last(states, order):
    assert plan(*states) == order


def test_a_model_that_nobody_serves_is_refused_and_close_names_are_told():
    error = refusal(serving(endpoint(), model="llama3:8b"), "llama3")

    assert (error.kind, error.status, error.param) == ("model_not_found", 404, "model")
    assert "'llama3' is not served" in error.text
    assert "Did you mean llama3:8b?" in error.text


def test_a_model_like_no_other_is_refused_without_a_guess():
    error = refusal(serving(endpoint(), model="llama3:8b"), "gpt-9")

    assert error.kind == "model_not_found"
    assert "Did you mean" not in error.text
    assert "/v1/models" in error.text


def test_without_any_model_it_is_the_gateway_that_is_not_ready():
    error = refusal(Snapshot(endpoints=(endpoint(),)), "llama3")

    assert (error.kind, error.status, error.origin) == ("no_endpoint", 503, "gateway")


def test_a_huge_name_is_not_told_back():
    error = refusal(serving(endpoint()), "x" * 100_000)

    assert len(error.text) < 400


@pytest.mark.parametrize(
    ("asked", "close"),
    [
        ("llama3", ["llama3:8b", "llama3:70b"]),
        ("LLAMA3:8B", ["llama3:8b"]),
        ("llama3:8b-instruct", ["llama3:8b"]),
        ("gtp-4o", ["gpt-4o"]),
        ("openai/gpt-4o", ["gpt-4o"]),
        ("zzz", []),
    ],
)
def test_close_means_similar_letters_or_one_name_within_the_other(asked, close):
    known = dict.fromkeys(["gpt-4o", "gpt-4o-mini", "llama3:8b", "llama3:70b", "whisper-1"])

    assert close_matches(asked, known) == close


def test_at_most_three_names_are_told():
    known = dict.fromkeys(f"llama3:{size}b" for size in range(50))

    assert close_matches("llama3", known) == ["llama3:0b", "llama3:1b", "llama3:2b"]


def test_nobody_can_buy_much_time_with_a_long_name():
    known = dict.fromkeys(f"{number:0200}" for number in range(2000))
    started = time.process_time()

    found = close_matches("0" * 201, known)

    assert found == []
    assert time.process_time() - started < 0.1


def test_a_model_of_an_endpoint_that_is_down_says_what_to_check():
    error = refusal(serving(endpoint("there", is_up=False), model="llama3:8b"), "gpt-9")

    assert "If there has it: make it reachable and check its key, it is down." in error.text


def test_a_slip_of_the_finger_is_found_among_ten_thousand_models():
    known = {f"gpt-{number}": None for number in range(10_000)} | {"gpt-4o-mini": None}
    started = time.process_time()

    found = close_matches("gpt-4o-mnii", known)

    assert "gpt-4o-mini" in found
    assert time.process_time() - started < 0.5
