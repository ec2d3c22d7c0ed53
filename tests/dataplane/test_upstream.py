import pytest

from multillama.dataplane.timers import NEVER
from multillama.dataplane.upstream import JOIN_BELOW_BYTES
from tests.dataplane.answering import OK, STREAM, ask, connection
from tests.dataplane.parts import FakeLoop


@pytest.fixture
def loop():
    return FakeLoop()


@pytest.fixture
def upstream(loop):
    return connection(loop)


@pytest.fixture
def origin(upstream):
    return upstream._origin


# requests


@pytest.mark.parametrize("size", [0, JOIN_BELOW_BYTES, JOIN_BELOW_BYTES + 1])
def test_a_body_leaves_in_one_write_with_its_head(upstream, size):
    body = b"x" * size

    ask(upstream, body)

    assert upstream.transport.sent == b"POST / HTTP/1.1\r\n\r\n" + body
    assert len(upstream.transport.written) == 1


def test_a_streamed_body_follows_its_head(upstream, loop):
    answer = ask(upstream, None)
    upstream.send_body(b"abc", is_last=False)
    loop.advance(1000)
    upstream.send_body(b"", is_last=True)
    waited = answer.told
    loop.advance(21)

    assert upstream.transport.sent == b"POST / HTTP/1.1\r\n\r\nabc"
    assert waited == answer.told == ["lost first_byte_timeout"]


# answers


def test_an_answer_is_passed_on_as_it_comes(upstream):
    answer = ask(upstream)

    for piece in (STREAM[:20], STREAM[20:], b"2\r\nab\r\n", b"1\r\nc", b"\r\n0\r\n\r\n"):
        upstream.data_received(piece)

    assert answer.told == ["head 200", "data", "data", "data", "last"]
    assert answer.body == b"abc"


def test_a_whole_answer_is_told_at_once_and_the_connection_kept(upstream, origin):
    answer = ask(upstream)

    upstream.data_received(OK)

    assert (answer.told, answer.body) == (["head 200", "last"], b"ok")
    assert (upstream.is_reused, origin.take()) == (True, upstream)


def test_the_connection_is_back_before_the_answer_is_told_to_be_over(upstream, origin):
    answer = ask(upstream)
    answer.on_data = lambda parts, is_last: answer.told.append(origin.take())

    upstream.data_received(OK)

    assert answer.told == ["head 200", upstream]


def test_a_second_request_on_a_connection_gets_its_own_answer(upstream):
    ask(upstream)
    upstream.data_received(OK)
    second = ask(upstream)

    upstream.data_received(OK.replace(b"200 OK", b"404 x").replace(b"ok", b"no"))

    assert (second.told, second.body) == (["head 404", "last"], b"no")


def test_an_answer_with_the_head_of_the_last_one_is_told_like_it(upstream, origin):
    ask(upstream)
    upstream.data_received(OK)
    assert origin.take() is upstream
    second = ask(upstream)

    upstream.data_received(OK.replace(b"2\r\n\r\nok", b"4\r\n\r\nfine"))

    assert (second.told, second.body) == (["head 200", "last"], b"fine")
    assert (upstream.is_reused, origin.take()) == (True, upstream)


def test_with_a_known_head_too_an_answer_before_the_end_of_the_request_spoils_the_connection(
    upstream, origin
):
    ask(upstream)
    upstream.data_received(OK)
    origin.take()
    second = ask(upstream, None)

    upstream.data_received(OK)

    assert second.told == ["head 200", "last"]
    assert (upstream.transport.ended, origin.take()) == ("abort", None)


def test_who_gives_up_at_a_known_head_leaves_no_connection_in_the_pool(upstream, origin):
    ask(upstream)
    upstream.data_received(OK)
    origin.take()
    second = ask(upstream)
    second.on_head = lambda head: upstream.abort()

    upstream.data_received(OK)

    assert (upstream.transport.ended, origin.take()) == ("abort", None)


@pytest.mark.parametrize("has_answered", [False, True])
@pytest.mark.parametrize(
    "raw",
    [
        OK.replace(b"OK", b"OK\r\nConnection: close"),
        OK.replace(b"1.1", b"1.0"),
        OK + b"extra",
        OK + OK,
    ],
)
def test_a_connection_that_cannot_be_trusted_again_is_closed(upstream, origin, raw, has_answered):
    if has_answered:
        ask(upstream)
        upstream.data_received(OK)
        origin.take()
    answer = ask(upstream)

    upstream.data_received(raw)

    assert (answer.told, answer.body) == (["head 200", "last"], b"ok")
    assert (upstream.transport.ended, origin.take()) == ("abort", None)


def test_an_answer_before_the_end_of_the_request_spoils_the_connection(upstream, origin):
    answer = ask(upstream, None)
    upstream.send_body(b"abc", is_last=False)

    upstream.data_received(OK)

    assert answer.told == ["head 200", "last"]
    assert (upstream.transport.ended, origin.take()) == ("abort", None)


def test_an_answer_without_length_ends_with_the_connection(upstream):
    answer = ask(upstream)
    upstream.data_received(b"HTTP/1.1 200 OK\r\n\r\nhel")
    upstream.data_received(b"lo")

    goes_on = upstream.eof_received()
    upstream.transport.lose()

    assert not goes_on
    assert (answer.told, answer.body) == (["head 200", "data", "data", "last"], b"hello")


@pytest.mark.parametrize("raw", [b"x", OK])
def test_bytes_that_nobody_asked_for_end_the_connection(upstream, origin, raw):
    ask(upstream)
    upstream.data_received(OK)

    upstream.data_received(raw)

    assert upstream.transport.ended == "abort"
    assert origin.take() is None


# failures


@pytest.mark.parametrize(
    ("before", "error", "kind"),
    [
        (b"", None, "endpoint_closed"),
        (b"", ConnectionResetError(), "endpoint_closed"),
        (OK[:9], None, "endpoint_truncated"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", None, "endpoint_truncated"),
        (OK[:-1], None, "endpoint_truncated"),
        (STREAM + b"2\r\nab\r\n", None, "endpoint_truncated"),
        (b"HTTP/1.1 200 OK\r\n\r\nhel", ConnectionResetError(), "endpoint_truncated"),
    ],
)
def test_a_connection_that_breaks_off_is_told_by_what_had_come(upstream, before, error, kind):
    answer = ask(upstream)
    if before:
        upstream.data_received(before)

    upstream.transport.lose(error)

    assert answer.told[-1] == f"lost {kind}"
    assert not answer.died_in_pool


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (b"SSH-2.0-x\r\n", "endpoint_malformed", "did not answer in HTTP/1.x"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "endpoint_malformed",
            "bytes that are not HTTP",
        ),
        (
            b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
            "endpoint_malformed",
            "interim",
        ),
    ],
)
def test_what_is_no_answer_is_told_as_such(upstream, raw, kind, words):
    answer = ask(upstream)

    upstream.data_received(raw)

    assert answer.told == [f"lost {kind}"]
    assert words in answer.error.text
    assert upstream.transport.ended == "abort"


@pytest.mark.parametrize(("good", "told"), [(b"2\r\nab\r\n", ["data"]), (b"", [])])
def test_of_an_answer_that_breaks_its_framing_the_good_part_is_passed_on(upstream, good, told):
    answer = ask(upstream)
    upstream.data_received(STREAM)

    upstream.data_received(good + b"zz")

    assert answer.told == ["head 200", "data", *told, "lost endpoint_truncated"]
    assert answer.body == (b"ab" if good else b"")
    assert upstream.transport.ended == "abort"


def test_an_answer_may_give_up_while_its_framing_breaks(upstream):
    answer = ask(upstream)
    upstream.data_received(STREAM)
    answer.on_data = lambda parts, is_last: upstream.abort()

    upstream.data_received(b"2\r\nab\r\nzz")

    assert answer.told == ["head 200", "data"]


def test_a_connection_that_died_while_it_was_idle_is_known_as_such(upstream):
    ask(upstream)
    upstream.data_received(OK)
    answer = ask(upstream)

    upstream.transport.lose()

    assert (answer.told, answer.died_in_pool) == (["lost endpoint_closed"], True)


def test_an_idle_connection_that_ends_is_forgotten(upstream, origin):
    ask(upstream)
    upstream.data_received(OK)

    upstream.transport.lose()

    assert (origin.take(), origin.open) == (None, set())


def test_what_is_given_up_tells_nobody_and_ends_at_once(upstream):
    answer = ask(upstream)

    upstream.abort()
    upstream.transport.lose()

    assert (answer.told, upstream.transport.ended) == ([], "abort")


def test_an_answer_may_give_up_while_it_is_told(upstream):
    answer = ask(upstream)
    answer.on_data = lambda parts, is_last: upstream.abort()

    upstream.data_received(STREAM + b"2\r\nab\r\n")
    upstream.data_received(b"0\r\n\r\n")

    assert (answer.told, upstream.deadline) == (["head 200"], NEVER)
