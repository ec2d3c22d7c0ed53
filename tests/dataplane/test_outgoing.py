import pytest

from multillama.core.operations import BY_PATH
from multillama.dataplane.outgoing import MAX_KEPT, opening_lines
from multillama.wire.parse import parse_head
from tests.core.samples import endpoint

CHAT = BY_PATH[b"/v1/chat/completions"]
FIXED = b"host: api.test\r\nauthorization: Bearer secret\r\n"


def head(*lines, target=b"/v1/chat/completions"):
    return parse_head(b"POST %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (target, b"".join(lines)))


def test_the_endpoint_gets_its_own_path_and_key_and_the_clients_fields():
    here = endpoint(fixed_head=FIXED, paths={"chat": b"/openai/v1/chat/completions"})

    lines = opening_lines(head(b"X-Title: a\r\n", b"Authorization: Bearer client\r\n"), CHAT, here)

    assert lines == (
        b"POST /openai/v1/chat/completions HTTP/1.1\r\n"
        + FIXED
        + b"X-Title: a\r\nx-multillama-hops: 1\r\n"
    )


def test_an_operation_may_have_a_head_of_its_own():
    here = endpoint(fixed_head=FIXED, own_heads={"chat": b"x-goog-api-key: secret\r\n"})

    lines = opening_lines(head(), CHAT, here)

    assert lines.splitlines()[1:] == [b"x-goog-api-key: secret", b"x-multillama-hops: 1"]


def test_the_query_goes_along():
    # Claude Code posts to /v1/messages?beta=true
    lines = opening_lines(head(target=b"/v1/chat/completions?beta=true"), CHAT, endpoint())

    assert lines.startswith(b"POST /v1/chat/completions?beta=true HTTP/1.1\r\n")


def test_every_gateway_on_the_way_counts():
    lines = opening_lines(head(b"x-multillama-hops: 2\r\n"), CHAT, endpoint())

    assert lines.endswith(b"\r\nx-multillama-hops: 3\r\n")


def test_what_the_endpoint_owns_a_client_cannot_repeat():
    here = endpoint(owns=frozenset({b"x-title"}), fixed_head=b"x-title: ours\r\n")
    asked = head(b"X-TITLE: theirs\r\n", b"X-Other: b\r\n")

    lines = opening_lines(asked, CHAT, here)

    assert b"theirs" not in lines
    assert b"X-Other: b\r\n" in lines
    assert b"X-TITLE" in asked.forward  # for the next target it is still there


def test_a_default_is_sent_where_the_client_is_silent():
    here = endpoint(defaults=((b"anthropic-version", b"2023-06-01"), (b"accept", b"*/*")))

    silent = opening_lines(head(), CHAT, here)
    spoken = opening_lines(head(b"Anthropic-Version: 2026-10-21\r\n"), CHAT, here)

    assert b"anthropic-version: 2023-06-01\r\naccept: */*\r\n" in silent
    assert b"2023-06-01" not in spoken
    assert b"Anthropic-Version: 2026-10-21\r\n" in spoken


def test_a_head_that_repeats_is_not_built_again():
    here, asked = endpoint(), head()

    assert opening_lines(asked, CHAT, here) is opening_lines(asked, CHAT, here)


def test_each_endpoint_gets_its_own_lines_in_turn():
    asked = head()
    endpoints = [endpoint(name) for name in ("a", "b", "a")]

    for here in (*endpoints, *endpoints):
        assert b"authorization: Bearer of-%b\r\n" % here.name.encode() in opening_lines(
            asked, CHAT, here
        )


def test_an_endpoint_of_a_new_snapshot_gets_new_lines():
    asked = head()
    opening_lines(asked, CHAT, endpoint(fixed_head=b"authorization: Bearer old\r\n"))

    lines = opening_lines(asked, CHAT, endpoint(fixed_head=b"authorization: Bearer new\r\n"))

    assert b"Bearer new" in lines


def test_a_head_keeps_the_lines_of_few_endpoints():
    asked = head()

    for at in range(3 * MAX_KEPT):
        opening_lines(asked, CHAT, endpoint(str(at)))

    assert len(asked.outgoing) <= MAX_KEPT


@pytest.mark.parametrize(
    ("own", "asked", "sent"),
    [
        (b"api-version=preview", b"", b"?api-version=preview"),
        (b"api-version=preview", b"?beta=true", b"?api-version=preview&beta=true"),
        (b"api-version=preview", b"?api-version=old&b=1", b"?api-version=preview&b=1"),
        (b"api-version=preview", b"?api-version=old", b"?api-version=preview"),
        (b"", b"?b=1", b"?b=1"),
    ],
)
def test_what_the_endpoint_needs_in_the_query_comes_first_and_wins(own, asked, sent):
    lines = opening_lines(head(target=b"/v1/chat/completions" + asked), CHAT, endpoint(query=own))

    assert lines.startswith(b"POST /v1/chat/completions%b HTTP/1.1\r\n" % sent)
