import pytest

from tests.wire.heads import read, refusal

# who calls


@pytest.mark.parametrize(
    ("name", "value", "credential"),
    [
        (b"Authorization", b"Bearer key", b"key"),
        (b"authorization", b"bearer   key", b"key"),
        (b"Authorization", b"Bearer ", b""),
        (b"Authorization", b"Bearer", b""),
        (b"Authorization", b"Basic key", None),
        (b"Authorization", b"key", None),
        (b"X-Api-Key", b"key", b"key"),
        (b"api-key", b"key", b"key"),
        (b"X-GOOG-API-KEY", b"key", b"key"),
    ],
)
def test_the_key_is_found_in_each_of_four_fields(name, value, credential):
    assert read((name, value)).credential == credential


def test_the_same_key_in_two_fields_is_one_key():
    fields = [(b"Authorization", b"Bearer k"), (b"x-api-key", b"k")]

    assert read(*fields).credential == b"k"


def test_two_different_keys_are_refused():
    assert refusal((b"Authorization", b"Bearer k"), (b"x-api-key", b"other")) == "bad_request"


@pytest.mark.parametrize("order", [1, -1])
def test_somebody_elses_credential_does_not_hide_the_key(order):
    fields = [(b"Authorization", b"Basic eA=="), (b"x-api-key", b"k")]

    assert read(*fields[::order]).credential == b"k"


@pytest.mark.parametrize(
    ("values", "origin"),
    [
        ([], None),
        ([b"http://a"], b"http://a"),
        ([b"http://a", b"http://a"], b"http://a"),
        ([b"http://a", b"http://b"], b"null"),
    ],
)
def test_the_page_that_calls_is_known_and_travels_on(values, origin):
    fields = [(b"Origin", value) for value in values]

    head = read(*fields)

    assert head.origin == origin
    assert head.forward[2::4] == values


def test_hints_tell_which_sdk_calls():
    head = read((b"Anthropic-Version", b"2026-10-21"), (b"X-Goog-Api-Key", b"k"))

    assert {b"anthropic-version", b"x-goog-api-key"} <= head.hints
    assert b"".join(head.forward) == b"Anthropic-Version: 2026-10-21\r\n"


# Host and target (RFC 9110 §7.2, RFC 9112 §3.2)


@pytest.mark.parametrize(
    "host",
    [
        b"a",
        b"a.b:80",
        b"127.0.0.1:3000",
        b"[::1]",
        b"[::1]:3000",
        b"x_y-z.test",
        b"%41",
        b"A:65535",
    ],
)
def test_a_host_is_one_name_with_an_optional_port(host):
    assert read(host=(b"Host", host)).host == host


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a, b",
        b"u@h",
        b"h/p",
        b"a b",
        b"a:",
        b"a:b",
        b"a:123456",
        b"::1",
        b"[::1",
        b"[x]",
        b"a?b",
        b"a#b",
        b"\xff",
    ],
)
def test_anything_else_as_a_host_is_refused(host):
    assert refusal(host=(b"Host", host)) == "bad_request"


def test_only_http_11_needs_a_host():
    assert refusal(host=None) == "bad_request"
    assert read(host=None, has_http_11=False).host is None


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", b"/", b""),
        (b"/v1/models", b"/v1/models", b""),
        (b"/v1/models?limit=5&a=b", b"/v1/models", b"limit=5&a=b"),
        (b"/a?b?c=/", b"/a", b"b?c=/"),
        (b"/v1/models/a%2Fb:free", b"/v1/models/a%2Fb:free", b""),
        (b"/!$&'()*+,;=:@-._~[]^`{|}", b"/!$&'()*+,;=:@-._~[]^`{|}", b""),
        (b"http://a/v1/models?x", b"/v1/models", b"x"),
        (b"HTTPS://A", b"/", b""),
        (b"http://a?x", b"/", b"x"),
    ],
)
def test_a_target_is_a_path_and_a_query(target, path, query):
    head = read(target=target)

    assert (head.path, head.query) == (path, query)


def test_an_asterisk_is_for_options():
    assert read(target=b"*", method=b"OPTIONS").path == b"*"
    assert refusal(target=b"*") == "bad_request"


@pytest.mark.parametrize(
    "target",
    [
        b"", b"v1/models", b"/a b", b"/a#b", b"http://a/#b", b"/\xc3\xa9", b"/a\\b", b'/"', b"/<", b"/\x7f",
        b"/\x00", b"ftp://a/", b"http://b/", b"http://u@a/", b"http:///", b"//", b"http://a:80/", b"/a\nb",
    ],
)  # fmt: skip
def test_a_target_that_two_readers_may_read_differently_is_refused(target):
    if target == b"//":
        assert (
            read(target=target).path == b"//"
        )  # a path like any other: it is compared, never resolved
    else:
        assert refusal(target=target) == "bad_request"


def test_an_absolute_target_needs_the_host_beside_it():
    assert refusal(target=b"http://a/", host=None, has_http_11=False) == "bad_request"


@pytest.mark.parametrize("query", [b"key=k", b"a=b&api_key=k", b"api-key=", b"access_token=k&a"])
def test_a_key_in_the_url_is_refused_because_urls_are_logged(query):
    assert refusal(target=b"/v1/models?" + query) == "key_in_query"


@pytest.mark.parametrize("query", [b"monkey=k", b"keys=k", b"a=key", b"key"])
def test_what_only_looks_like_a_key_in_the_url_passes(query):
    assert read(target=b"/v1/models?" + query).query == query


def test_a_key_in_the_path_is_the_credential_and_leaves_no_trace():
    head = read(target=b"/k/secret/api/chat?x=1")

    assert (head.credential, head.path, head.query) == (b"secret", b"/api/chat", b"x=1")


def test_googles_key_in_the_query_is_the_credential():
    head = read(target=b"/v1beta/models/m:streamGenerateContent?alt=sse&key=secret")

    assert (head.credential, head.query) == (b"secret", b"alt=sse")
