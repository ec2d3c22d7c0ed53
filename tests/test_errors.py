import pytest

from multillama.errors import CURES, FAILURES, GatewayError, Origin
from multillama.wire.answers import STATUS_LINES


@pytest.mark.parametrize("kind", FAILURES)
def test_the_status_says_whose_fault_it_is(kind):
    status, origin = FAILURES[kind].status, FAILURES[kind].origin

    # 501 and 505 are, by their numbers, a server's; what is missing was asked for by the client.
    client = 400 <= status < 500 or status in (501, 505)
    assert client is (origin is Origin.CLIENT)
    assert (status in (502, 504)) is (origin is Origin.ENDPOINT)


@pytest.mark.parametrize("kind", FAILURES)
def test_every_status_has_its_line(kind):
    assert FAILURES[kind].status in STATUS_LINES


@pytest.mark.parametrize(
    ("kind", "error_type"),
    [
        ("model_not_found", "invalid_request_error"),
        ("invalid_api_key", "authentication_error"),
        ("too_many_tries", "rate_limit_error"),
        ("internal_error", "server_error"),
        ("endpoint_closed", "upstream_error"),
    ],
)
def test_the_type_is_the_one_that_openais_clients_know(kind, error_type):
    assert FAILURES[kind].error_type == error_type


def test_an_error_tells_its_row_and_its_words():
    error = GatewayError("model_not_found", "There is no such model.", param="model")

    assert (error.status, error.origin, error.param) == (404, "client", "model")
    assert (str(error), error.text) == ("There is no such model.",) * 2
    assert error.failure is FAILURES["model_not_found"]


@pytest.mark.parametrize(
    ("kind", "endpoint", "origin"),
    [
        ("endpoint_closed", "localhost:11434", "endpoint:localhost:11434"),
        ("endpoint_closed", None, "endpoint"),
        ("internal_error", "localhost:11434", "gateway"),
        ("bad_request", None, "client"),
    ],
)
def test_the_origin_names_the_endpoint_when_it_is_at_fault(kind, endpoint, origin):
    assert GatewayError(kind, "It failed.", endpoint=endpoint).origin == origin


def test_a_kind_that_is_not_in_the_table_has_no_status():
    with pytest.raises(KeyError, match="made_up"):
        _ = GatewayError("made_up", "Nobody knows.").status


def test_every_kind_has_a_cure():
    assert CURES.keys() == FAILURES.keys()
    assert [kind for kind, cure in CURES.items() if not cure.endswith((".", "`."))] == []
