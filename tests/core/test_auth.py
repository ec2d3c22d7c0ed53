import pytest
from hypothesis import given, strategies as st

from multillama.core.auth import check_key, check_page, check_reader, is_browser
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


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, b"evil.example"),
        (b"http://localhost:5173", b"localhost:3000"),
        (b"http://127.0.0.1:3000", b"127.0.0.1:3000"),
        (b"https://nas.lan", b"nas.lan"),
        (b"chrome-extension://abcdefgh", b"localhost:3000"),
        (b"tauri://localhost", b"[::1]:3000"),
    ],
)
def test_programs_apps_and_pages_of_this_machine_may_go_without_a_key(origin, host):
    check_page(origin, host=host, bound="nas.lan")


@pytest.mark.parametrize(
    ("origin", "host", "kind"),
    [
        (b"https://evil.example", b"localhost:3000", "cross_site_request"),
        (b"null", b"localhost:3000", "cross_site_request"),
        (b"http://", b"localhost:3000", "cross_site_request"),
        (b"http://evil.example:3000", b"evil.example:3000", "host_not_allowed"),
        (b"http://localhost:3000", None, "host_not_allowed"),
        (b"http://localhost:3000", b"a,b", "host_not_allowed"),
    ],
)
def test_a_page_of_a_stranger_may_not_spend_the_operators_keys(origin, host, kind):
    with pytest.raises(GatewayError) as caught:
        check_page(origin, host=host, bound="nas.lan")

    assert caught.value.kind == kind


@given(
    origin=st.binary(max_size=12) | st.binary(max_size=8).map(lambda tail: b"http://" + tail),
    host=st.none() | st.binary(max_size=8),
)
def test_any_origin_and_host_pass_or_are_the_pages_fault(origin, host):
    try:
        check_page(origin, host=host)
    except GatewayError as error:
        assert error.kind in ("cross_site_request", "host_not_allowed")


@pytest.mark.parametrize("origin", [b"http://[", b"https://]", b"http://\xe2\x84\x80"])
def test_an_origin_that_is_no_url_is_a_strangers(origin):
    with pytest.raises(GatewayError) as caught:
        check_page(origin, host=b"localhost")

    assert caught.value.kind == "cross_site_request"


@pytest.mark.parametrize(
    ("fields", "browser"),
    [
        ({b"anthropic-version"}, False),
        ({b"accept-language", b"sec-fetch-mode"}, False),  # the fetch of Node
        ({b"accept-language"}, True),
        ({b"accept-language", b"sec-fetch-mode", b"sec-fetch-site"}, True),
        ({b"referer"}, True),
    ],
)
def test_a_browser_is_known_by_what_no_page_can_leave_out(fields, browser):
    assert is_browser(frozenset(fields)) is browser


@pytest.mark.parametrize("host", [b"evil.example:3000", None, b"a,b"])
def test_a_browser_that_names_a_host_of_a_stranger_reads_nothing(host):
    with pytest.raises(GatewayError) as caught:
        check_reader(None, host=host, hints=frozenset({b"accept-language"}))

    assert caught.value.kind == "host_not_allowed"


@pytest.mark.parametrize(
    "host", [b"localhost:3000", b"192.168.0.7:3000", b"[::1]:3000", b"nas.lan"]
)
def test_a_browser_that_names_a_host_of_ours_reads_on(host):
    check_reader(None, host=host, hints=frozenset({b"accept-language"}), bound="nas.lan")


def test_a_program_reads_whatever_host_it_was_sent_to():
    check_reader(None, host=b"gateway.internal:3000", hints=frozenset({b"anthropic-version"}))


def test_a_page_of_another_site_reads_nothing_from_an_own_host_either():
    with pytest.raises(GatewayError) as caught:
        check_reader(b"https://evil.example", host=b"localhost:3000", hints=frozenset())

    assert caught.value.kind == "cross_site_request"
