import pytest
from starlette.requests import Request
from starlette.responses import Response

from multillama.errors import GatewayError
from multillama.web.guard import Guard, check_same_site, clear_session, set_session, site_of
from tests.web.fakes import FakeView


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def request(
    host: str = "localhost:3000", *, scheme: str = "http", client: str = "127.0.0.1", **headers: str
) -> Request:
    raw = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(
        {
            "type": "http",
            "client": (client, 50000),
            "method": "GET",
            "path": "/",
            "scheme": scheme,
            "query_string": b"",
            "server": ("127.0.0.1", 3000),
            "headers": [(name.encode(), value.encode()) for name, value in raw.items()],
        }
    )


def refusal(guard: Guard, asked: Request) -> str | None:
    try:
        guard.check(asked)
    except GatewayError as error:
        return error.kind
    return None


def test_the_site_is_what_the_browser_named() -> None:
    assert site_of(request("Box.lan:8080")).base == "http://box.lan:8080/v1"


@pytest.mark.parametrize("host", ['"><script>', "a b", "", "$(id)", "[::1"])
def test_a_malformed_host_is_replaced_by_our_address(host: str) -> None:
    assert site_of(request(host)).base == "http://127.0.0.1:3000/v1"


def test_a_socket_without_a_name_is_called_localhost() -> None:
    asked = request("<>")
    asked.scope["server"] = None

    assert site_of(asked).base == "http://localhost/v1"


@pytest.mark.parametrize(
    ("scheme", "forwarded", "base"),
    [("http", "https", "https"), ("https", "http", "https"), ("http", "gopher", "http")],
)
def test_https_in_front_of_us_is_seen(scheme: str, forwarded: str, base: str) -> None:
    assert site_of(request(scheme=scheme, x_forwarded_proto=forwarded)).scheme == base


@pytest.mark.parametrize(
    "host", ["localhost:3000", "127.0.0.1", "[::1]:3000", "x.localhost", "BOX"]
)
def test_without_a_key_our_own_names_get_in(host: str) -> None:
    guard = Guard(FakeView(host="box"))

    assert refusal(guard, request(host)) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3000", "", "localhost.evil.example"]
)
def test_without_a_key_a_rebound_name_stays_out(host: str) -> None:
    guard = Guard(FakeView(host="0.0.0.0"))

    assert refusal(guard, request(host)) == "host_not_allowed"


def test_with_a_key_any_name_will_do_for_who_has_it() -> None:
    guard = Guard(FakeView(key="right"))

    assert refusal(guard, request("llm.example", authorization="Bearer right")) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer right"},
        {"authorization": "bearer  right "},
        {"x_api_key": "right"},
        {"api_key": "right"},
        {"x_goog_api_key": "right"},
    ],
)
def test_the_key_gets_in_by_every_header_clients_use(headers: dict[str, str]) -> None:
    assert refusal(Guard(FakeView(key="right")), request(**headers)) is None


def test_a_key_may_have_letters_of_any_script() -> None:
    guard = Guard(FakeView(key="schlüssel"))

    assert refusal(guard, request(authorization="Bearer schlüssel")) is None


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Basic right"}, {"authorization": "Bearer "}, {"x_api_key": "no"}],
)
def test_without_the_key_nothing_is_shown(headers: dict[str, str]) -> None:
    assert refusal(Guard(FakeView(key="right")), request(**headers)) == "invalid_api_key"


def test_a_session_gets_in_until_it_is_closed() -> None:
    guard = Guard(FakeView(key="right"))
    asked = request(cookie=f"multillama_session_3000={guard.log_in(request(), 'right')}")

    before = refusal(guard, asked)
    guard.log_out(asked)

    assert (before, refusal(guard, asked)) == (None, "invalid_api_key")


def test_a_cookie_of_the_gateway_next_door_is_not_ours() -> None:
    guard = Guard(FakeView(key="right"))
    session = guard.log_in(request(), "right")

    assert not guard.is_known(
        request("localhost:4000", cookie=f"multillama_session_3000={session}")
    )


def test_a_wrong_key_opens_nothing() -> None:
    with pytest.raises(GatewayError) as refused:
        Guard(FakeView(key="right")).log_in(request(), "wrong")

    assert refused.value.kind == "invalid_api_key"


def test_guessing_ends_after_ten_tries_even_for_the_right_key() -> None:
    clock = Clock()
    guard = Guard(FakeView(key="right"), clock=clock)
    kinds = []

    for candidate in ["wrong"] * 10 + ["right"]:
        with pytest.raises(GatewayError) as refused:
            guard.log_in(request(), candidate)
        kinds.append(refused.value.kind)
    clock.now += 60

    assert kinds == ["invalid_api_key"] * 10 + ["too_many_tries"]
    assert guard.log_in(request(), "right")


def test_a_stranger_who_guesses_locks_nobody_else_out() -> None:
    guard = Guard(FakeView(key="right"), clock=Clock())
    kinds = []

    for _ in range(11):
        with pytest.raises(GatewayError) as refused:
            guard.log_in(request(client="203.0.113.9"), "wrong")
        kinds.append(refused.value.kind)

    assert kinds[-1] == "too_many_tries"
    assert guard.log_in(request(client="192.168.0.7"), "right")


def test_who_has_no_address_has_a_budget_too() -> None:
    guard = Guard(FakeView(key="right"), clock=Clock())
    asked = request(authorization="Bearer no")
    asked.scope["client"] = None

    kinds = [refusal(guard, asked) for _ in range(11)]

    assert kinds == ["invalid_api_key"] * 10 + ["too_many_tries"]


def test_a_program_that_guesses_locks_nobody_out_of_the_form() -> None:
    guard = Guard(FakeView(key="right"), clock=Clock())

    kinds = [refusal(guard, request(authorization="Bearer no")) for _ in range(11)]

    assert kinds[-1] == "too_many_tries"
    assert guard.log_in(request(), "right")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin", "origin": "http://localhost:3000"},
        {"sec_fetch_site": "none"},
        {"origin": "http://localhost:3000"},
        {"origin": "https://LOCALHOST:3000"},
    ],
)
def test_a_change_from_our_own_page_or_from_no_page_passes(headers: dict[str, str]) -> None:
    check_same_site(request(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "http://localhost:3000"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:4000"},
        {"origin": ""},
    ],
)
def test_a_change_from_another_page_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(GatewayError) as refused:
        check_same_site(request(**headers))

    assert (refused.value.kind, refused.value.status) == ("cross_site_request", 403)


def test_the_session_is_out_of_reach_of_scripts_and_other_sites() -> None:
    response = Response()

    set_session(request(), response, "abc")

    assert response.headers["set-cookie"] == (
        "multillama_session_3000=abc; HttpOnly; Max-Age=43200; Path=/; SameSite=strict"
    )


def test_over_https_the_session_travels_over_https_only() -> None:
    response = Response()

    set_session(request("llm.example", x_forwarded_proto="https"), response, "abc")

    assert response.headers["set-cookie"].startswith("multillama_session_default=abc; ")
    assert response.headers["set-cookie"].endswith("; Secure")


def test_the_session_is_forgotten_under_the_same_name() -> None:
    response = Response()

    clear_session(request(), response)

    assert response.headers["set-cookie"].startswith('multillama_session_3000=""; ')
    assert "Max-Age=0" in response.headers["set-cookie"]


def test_another_key_ends_all_sessions() -> None:
    guard = Guard(FakeView(key="right"))
    asked = request(cookie=f"multillama_session_3000={guard.log_in(request(), 'right')}")

    guard.log_all_out()

    assert not guard.is_known(asked)
