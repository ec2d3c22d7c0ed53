"""Every way an exchange can fail, as one table: status, and whose fault. What follows is in `core/causes.py`.

The status code, the log and the page all read the same row. A new failure is a new row here;
no other module may invent a status or a code.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class Origin(StrEnum):
    """Whose failure it is; for `ENDPOINT` the public text adds the endpoint's name."""

    CLIENT = "client"
    GATEWAY = "gateway"
    ENDPOINT = "endpoint"


class Failure(NamedTuple):
    """One row of the table."""

    status: int
    origin: Origin
    error_type: str
    """The `error.type` of OpenAI's error shape."""
    retry_after_s: int | None = None
    """Sent as `retry-after`, where waiting helps."""


def _client(status: int, error_type: str = "invalid_request_error") -> Failure:
    return Failure(status, Origin.CLIENT, error_type)


def _gateway(status: int, retry_after_s: int | None = None) -> Failure:
    return Failure(status, Origin.GATEWAY, "server_error", retry_after_s=retry_after_s)


def _endpoint(status: int) -> Failure:
    return Failure(status, Origin.ENDPOINT, "upstream_error")


FAILURES: Final[dict[str, Failure]] = {
    # the client's
    "bad_request": _client(400),
    "invalid_json": _client(400),
    "model_missing": _client(400),
    "key_in_query": _client(400),
    "bad_wish": _client(400),
    "not_capable": _client(400),
    "invalid_api_key": _client(401, "authentication_error"),
    "host_not_allowed": _client(403, "permission_error"),
    "cross_site_request": _client(403, "permission_error"),
    "path_not_found": _client(404),
    "model_not_found": _client(404),
    "exchange_not_found": _client(404),
    "method_not_allowed": _client(405),
    "request_timeout": _client(408, "timeout_error"),
    "body_too_large": _client(413),
    "target_too_long": _client(414),
    "unsupported_media_type": _client(415),
    "expectation_failed": _client(417),
    "too_many_tries": _client(429, "rate_limit_error"),
    "head_too_large": _client(431),
    "client_gone": _client(499),
    "not_implemented": _client(501),
    "version_not_supported": _client(505),
    # ours
    "internal_error": _gateway(500),
    "no_endpoint": _gateway(503),
    "no_target": _gateway(503),
    "shutting_down": _gateway(503),
    "too_many_pages": _gateway(503),
    "queue_full": _gateway(503, retry_after_s=5),
    "queue_timeout": _gateway(503, retry_after_s=5),
    "loop_detected": _gateway(508),
    # the endpoint's
    "endpoint_unreachable": _endpoint(502),
    "endpoint_tls_failed": _endpoint(502),
    "endpoint_closed": _endpoint(502),
    "endpoint_malformed": _endpoint(502),
    "endpoint_truncated": _endpoint(502),
    "endpoint_empty": _endpoint(502),
    "connect_timeout": _endpoint(504),
    "endpoint_failed": _endpoint(502),
    "first_byte_timeout": _endpoint(504),
    "first_token_timeout": _endpoint(504),
    "idle_timeout": _endpoint(504),
    "send_timeout": _endpoint(504),
    "deadline_exceeded": _endpoint(504),
}


class GatewayError(Exception):
    """A failure of the table, with the words a client may see.

    Args:
        kind: A key of `FAILURES`; it is also the public `error.code`.
        text: One or two sentences for the client: what happened and what to do. Never a secret.
        endpoint: The endpoint's name when the failure is its own.
        param: The request member at fault, as OpenAI's `error.param`.
    """

    def __init__(
        self, kind: str, text: str, *, endpoint: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.endpoint = endpoint
        self.param = param

    @property
    def failure(self) -> Failure:
        return FAILURES[self.kind]

    @property
    def status(self) -> int:
        return self.failure.status

    @property
    def origin(self) -> str:
        """`client`, `gateway` or `endpoint:<name>`."""
        origin = self.failure.origin
        if origin is Origin.ENDPOINT and self.endpoint:
            return f"endpoint:{self.endpoint}"
        return origin.value
