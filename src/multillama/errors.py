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
    "not_translatable": _client(400),
    "previous_response_not_found": _client(400),
    "invalid_api_key": _client(401, "authentication_error"),
    "host_not_allowed": _client(403, "permission_error"),
    "cross_site_request": _client(403, "permission_error"),
    "path_not_found": _client(404),
    "model_not_found": _client(404),
    "response_not_found": _client(404),
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
    "endpoint_frozen": _endpoint(504),
    "first_byte_timeout": _endpoint(504),
    "first_token_timeout": _endpoint(504),
    "idle_timeout": _endpoint(504),
    "send_timeout": _endpoint(504),
    "deadline_exceeded": _endpoint(504),
}


CURES: Final[dict[str, str]] = {
    "bad_request": "The message names what is wrong with the request: mend that.",
    "invalid_json": "Send the body as JSON, with `content-type: application/json`.",
    "model_missing": 'Name a model in the body: `"model": "…"`.',
    "key_in_query": "Send the key in a header, `Authorization: Bearer …`, not in the URL.",
    "bad_wish": "An `x-multillama-…` header names no endpoint of here, or is misspelt: the message has the right name.",
    "not_capable": "No endpoint of this model takes such a request (this operation, images, tools, or so long a text):"
    " the message says what each lacks. Choose another model; what an endpoint can do after all, name in its"
    " `dialects`.",
    "not_translatable": "The endpoint speaks another dialect, which has no word for the member that the message names:"
    " leave it out, or let it be dropped (`untranslatable: warn`).",
    "previous_response_not_found": "Send the whole conversation as `input`, or let the gateway keep responses:"
    " `--responses-store 1000`.",
    "invalid_api_key": "`--api-key` is set: send that key, as `Authorization: Bearer …`.",
    "host_not_allowed": "Open the page by the name or address of `--host`, or set `--api-key`.",
    "cross_site_request": "A web page of another site has called. Set `--api-key`, and let the page send it.",
    "path_not_found": "Check the base URL of the client: it ends in `/v1`.",
    "model_not_found": "`GET /v1/models` lists all models. If the endpoint that has it is down or refuses its key, the"
    " table at the start, the page and `multillama models` say so.",
    "response_not_found": "The gateway keeps responses with `--responses-store` only: so many, so long, and each for"
    " the key that asked for it.",
    "exchange_not_found": "`multillama explain` lists the exchanges that are remembered.",
    "method_not_allowed": "The message names the methods that this path takes.",
    "request_timeout": "The client sent its request too slowly: see `--header-timeout-s` and `--body-timeout-s`.",
    "body_too_large": "Raise `--max-body-bytes`, or `--max-upload-bytes` for uploads.",
    "target_too_long": "Shorten the URL, or raise `--max-target-bytes`.",
    "unsupported_media_type": "Send JSON, or `multipart/form-data` to the paths that take files.",
    "expectation_failed": "Leave out the header `Expect`, or send `100-continue`.",
    "too_many_tries": "Too many wrong keys: wait a minute, then sign in with the right one.",
    "head_too_large": "Send fewer or shorter headers, or raise `--max-head-bytes`.",
    "client_gone": "The client left before the answer was there: look at its own time limit.",
    "not_implemented": "The message names the paths that are served instead.",
    "version_not_supported": "Use HTTP/1.1.",
    "internal_error": "A fault of ours: the log has the reason. Please report it.",
    "no_endpoint": "No endpoint has listed a model yet: `multillama doctor` says why.",
    "no_target": "Endpoints have the model, but none may serve this request: `local_only`, `x-multillama-only` or the"
    " like forbids it. The message has each reason; loosen the rule, or add an endpoint that keeps it.",
    "shutting_down": "The gateway stops: try again when it is back.",
    "too_many_pages": "Close some open pages.",
    "queue_full": "Every endpoint is at its concurrency limit, and as many wait as may: raise `max_concurrency` or"
    " `max_waiting`, or add an endpoint.",
    "queue_timeout": "The request waited for a busy endpoint until `max_wait_s` was over: raise that or"
    " `max_concurrency`, or add an endpoint.",
    "loop_detected": "The `--url` of an endpoint leads back to this gateway: correct it.",
    "endpoint_unreachable": "Start that server, or check its URL: `multillama doctor` tries each step of the way.",
    "endpoint_tls_failed": "Check its certificate, and that `https://` is right: `multillama doctor` says more.",
    "endpoint_closed": "That server hung up before it answered: see its own log.",
    "endpoint_malformed": "That server answered with no valid HTTP: see its own log, and whether its URL is that of an"
    " LLM server.",
    "endpoint_truncated": "That server broke off: see its own log, and the time limits of any proxy between.",
    "endpoint_empty": "That server answered 200 without a body: see its own log.",
    "connect_timeout": "Check that server's address, and any firewall between; or raise `--connect-timeout-s`.",
    "endpoint_failed": "That server reported an error in place of an answer: the message repeats it.",
    "endpoint_frozen": "That server or its machine hangs: restart it, or raise `--probe-after-s` if it only thinks.",
    "first_byte_timeout": "That server is slow or hangs: see its log, or raise `--first-byte-timeout-s`.",
    "first_token_timeout": "No endpoint said a first word within `first_token_s`: raise it, or add an endpoint.",
    "idle_timeout": "That server fell silent in the middle: see its log, or raise `--idle-timeout-s`.",
    "send_timeout": "That server did not take the request: see its log, or raise `--send-timeout-s`.",
    "deadline_exceeded": "All attempts and waits together took longer than `deadline_s`: raise it, or see with"
    " `multillama explain` where the time went.",
}
"""What to do about each kind, for people who read the docs; the message of an error says what happened."""


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
