import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from multillama.web.app import build
from multillama.web.headers import ALWAYS
from tests.web.fakes import FakeView

SITE = "http://localhost:3000"


def client(view: FakeView | None = None) -> TestClient:
    app = build(view or FakeView(), version="1")
    return TestClient(app, base_url=SITE, follow_redirects=False, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/multillama/status.json", 200),
        ("HEAD", "/multillama/live", 200),
        ("GET", "/multillama/login", 303),
        ("GET", "/multillama/static/page.css", 200),
        ("GET", "/multillama/static/none.css", 404),
        ("GET", "/favicon.ico", 200),
        ("GET", "/robots.txt", 200),
        ("GET", "/nothing", 404),
        ("DELETE", "/", 405),
        ("POST", "/multillama/status.json", 405),
    ],
)
def test_every_answer_has_the_safe_headers(method: str, path: str, status: int) -> None:
    response = client().request(method, path)

    assert response.status_code == status
    assert set(ALWAYS) <= set(response.headers)


def test_a_stray_client_reads_an_error_it_understands() -> None:
    response = client().post("/v1/chat/completion", json={"model": "m"})

    assert (response.status_code, response.headers["content-type"]) == (404, "application/json")
    assert response.json() == {
        "error": {
            "message": "There is no /v1/chat/completion here. "
            "Did you mean /v1/chat/completions or /v1/completions?",
            "type": "invalid_request_error",
            "param": None,
            "code": "path_not_found",
            "origin": "client",
        }
    }


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("OPTIONS", "/v1/embeddings", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("PUT", "/multillama/login", "GET, HEAD, POST"),
        ("GET", "/multillama/logout", "POST"),
        ("BREW", "/robots.txt", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    response = client().request(method, path)

    assert (response.status_code, response.headers["allow"]) == (405, allow)
    assert response.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/multillama/login/", "//", "/multillama/static/", "/multillama"])
def test_no_redirect_is_written_with_the_clients_host(path: str) -> None:
    response = client().get(path, headers={"host": "evil.example"})

    assert response.status_code in (403, 404)
    assert "location" not in response.headers


@pytest.mark.parametrize(
    "path", ["/multillama/static/..%2fapp.py", "/multillama/static/%2e%2e/app.py"]
)
def test_no_file_beside_the_assets_is_served(path: str) -> None:
    assert client().get(path).status_code == 404


def test_the_icon_is_where_browsers_look_for_it() -> None:
    response = client().get("/favicon.ico")

    assert response.headers["content-type"] == "image/svg+xml"


def test_robots_are_sent_away() -> None:
    assert client().get("/robots.txt").text == "User-agent: *\nDisallow: /\n"


def test_a_bug_of_ours_is_an_answer_that_tells_nothing() -> None:
    class BrokenView(FakeView):
        def changed(self) -> int:
            raise RuntimeError("a secret")

        endpoints = changed  # type: ignore[assignment]

    response = client(BrokenView()).get("/")

    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret" not in response.text
    assert set(ALWAYS) <= set(response.headers)


def test_a_window_that_closes_is_no_failure_of_ours() -> None:
    async def leave(_request: Request) -> Response:
        raise ClientDisconnect

    app = build(FakeView(), version="1")
    app.router.routes.append(Route("/leave", leave))

    response = TestClient(app, base_url=SITE).get("/leave")

    assert response.status_code == 499


def test_two_gateways_share_no_session() -> None:
    first, second = client(FakeView(key="k")), client(FakeView(key="k"))
    cookie = first.post("/multillama/login", data={"key": "k"}).headers["set-cookie"]

    response = second.get("/", headers={"cookie": cookie.partition(";")[0]})

    assert response.status_code == 401
