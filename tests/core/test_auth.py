import pytest

from multillama.core.auth import check_key
from multillama.errors import GatewayError


@pytest.mark.parametrize("credential", [None, b"", b"anything"])
def test_a_gateway_without_a_key_lets_everybody_in(credential):
    check_key(credential, api_key=None)


def test_the_right_key_lets_in():
    check_key(b"front-door", api_key=b"front-door")


@pytest.mark.parametrize("credential", [None, b""])
def test_without_a_key_the_client_reads_how_to_send_one(credential):
    with pytest.raises(GatewayError, match="Authorization: Bearer") as caught:
        check_key(credential, api_key=b"front-door")

    assert (caught.value.kind, caught.value.status) == ("invalid_api_key", 401)


@pytest.mark.parametrize(
    "credential", [b"front-doo", b"front-door2", b"Front-Door", b"\xff", b" front-door"]
)
def test_a_wrong_key_is_refused_and_neither_key_is_told(credential):
    with pytest.raises(GatewayError) as caught:
        check_key(credential, api_key=b"front-door")

    assert caught.value.kind == "invalid_api_key"
    assert "front-door" not in caught.value.text
    assert credential.decode("latin-1") not in caught.value.text
