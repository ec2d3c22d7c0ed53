import pytest

from multillama.core.breaker import News
from multillama.core.policy import BreakerPolicy
from multillama.core.snapshot import Limits, Route, Snapshot, Target
from multillama.wire.chunked import ChunkedReader
from tests.core.samples import endpoint
from tests.dataplane.stage import OK, STREAM, Stage, post

PATH = b"/v1/audio/transcriptions"
TYPE = b"Content-Type: multipart/form-data; boundary=b0\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
MODEL = b'--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nm1\r\n'
FILE = b'--b0\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
END = b"\r\n--b0--\r\n"
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
FORM = MODEL + FILE + b"RIFF" * 100 + END


def upload(body, *lines, length=None, content_type=TYPE):
    """An upload; with `length` more of it may follow."""
    announced = b"Content-Length: %d\r\n" % (len(body) if length is None else length)
    return post(body, content_type, announced, *lines, target=PATH)


def chunked(*pieces):
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return post(framed, TYPE, CHUNKED, target=PATH)


def body_of(sent):
    """The body that the endpoint got, unframed, and whether it is whole."""
    head, _, body = sent.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head:
        reader = ChunkedReader()
        return b"".join(reader.feed(body)), reader.is_done
    length = int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
    return body, len(body) == length


# the way there


@pytest.mark.parametrize(
    "request_bytes", [upload(FORM), chunked(FORM, b""), chunked(FORM[:70], FORM[70:], b"")]
)
@pytest.mark.parametrize("size", [1, 17, 10_000])
def test_an_upload_goes_on_byte_for_byte_however_it_arrives(stage, client, request_bytes, size):
    client.send(*(request_bytes[at : at + size] for at in range(0, len(request_bytes), size)))

    upstream = stage.answer()

    assert body_of(upstream.sent) == (FORM, True)
    assert client.statuses == [200]
    record = stage.records[0]
    assert (record.model, record.outcome, record.request_bytes) == ("m1", "ok", len(FORM))


def test_it_is_not_waited_for_whole(stage, client):
    client.send(upload(MODEL + FILE, length=len(FORM)))
    upstream = stage.connect()
    first = body_of(upstream.sent)
    client.send(b"RIFF" * 50)
    second = body_of(upstream.sent)
    client.send(b"RIFF" * 50 + END)

    assert first == (MODEL + FILE, False)
    assert second == (MODEL + FILE + b"RIFF" * 50, False)
    assert body_of(upstream.sent) == (FORM, True)


def test_what_comes_while_the_endpoint_is_connected_to_is_not_lost(stage, client):
    client.send(upload(MODEL + FILE, length=len(FORM)))
    client.send(b"RIFF" * 50, b"RIFF" * 50)

    upstream = stage.connect()
    client.send(END)

    assert body_of(upstream.sent) == (FORM, True)


def test_who_waits_to_be_told_is_told_to_go_on(stage, client):
    client.send(upload(b"", b"Expect: 100-continue\r\n", length=len(FORM)))
    told = client.received
    client.send(FORM)
    upstream = stage.answer()

    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b"xpect" not in upstream.sent
    assert client.statuses == [200]


def test_the_models_name_is_changed_within_the_form_and_the_length_with_it(stage, client):
    here = stage.endpoints[0]
    stage.listener.snapshot = Snapshot(
        endpoints=(here,), routes={"m1": Route((Target(here, b'"whisper-large-v3"'),))}
    )

    client.send(upload(FORM))

    renamed = FORM.replace(b"m1", b"whisper-large-v3")
    assert body_of(stage.connect().sent) == (renamed, True)


def test_it_waits_for_a_slow_endpoint_and_goes_on_with_it(stage, client):
    client.send(upload(MODEL + FILE, length=1_000_000))
    upstream = stage.connect()
    upstream.is_stuck = True
    client.send(b"x" * 100_000)
    client.send(b"y" * 50_000)
    held_back = upstream.sent.count(b"y" * 50_000)

    upstream.drain()

    assert (held_back, upstream.sent.count(b"y" * 50_000)) == (0, 1)


def test_an_endpoint_that_takes_bytes_again_before_there_are_more_gets_them_when_they_come(
    stage, client
):
    client.send(upload(MODEL + FILE, length=len(FORM)))
    upstream = stage.connect()
    upstream.is_stuck, upstream.high = True, 100
    client.send(b"RIFF" * 50)

    upstream.drain()
    client.send(b"RIFF" * 50 + END)

    assert body_of(upstream.sent) == (FORM, True)


# what is refused


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (
            upload(FORM, content_type=b"Content-Type: application/json\r\n"),
            415,
            "unsupported_media_type",
        ),
        (upload(FORM, content_type=b""), 415, "unsupported_media_type"),
        (upload(FORM, content_type=b"Content-Type: multipart/form-data\r\n"), 400, "bad_request"),
        (upload(FILE + END), 400, "model_missing"),
        (upload(b"no form"), 400, "model_missing"),
        (upload(b""), 400, "model_missing"),
        (upload(FORM.replace(b"m1", b"m2")), 404, "model_not_found"),
        (upload(b"", length=1_000_001), 413, "body_too_large"),
        (upload(FILE + b"x" * 2000 + MODEL, length=5000), 413, "body_too_large"),
        (chunked(b"x" * 2000, b"y" * 999_000), 413, "body_too_large"),
    ],
)
def test_what_cannot_be_routed_is_refused_and_no_endpoint_asked(request_bytes, status, code):
    stage = Stage(limits=Limits(upload_bytes=1_000_000, body_bytes=1000))
    client = stage.client()

    client.send(request_bytes)

    assert (client.statuses, client.error["code"]) == ([status], code)
    assert (stage.pool.begun, len(stage.records)) == ([], 1)


def test_a_key_is_asked_for_before_anything_is_read():
    stage = Stage(api_key=b"front-door")
    client = stage.client()

    client.send(upload(b"", b"Expect: 100-continue\r\n", length=100))

    assert client.statuses == [401]


def test_an_upload_that_grows_beyond_the_limit_ends_also_at_the_endpoint():
    stage = Stage(limits=Limits(upload_bytes=1000))
    client = stage.client()
    client.send(chunked(MODEL + FILE))
    upstream = stage.connect()

    client.send(b"400\r\n")

    assert client.statuses == [413]
    assert upstream.ended == "abort"
    assert body_of(upstream.sent)[1] is False


# what fails


def test_before_anything_was_sent_the_next_target_is_tried(pair):
    client = pair.client()
    client.send(upload(FORM))

    pair.pool.waiting[0].fail("endpoint_unreachable")
    upstream = pair.answer()

    assert body_of(upstream.sent) == (FORM, True)
    assert client.statuses == [200]
    assert pair.records[0].tried == ("first: endpoint_unreachable",)


def test_the_story_of_an_upload_has_all_its_attempts(pair):
    told = []
    pair.listener.on_story = lambda record, story: told.append(story.tell(record))
    pair.client().send(upload(FORM))
    pair.pool.waiting[0].fail("endpoint_unreachable")
    pair.answer()

    (decision,) = told

    assert [(row.endpoint, row.role, row.cause) for row in decision.attempts] == [
        ("first", "first", "unreachable"),
        ("second", "next", None),
    ]
    assert len(decision.considered) == 2


def test_what_was_sent_is_gone_and_not_sent_to_another(pair):
    client = pair.client()
    client.send(upload(FORM))

    pair.connect().lose()

    assert (client.statuses, client.error["code"]) == ([502], "endpoint_closed")
    assert len(pair.pool.begun) == 1


def test_an_endpoint_that_leaves_in_the_middle_ends_it(stage, client):
    client.send(upload(MODEL + FILE, length=len(FORM)))

    stage.connect().lose()
    client.send(b"RIFF" * 100)

    assert client.statuses == [502]
    assert client.transport.is_finished
    assert [record.outcome for record in stage.records] == ["failed"]


def test_an_early_answer_ends_it_in_the_middle(stage, client):
    client.send(upload(MODEL + FILE, length=len(FORM)))

    stage.answer(OK.replace(b"200 OK", b"413 No"))
    client.send(b"RIFF" * 100)

    assert client.statuses == [413]
    assert client.transport.is_finished
    assert [record.outcome for record in stage.records] == ["ok"]


def test_an_answer_that_begins_early_does_not_stop_the_upload(stage, client):
    client.send(upload(MODEL + FILE, length=len(FORM)))
    upstream = stage.answer(OK[:-2])

    client.send(b"RIFF" * 100 + END)
    upstream.protocol.data_received(b"ok")

    assert body_of(upstream.sent) == (FORM, True)
    assert client.answers() == [(200, b"ok")]


def test_an_answer_that_ends_while_the_endpoint_takes_no_bytes_ends_it(stage, client):
    client.send(upload(MODEL + FILE, length=1_000_000))
    upstream = stage.connect()
    upstream.is_stuck = True
    client.send(b"x" * 100_000, b"x" * 100_000)

    upstream.protocol.data_received(OK)

    assert client.statuses == [200]
    assert len(stage.records) == 1


@pytest.mark.parametrize("sent", [b"", MODEL[:20], MODEL + FILE])
def test_a_client_that_leaves_ends_it_wherever_it_stands(stage, client, sent):
    client.send(upload(sent, length=len(FORM)))

    client.transport.lose()

    assert [record.outcome for record in stage.records] == ["cancelled"]
    assert stage.pool.waiting == []
    assert stage.endpoints[0].state.in_flight == 0


def test_a_client_that_leaves_during_its_upload_ends_the_endpoints_side(stage, client):
    client.send(upload(MODEL + FILE, length=len(FORM)))
    upstream = stage.connect()

    client.transport.lose()

    assert upstream.ended == "abort"
    assert [record.outcome for record in stage.records] == ["cancelled"]


@pytest.mark.parametrize(
    ("version", "head", "ends_with", "how"),
    [
        (b"1.1", STREAM, b"\r\n0\r\n\r\n", "fin"),
        (b"1.0", STREAM, b"\n\n", "fin"),
        (b"1.1", BIG, b"\r\n\r\n", "fin"),
        (b"1.0", CLOSING, b"\r\n\r\n", "reset"),
    ],
)
def test_an_upload_that_stalls_under_its_answer_breaks_the_answer_off(
    stage, client, version, head, ends_with, how
):
    stalled = upload(MODEL + FILE, length=len(FORM)).replace(b"HTTP/1.1", b"HTTP/" + version)
    client.send(stalled)
    upstream = stage.answer(head)

    stage.loop.advance(30.2)

    assert client.received.endswith(ends_with)
    assert (b"request_timeout" in client.received) is (head == STREAM)
    assert client.transport.ended == ("abort" if how == "reset" else None)
    assert client.transport.is_finished is (how == "fin")
    assert upstream.ended == "abort"
    assert [record.outcome for record in stage.records] == ["cancelled"]


# the breaker


@pytest.mark.parametrize("answer", [OK, b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"])
def test_an_upload_that_tries_a_target_again_tells_that_it_was_reached(stage, client, answer):
    breaker = stage.endpoints[0].state.need_breaker()
    now = stage.listener.now()
    breaker.on_failure(News("", now - 60, now - 60), "unreachable", BreakerPolicy(), random=0.0)
    client.send(upload(FORM))

    stage.answer(answer)

    assert breaker.blocked("", stage.listener.now()) is None
    assert breaker.open_conditions(now) == []


def test_an_endpoint_that_cannot_take_it_is_not_asked():
    stage = Stage(endpoint("claude", speaks=("anthropic.messages",), lacks={"transcriptions"}))
    client = stage.client()

    client.send(upload(FORM))

    assert client.statuses == [400]
    assert (
        b"it speaks anthropic.messages, and that has no /v1/audio/transcriptions" in client.received
    )
    assert not stage.pool.waiting
