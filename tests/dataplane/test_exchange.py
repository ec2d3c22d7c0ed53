import json

import msgspec
import pytest

from multillama.core.operations import BY_PATH
from multillama.core.snapshot import Limits, Route, Snapshot, Target
from multillama.dataplane.exchange import MAX_HOPS, Exchange
from multillama.dataplane.request import Request
from multillama.wire.parse import parse_head
from tests.core.samples import serving
from tests.dataplane.stage import BEGUN, OK, Stage, ok, post

USAGE = b'{"usage":{"prompt_tokens":9,"completion_tokens":12}}'


# who is let in


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        (b"", 401, "invalid_api_key"),
        (b"x-api-key: wrong\r\n", 401, "invalid_api_key"),
        (b"x-api-key: front-door\r\nx-multillama-hops: %d\r\n" % MAX_HOPS, 508, "loop_detected"),
    ],
)
def test_a_request_is_judged_by_its_head_before_its_body_is_read(lines, status, code):
    stage = Stage(api_key=b"front-door")
    client = stage.client()

    client.send(post(b"", b"Content-Length: 9999\r\n", lines))

    assert (client.statuses, client.error["code"]) == ([status], code)
    assert stage.pool.begun == []


def test_the_right_key_and_few_hops_are_let_in():
    stage = Stage(api_key=b"front-door")
    client = stage.client()
    lines = b"x-api-key: front-door\r\nx-multillama-hops: %d\r\n" % (MAX_HOPS - 1)

    client.send(post({"model": "m1"}, b"Content-Length: 15\r\n", lines))
    upstream = stage.answer()

    assert client.statuses == [200]
    assert b"front-door" not in upstream.sent
    assert b"x-multillama-hops: %d\r\n" % MAX_HOPS in upstream.sent


def test_a_key_that_was_right_is_not_when_the_gateways_has_changed():
    stage = Stage(api_key=b"front-door")
    client = stage.client()
    request = post(None, b"Content-Length: 15\r\n", b"Authorization: Bearer front-door\r\n")

    for key in (b"front-door", b"back-door", None, b"front-door"):
        stage.listener.snapshot = msgspec.structs.replace(stage.listener.snapshot, api_key=key)
        client.send(request)
        if client.protocol.running is not None:
            stage.answer()

    assert client.statuses == [200, 401, 200, 200]


def test_a_head_with_a_wrong_key_is_refused_each_time():
    client = Stage(api_key=b"front-door").client()

    for _ in range(3):
        client.send(post(None, b"Content-Length: 15\r\n", b"x-api-key: wrong\r\n"))

    assert client.statuses == [401, 401, 401]


@pytest.mark.parametrize(("api_key", "status"), [(None, 403), (b"front-door", 200)])
def test_a_strangers_page_is_kept_out_where_no_key_does_it(api_key, status):
    stage = Stage(api_key=api_key)
    client = stage.client()
    lines = b"Origin: http://evil.test\r\nx-api-key: front-door\r\n"

    client.send(post({"model": "m1"}, b"Content-Length: 15\r\n", lines))
    if status == 200:
        stage.answer()

    assert client.statuses == [status]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b"{}", 400, "model_missing"),
        (b'{"model":"m1","model":"m1"}', 400, "invalid_json"),
        (b'{"model":"m2"}', 404, "model_not_found"),
        (b'{"model":"' + b"x" * 100 + b'"}', 413, "body_too_large"),
    ],
)
def test_what_cannot_be_routed_is_refused_and_no_endpoint_asked(body, status, code):
    stage = Stage(limits=Limits(body_bytes=100))
    client = stage.client()

    client.send(post(body))

    record = stage.records[0]
    assert (client.statuses, client.error["code"]) == ([status], code)
    assert (record.outcome, record.status, record.error) == ("refused", status, code)
    assert (record.attempts, record.endpoint, stage.pool.begun) == (0, None, [])


def test_without_any_model_the_gateway_is_not_ready():
    stage = Stage()
    stage.listener.snapshot = Snapshot()
    client = stage.client()

    client.send(post())

    assert (client.statuses, client.error["origin"]) == ([503], "gateway")


def test_an_anthropic_client_reads_a_refusal_in_its_own_shape():
    client = Stage().client()

    client.send(post(b"{}", target=b"/v1/messages"))

    body = json.loads(client.answers()[0][1])
    assert (body["type"], body["error"]["code"]) == ("error", "model_missing")


# what is sent


def test_the_body_goes_on_byte_for_byte():
    stage = Stage()
    body = b' { "x" : 1.0e+2 , "model" : "m1" , "y":"\xc3\xa9" } '

    stage.client().send(post(body))

    assert stage.connect().sent.endswith(b"content-length: %d\r\n\r\n%b" % (len(body), body))


def test_only_the_models_name_is_changed_where_the_endpoint_knows_it_by_another():
    stage = Stage()
    here = stage.endpoints[0]
    stage.listener.snapshot = Snapshot(
        endpoints=(here,), routes={"m1": Route((Target(here, b'"meta/m-1"'),))}
    )

    stage.client().send(post(b'{"x" : 1.0e+2,"model":"m1"}'))

    sent = stage.connect().sent
    assert sent.endswith(b'content-length: 31\r\n\r\n{"x":1.0e+2,"model":"meta/m-1"}')
    assert stage.records == []


@pytest.mark.parametrize("target", sorted(BY_PATH))
def test_every_operation_reaches_the_endpoints_own_path(target):
    stage = Stage()
    client = stage.client()
    row = BY_PATH[target]
    path = row.path
    if row.body.name == "JSON":
        client.send(post(target=target))
    else:
        part = b'--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nm1\r\n--b0--\r\n'
        lines = (
            b"Content-Type: multipart/form-data; boundary=b0\r\n",
            b"Content-Length: %d\r\n" % len(part),
        )
        client.send(post(part, *lines, target=target))

    upstream = stage.answer()

    assert upstream.sent.startswith(b"POST /v1%b HTTP/1.1\r\n" % path.encode())
    assert (client.statuses, stage.records[0].operation) == ([200], row.name)


# one target after another


@pytest.mark.parametrize("kind", ["endpoint_unreachable", "endpoint_tls_failed", "connect_timeout"])
def test_an_endpoint_that_cannot_be_reached_is_passed_over(pair, kind):
    client = pair.client()
    client.send(post())

    pair.pool.waiting[0].fail(kind)
    pair.answer()

    first, second = (here.state for here in pair.endpoints)
    record = pair.records[0]
    assert client.statuses == [200]
    assert (record.endpoint, record.tried, record.attempts) == ("second", (f"first: {kind}",), 2)
    assert (first.is_up, first.failures, second.is_up) == (False, 1, True)
    assert (first.in_flight, second.in_flight) == (0, 0)


def test_an_endpoint_that_leaves_without_an_answer_is_passed_over_and_not_known_to_be_down(pair):
    client = pair.client()
    client.send(post())

    pair.connect().lose()
    pair.answer()

    assert client.statuses == [200]
    assert (pair.endpoints[0].state.is_up, pair.endpoints[0].state.failures) == (None, 1)


@pytest.mark.parametrize("status", [b"400 Bad", b"413 Long", b"422 Odd"])
def test_what_the_request_is_to_blame_for_is_an_answer(pair, status):
    client = pair.client()
    client.send(post())

    pair.answer(ok(b"theirs", status))

    assert client.answers() == [(int(status[:3]), b"theirs")]
    assert (len(pair.pool.begun), pair.records[0].outcome) == (1, "ok")
    assert pair.endpoints[0].state.failures == 0


@pytest.mark.parametrize("status", [b"401 Key", b"429 Slow", b"500 Oops", b"503 Busy", b"529 Over"])
def test_what_the_endpoint_is_to_blame_for_is_asked_of_another(pair, status):
    client = pair.client()
    client.send(post())

    pair.answer(ok(b"theirs", status))
    pair.answer(ok(b"ours"))

    record = pair.records[0]
    assert client.answers() == [(200, b"ours")]
    assert b"\r\nx-multillama-attempts: 2\r\n" in client.received
    assert (record.endpoint, record.attempts, record.outcome) == ("second", 2, "ok")
    assert pair.endpoints[0].state.failures == 1


def test_the_last_failure_passes_untouched_and_sdks_are_told_not_to_multiply_it(pair):
    client = pair.client()
    client.send(post())

    pair.answer(ok(b"first", b"500 Oops"))
    pair.answer(ok(b"last", b"500 Oops"))

    assert client.answers() == [(500, b"last")]
    assert b"\r\nx-should-retry: false\r\n" in client.received
    assert [record.tried for record in pair.records] == [("first: server_error",)]


def test_what_may_still_be_generating_is_not_asked_of_another(pair):
    client = pair.client()
    client.send(post())
    upstream = pair.connect()

    pair.loop.advance(600.2)

    assert (client.statuses, client.error["origin"]) == ([504], "endpoint:first")
    assert (upstream.ended, len(pair.pool.begun)) == ("abort", 1)
    assert pair.records[0].outcome == "failed"


def test_when_all_have_failed_the_last_failure_is_told(pair):
    client = pair.client()
    client.send(post())

    for kind in ("connect_timeout", *["endpoint_unreachable"] * 5):
        pair.pool.waiting[0].fail(kind)

    record = pair.records[0]
    assert (client.statuses, client.error["code"]) == ([502], "endpoint_unreachable")
    assert (record.endpoint, record.outcome, record.attempts) == ("second", "failed", 6)
    assert record.tried[:2] == ("first: connect_timeout", "second: endpoint_unreachable")


def test_nothing_is_tried_after_the_first_byte(pair):
    client = pair.client()
    client.send(post())
    upstream = pair.answer(ok(b"x" * 9)[:-3])

    upstream.lose()

    assert len(pair.pool.begun) == 1
    assert (pair.records[0].outcome, pair.records[0].status) == ("truncated", 200)
    assert client.transport.is_finished


def test_the_body_is_kept_only_while_another_target_may_need_it(pair):
    client = pair.client()
    client.send(post())
    exchange = client.protocol._exchange
    before = exchange.body

    pair.answer(BEGUN)

    assert (before, exchange.body) == (b'{"model": "m1"}', b"")


# bugs of ours


def crashing(stage):
    """Makes the next look-up of a route fail, as a bug would."""

    class Broken(dict):
        def get(self, *_):
            raise ZeroDivisionError("a bug")

    stage.listener.snapshot = msgspec.structs.replace(serving(*stage.endpoints), routes=Broken())


def test_a_bug_costs_one_answer_and_tells_the_client_nothing_of_it():
    stage = Stage()
    client = stage.client()
    crashing(stage)

    client.send(post())
    stage.listener.snapshot = serving(*stage.endpoints)
    client.send(post())
    stage.answer()

    assert client.statuses == [500, 200]
    assert b"a bug" not in client.received
    assert [str(crash) for crash in stage.crashes] == ["a bug"]
    assert [record.outcome for record in stage.records] == ["refused", "ok"]


def test_a_bug_while_recording_breaks_off_one_connection():
    stage = Stage()
    client, other = stage.client(), stage.client()
    records = stage.listener.on_record

    def fail(record):
        raise ZeroDivisionError("a bug")

    stage.listener.on_record = fail
    client.send(post())
    stage.answer()
    stage.listener.on_record = records
    other.send(post())
    stage.answer()

    assert [str(crash) for crash in stage.crashes] == ["a bug"]
    assert client.transport.ended == "abort"
    assert other.statuses == [200]


def test_it_runs_without_an_event_loop():
    stage = Stage()
    head = parse_head(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n\r\n")
    request = Request(head, None, BY_PATH[head.path], at=1.0, started=2.0)
    client = stage.client()

    exchange = Exchange(stage.listener, client.protocol, request, BY_PATH[head.path])
    exchange.start()

    assert [record.error for record in stage.records] == ["invalid_json"]
    assert OK not in client.received
