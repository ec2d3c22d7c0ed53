import re
from html import unescape

import pytest
from starlette.testclient import TestClient

from multillama.errors import GatewayError
from multillama.web.app import build
from multillama.web.pages import FIRST_PAINT, refusal_headers
from tests.web.fakes import FakeView, busy_view, endpoint, model, record

SITE = "http://localhost:3000"
BROWSER = {"accept": "text/html,application/xhtml+xml"}
CANARY = "<img src=x onerror=alert(1)>"


def client(view: FakeView, **headers: str) -> TestClient:
    return TestClient(
        build(view, version="9.9.9"), base_url=SITE, headers=headers, follow_redirects=False
    )


def test_the_page_shows_endpoints_models_examples_and_requests_without_a_script() -> None:
    text = client(busy_view()).get("/", headers=BROWSER).text

    for shown in (
        "3 of 4 endpoints up", "http://192.168.1.20:8080/", "Connection refused", "Start this server",
        "qwen3-coder:30b", "262,144", f"curl {SITE}/v1/chat/completions", "2,318 → 611", "MultiLlama 9.9.9",
    ):  # fmt: skip
        assert shown in unescape(text)


def test_an_empty_gateway_says_what_to_do() -> None:
    text = client(FakeView()).get("/").text

    visible = re.sub(r"<(\w+)[^>]*\shidden>.*?</\1>", "", text, flags=re.DOTALL)

    assert "No endpoint is connected" in visible
    assert "--url http://localhost:11434/ --key null" in visible
    assert "No model is known yet" in visible
    assert "No request yet" in visible


def test_strangers_words_are_text_wherever_they_stand() -> None:
    view = FakeView(
        [endpoint(CANARY, url=CANARY, provider=CANARY, state="down", last_error=CANARY)],
        [model(CANARY, CANARY)],
        [record(id=CANARY, operation=CANARY, model=CANARY, endpoint=CANARY, outcome="failed", error_text=CANARY)],
    )  # fmt: skip

    text = client(view).get("/", params={"model": CANARY, "q": CANARY}).text

    assert "<img src=x" not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") > 8


def test_a_hostile_host_is_nowhere_on_the_page() -> None:
    response = client(FakeView(key="k"), authorization="Bearer k").get(
        "/", headers={"host": '"><script>x</script>'}
    )

    assert response.status_code == 200
    assert "<script>x" not in response.text
    assert "http://localhost:3000/v1" in response.text


def test_the_page_has_no_inline_script_or_style() -> None:
    text = client(busy_view()).get("/").text

    assert re.findall(r"<script(?![^>]*\ssrc=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", text) == []
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", text) == []


def test_a_long_list_is_painted_in_part_and_says_so() -> None:
    view = FakeView([endpoint("a")], [model(f"m-{number}") for number in range(1500)])

    text = client(view).get("/").text

    assert text.count('class="model"') == FIRST_PAINT + 1  # and the empty one for the script
    assert "1500 of 1500" in text
    assert f"These are the first {FIRST_PAINT} of 1500." in text


def test_search_works_without_a_script() -> None:
    text = client(busy_view()).get("/", params={"q": "MINI openai"}).text

    assert re.findall(r'class="model" data-id="([^"]+)"', text) == [
        "gpt-5.2-mini",
        "gpt-4o-mini",
        "o4-mini",
    ]
    assert "3 of 20" in text
    assert 'value="MINI openai"' in text


def test_a_search_that_finds_nothing_says_so() -> None:
    text = client(busy_view()).get("/", params={"q": "zz"}).text

    assert re.search(r'id="no-match">No model matches', text)


def test_a_chosen_model_is_in_the_examples() -> None:
    text = client(busy_view()).get("/", params={"model": "qwen3:32b"}).text

    assert 'aria-current="true"' in text
    assert text.count("&#34;qwen3:32b&#34;") == 3


def test_the_examples_come_as_json_too() -> None:
    facts = (
        client(busy_view()).get("/multillama/snippets.json", params={"model": "qwen3:32b"}).json()
    )

    assert facts["model"] == "qwen3:32b"
    assert set(facts["texts"]) == {"curl", "python", "javascript"}


def test_the_status_has_the_same_facts_as_numbers() -> None:
    facts = client(busy_view()).get("/multillama/status.json").json()

    assert facts["version"] == "9.9.9"
    assert facts["needs_key"] is False
    assert facts["endpoints"][3]["state"] == "down"
    assert facts["endpoints"][0]["first_byte_ms"] == 348.0
    assert facts["models"][0] == {
        "id": "gpt-5.2",
        "endpoints": ["api.openai.com"],
        "context": 400_000,
    }
    assert facts["recent"][0]["input_tokens"] == 2318


def test_live_is_a_stream_of_events_that_ends_when_we_close() -> None:
    app = build(FakeView(), version="1")
    asked = TestClient(app, base_url=SITE)
    app.state.live.close()

    response = asked.get("/multillama/live")

    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    "path", ["/", "/multillama/status.json", "/multillama/snippets.json", "/multillama/live"]
)
def test_without_the_key_no_path_shows_anything(path: str) -> None:
    response = client(busy_view(key="right")).get(path)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "invalid_api_key"
    assert "openai.com" not in response.text


@pytest.mark.parametrize("path", ["/", "/multillama/status.json", "/multillama/snippets.json"])
def test_the_key_in_a_header_shows_everything(path: str) -> None:
    asked = client(busy_view(key="right"), authorization="Bearer right")

    assert asked.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/multillama/status.json", "/multillama/live", "/multillama/login"]
)
def test_a_rebound_name_is_refused_with_the_reason(path: str) -> None:
    response = client(busy_view()).get(path, headers={"host": "evil.example"})

    assert response.status_code == 403
    assert response.json()["error"]["code"] == "host_not_allowed"
    assert "--host" in response.json()["error"]["message"]
    assert "openai.com" not in response.text


def test_a_browser_reads_a_refusal_as_a_page() -> None:
    response = client(busy_view()).get("/", headers={"host": "evil.example", **BROWSER})

    assert response.status_code == 403
    assert response.headers["content-type"].startswith("text/html")
    assert "as localhost" in response.text


def test_a_browser_without_a_session_is_sent_to_the_login() -> None:
    response = client(FakeView(key="right")).get("/", headers=BROWSER)

    assert (response.status_code, response.headers["location"]) == (303, "/multillama/login")


def test_the_right_key_opens_the_page_until_the_log_out() -> None:
    asked = client(busy_view(key="right"), **BROWSER)

    form = asked.get("/multillama/login")
    opened = asked.post("/multillama/login", data={"key": " right "})
    page = asked.get("/")
    again = asked.get("/multillama/login")
    closed = asked.post("/multillama/logout")
    after = asked.get("/")

    assert (form.status_code, "9.9.9" in form.text) == (200, False)
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    assert "Sign out" in page.text
    assert "right" not in re.findall(r'value="([^"]*)"', page.text)
    assert (again.status_code, again.headers["location"]) == (303, "/")
    assert (closed.status_code, closed.headers["location"]) == (303, "/multillama/login")
    assert (after.status_code, after.headers["location"]) == (303, "/multillama/login")


def test_a_session_that_was_closed_cannot_be_used_again() -> None:
    asked = client(FakeView(key="right"))
    cookie = asked.post("/multillama/login", data={"key": "right"}).headers["set-cookie"]
    asked.post("/multillama/logout")

    response = asked.get("/", headers={"cookie": cookie.partition(";")[0]})

    assert response.status_code == 401


def test_a_wrong_key_is_told_on_the_form() -> None:
    response = client(FakeView(key="right")).post("/multillama/login", data={"key": "wrong"})

    assert response.status_code == 401
    assert 'role="alert"' in response.text
    assert "wrong" not in response.text
    assert "set-cookie" not in response.headers


def test_guessing_is_answered_with_429() -> None:
    asked = client(FakeView(key="right"))

    codes = [asked.post("/multillama/login", data={"key": "no"}).status_code for _ in range(11)]

    assert codes == [401] * 10 + [429]


@pytest.mark.parametrize("path", ["/multillama/login", "/multillama/logout"])
def test_a_form_of_another_site_is_refused(path: str) -> None:
    response = client(FakeView(key="right")).post(
        path, data={"key": "right"}, headers={"origin": "http://evil.example"}
    )

    assert response.status_code == 403
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b'{"key": "right"}', "application/json", 415),
        (b"key=right", "", 415),
        (b"key=" + b"a" * 10_000, "application/x-www-form-urlencoded", 413),
        (b"&".join([b"key=a"] * 20), "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 401),
        (b"key=%FF%00", "application/x-www-form-urlencoded; charset=utf-8", 401),
    ],
)
def test_a_form_that_is_none_of_ours_opens_nothing(
    body: bytes, media_type: str, status: int
) -> None:
    response = client(FakeView(key="right")).post(
        "/multillama/login", content=body, headers={"content-type": media_type}
    )

    assert response.status_code == status


def test_where_no_key_is_needed_there_is_no_login() -> None:
    asked = client(FakeView())

    answers = [
        asked.get("/multillama/login"),
        asked.post("/multillama/login", data={"key": "x"}),
        asked.post("/multillama/logout"),
    ]

    assert [(answer.status_code, answer.headers["location"]) for answer in answers] == [
        (303, "/")
    ] * 3
    assert "Sign out" not in asked.get("/").text


def test_pages_tell_other_sites_nothing_and_our_own_forms_where_they_are_from() -> None:
    assert client(FakeView()).get("/").headers["referrer-policy"] == "same-origin"


def test_each_refusal_has_the_header_that_belongs_to_it() -> None:
    kinds = ("invalid_api_key", "too_many_tries", "too_many_pages", "path_not_found")

    headers = [refusal_headers(GatewayError(kind, "")) for kind in kinds]

    assert headers == [
        {"www-authenticate": "Bearer"},
        {"retry-after": "60"},
        {"retry-after": "5"},
        {},
    ]
