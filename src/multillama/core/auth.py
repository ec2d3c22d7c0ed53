"""Who may call: the client's key against ours, in constant time."""

from hmac import compare_digest

from multillama.errors import GatewayError


def check_key(credential: bytes | None, *, api_key: bytes | None) -> None:
    """Lets a client pass, or not.

    Args:
        credential: The key the client sent, whichever header carried it.
        api_key: The key we demand; None demands none.

    Raises:
        GatewayError: `invalid_api_key`.
    """
    if api_key is None:
        return
    if not credential:
        raise GatewayError(
            "invalid_api_key", "This gateway demands a key: send 'Authorization: Bearer <key>'."
        )
    if not compare_digest(credential, api_key):
        raise GatewayError(
            "invalid_api_key", "The key is wrong. It must be the gateway's own key (--api-key)."
        )
