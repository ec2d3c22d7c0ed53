"""How news reach an open page."""

from playwright.sync_api import Browser, expect

from tests.web.browsing import Open, Serve, is_live
from tests.web.fakes import FakeView, busy_view, endpoint, model, record


def test_news_appear_without_a_reload(serve: Serve, open_page: Open) -> None:
    view = busy_view()
    page = open_page(serve(view).url)
    is_live(page)
    page.evaluate("document.body.dataset.loaded = 'once'")

    view.shown_endpoints = [endpoint("gpu.lan:8080", state="up", requests=956)]
    view.shown_recent = [record(77, model="just-now"), *view.recent()]
    view.shown_models = [*view.models(), model("brand-new")]
    view.tell()

    expect(page.locator("#recent-rows tr").first).to_contain_text("just-now")
    expect(page.locator("#endpoints tbody")).to_have_count(1)
    expect(page.locator("#endpoints tbody")).to_contain_text("956")
    expect(page.locator("#summary")).to_contain_text("1 of 1 endpoint up")
    expect(page.locator("#found")).to_have_text("21 of 21")
    expect(page).to_have_title("MultiLlama")
    assert page.evaluate("document.body.dataset.loaded") == "once"


def test_rows_that_stay_are_not_made_anew(serve: Serve, open_page: Open) -> None:
    view = busy_view()
    page = open_page(serve(view).url)
    is_live(page)
    page.evaluate(
        "document.querySelectorAll('#recent-rows tr, #endpoints tbody').forEach((row) => row.mark = 1)"
    )

    view.shown_recent = [record(77, model="just-now"), *view.recent()]
    view.tell()
    expect(page.locator("#recent-rows tr").first).to_contain_text("just-now")
    marks = page.evaluate(
        "[...document.querySelectorAll('#recent-rows tr, #endpoints tbody')].map((row) => row.mark ?? 0)"
    )

    assert marks == [1] * 4 + [0] + [1] * 10


def test_an_endpoint_that_goes_down_tells_what_to_do(serve: Serve, open_page: Open) -> None:
    view = FakeView([endpoint("localhost:11434")], [model("m")])
    page = open_page(serve(view).url)
    is_live(page)

    view.shown_endpoints = [
        endpoint(
            "localhost:11434", state="down", last_error="Connection refused.", last_error_age_s=2
        )
    ]
    view.tell()

    expect(page.locator("#endpoints .trouble")).to_contain_text(
        "Just now: Connection refused. Start this server, or check the port in its URL;"
    )
    expect(page).to_have_title("1 down · MultiLlama")


def test_the_empty_states_give_way_to_the_first_news(serve: Serve, open_page: Open) -> None:
    view = FakeView()
    page = open_page(serve(view).url)
    is_live(page)
    expect(page.locator("#no-endpoints, #no-models, #no-recent, #no-model-hint")).to_have_count(4)

    view.shown_endpoints, view.shown_models = [endpoint("a")], [model("first", "a")]
    view.shown_recent = [record(1)]
    view.tell()

    expect(page.locator("#endpoints")).to_be_visible()
    expect(page.locator("#model-rows a")).to_have_text("first")
    expect(page.locator("#recent-rows tr")).to_have_count(1)
    expect(page.locator("#text-curl")).to_contain_text('"model": "first"')
    for gone in ("#no-endpoints", "#no-models", "#no-recent", "#no-model-hint"):
        expect(page.locator(gone)).to_be_hidden()


def test_the_page_finds_its_way_back_after_a_restart(serve: Serve, browser: Browser) -> None:
    first = serve(FakeView([endpoint("before")]))
    page = browser.new_context().new_page()  # its console tells of the refused connections
    page.goto(first.url)
    is_live(page)

    first.stop()
    expect(page.locator("#live-text")).to_have_text("Reconnecting…")
    serve(FakeView([endpoint("after")]), first.port)

    expect(page.locator("#endpoints tbody")).to_contain_text("after", timeout=12_000)
    is_live(page)
    page.context.close()


def test_a_hidden_page_gives_its_connection_back(serve: Serve, open_page: Open) -> None:
    view = FakeView([endpoint("a")])
    page = open_page(serve(view).url)
    is_live(page)

    page.evaluate(
        """() => { Object.defineProperty(document, 'hidden', {value: true, configurable: true});
        document.dispatchEvent(new Event('visibilitychange')); }"""
    )
    view.shown_endpoints = [endpoint("a", requests=7)]
    view.tell()
    page.evaluate("fetch('/multillama/status.json').then((answer) => answer.text())")
    while_hidden = page.locator("#summary").inner_text()
    page.evaluate(
        "() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }"
    )

    assert "0 requests" in while_hidden
    expect(page.locator("#summary")).to_contain_text("7 requests")
