from html import unescape

import pytest
from starlette.testclient import TestClient

from multillama.web.app import build
from tests.web.fakes import NOON, FakeView, busy_view, record, survived

SITE = "http://localhost:3000"
BROWSER = {"accept": "text/html,application/xhtml+xml"}
ID = survived().id
STORY = f"/multillama/exchanges/{ID}"
PATHS = (STORY, f"{STORY}.json", "/multillama/exchanges", "/multillama/plan?model=m1")
CANARY = "<img src=x onerror=alert(1)>"


def client(view: FakeView, **headers: str) -> TestClient:
    return TestClient(
        build(view, version="9.9.9"), base_url=SITE, headers=headers, follow_redirects=False
    )


@pytest.mark.parametrize("path", [STORY, f"{STORY}.json"])
def test_an_exchange_is_told_as_json(path: str) -> None:
    answer = client(FakeView()).get(path)

    told = answer.json()

    assert answer.headers["content-type"] == "application/json"
    assert (told["id"], told["at"], told["edits"]) == (ID, NOON, ["model"])
    assert [row["cause"] for row in told["attempts"]] == ["unreachable", "overloaded", None]
    assert told["considered"][3]["excluded"] == "it is not local"


def test_a_browser_gets_a_page() -> None:
    text = unescape(client(FakeView()).get(STORY, headers=BROWSER).text)

    for shown in (
        ID, "2026-01-01 12:00:00", "The client has the whole answer: 200 from localhost:11434",
        "connection refused", "tried the next target", "left out: it is not local", "62.4",
        "waited 320 ms for a place, 2 before it", "gpu.lan:8080 had the conversation in its cache",
        f'href="{STORY}.json"', f"multillama explain {ID}",
    ):  # fmt: skip
        assert shown in text


def test_the_json_stays_json_for_a_browser() -> None:
    answer = client(FakeView()).get(f"{STORY}.json", headers=BROWSER)

    assert answer.headers["content-type"] == "application/json"


def test_an_exchange_that_reached_nobody_has_a_page_too() -> None:
    view = FakeView()
    told = survived()
    told.attempts, told.considered, told.strategy = [], (), None
    told.outcome, told.status, told.total_ms, told.model = "refused", 404, 0.0, None
    view.decisions = [told]

    text = client(view).get(STORY, headers=BROWSER).text

    assert "nothing was sent to an endpoint" in text
    assert "It came to no choice" in text
    assert 'data-tone="warn"' in text


def test_strangers_words_are_text_on_the_page() -> None:
    view = FakeView()
    told = survived()
    told.model = told.text = told.attempts[0].text = told.attempts[0].then = CANARY
    view.decisions = [told]

    text = client(view).get(STORY, headers=BROWSER).text

    assert CANARY not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") >= 4


@pytest.mark.parametrize("path", ["/multillama/exchanges/gone", "/multillama/exchanges/gone.json"])
def test_an_unknown_exchange_says_how_many_are_kept(path: str) -> None:
    answer = client(FakeView()).get(path)

    error = answer.json()["error"]

    assert (answer.status_code, error["code"]) == (404, "exchange_not_found")
    assert "newest 1,000" in error["message"]


@pytest.mark.parametrize("path", PATHS)
def test_a_gateway_with_a_key_tells_nothing_without_it(path: str) -> None:
    view = FakeView(key="sekrit")

    answers = [
        client(view, **headers).get(path)
        for headers in ({}, {"authorization": "Bearer no"}, {"authorization": "Bearer sekrit"})
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 200]


def test_a_browser_without_a_session_is_sent_to_the_login() -> None:
    answer = client(FakeView(key="sekrit")).get(STORY, headers=BROWSER)

    assert (answer.status_code, answer.headers["location"]) == (303, "/multillama/login")


@pytest.mark.parametrize("path", PATHS)
def test_a_rebound_name_reads_nothing(path: str) -> None:
    answer = client(FakeView()).get(path, headers={"host": "evil.example"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize("path", PATHS)
def test_only_reading_is_possible(path: str) -> None:
    assert client(FakeView()).post(path).status_code == 405


def test_the_newest_are_listed() -> None:
    view = FakeView(recent=[record(number) for number in range(60)])

    whole = client(view).get("/multillama/exchanges").json()["exchanges"]
    two = client(view).get("/multillama/exchanges?limit=2").json()["exchanges"]

    assert len(whole) == 50
    assert [row["id"] for row in two] == ["request-0", "request-1"]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "", "\u0663", "9" * 5000])
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    answer = client(FakeView()).get("/multillama/exchanges", params={"limit": limit})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit")


def test_a_dry_run_takes_the_wishes_of_its_headers() -> None:
    view = FakeView()

    answer = client(view).get(
        "/multillama/plan", params={"model": "a/b c"}, headers={"x-multillama-only": "desk"}
    )

    assert answer.json()["considered"][0]["model"] == "a/b c"
    assert view.wished == {"only": b"desk"}


def test_a_dry_run_needs_a_model_and_fails_as_a_request_would() -> None:
    found = client(FakeView())

    answers = [found.get(f"/multillama/plan{query}") for query in ("", "?model=nobody")]

    assert [answer.status_code for answer in answers] == [400, 404]
    assert [answer.json()["error"]["code"] for answer in answers] == [
        "model_missing",
        "model_not_found",
    ]


def test_each_recent_request_leads_to_its_story() -> None:
    text = client(busy_view()).get("/").text

    assert 'href="/multillama/exchanges/request-3"' in text
