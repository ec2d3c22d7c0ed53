"""What strangers try: names that are markup, forms of other sites, keys that are wrong."""

import re

from playwright.sync_api import Browser, expect

from tests.web.browsing import Open, Serve, is_live
from tests.web.fakes import FakeView, busy_view, endpoint, model, record

CANARY = "<img src=x onerror=\"document.title='caught'\">"


def test_strangers_words_stay_text_before_and_after_a_change(serve: Serve, open_page: Open) -> None:
    def hostile(number: int) -> FakeView:
        text = CANARY + str(number)
        return FakeView(
            [endpoint(text, url=text, provider=text, state="down", last_error=text)],
            [model(text, text)],
            [record(number, model=text, endpoint=text, outcome="failed", error_text=text)],
        )

    view = hostile(1)
    page = open_page(serve(view).url)
    is_live(page)
    expect(page.locator("#model-rows a")).to_have_text(f"{CANARY}1")

    for part in ("shown_endpoints", "shown_models", "shown_recent"):
        setattr(view, part, getattr(hostile(2), part))
    view.tell()
    page.locator("#model-rows a", has_text=f"{CANARY}2").click()

    expect(page.locator("#chosen")).to_have_text(f"{CANARY}2")
    expect(page.locator("#endpoints [data-f=trouble]")).to_contain_text(f"{CANARY}2")
    expect(page.locator("#recent-rows .note")).to_have_text(f"{CANARY}2")
    assert page.locator("img:not([src*='icon.svg'])").count() == 0
    assert page.title() == "1 down · MultiLlama"


def test_a_link_to_a_hostile_model_leads_back_to_it(serve: Serve, open_page: Open) -> None:
    name = "a&b=c#d?e/f%20'\"<>+ ü"
    view = FakeView([endpoint("a")], [model("first"), model(name)])
    page = open_page(serve(view).url)
    is_live(page)

    page.goto(page.evaluate("document.querySelectorAll('#model-rows a')[1].href"))

    expect(page.locator("#chosen")).to_have_text(name)


def test_the_key_opens_the_page_and_signing_out_closes_it(serve: Serve, browser: Browser) -> None:
    served = serve(busy_view(key="right"))
    page = browser.new_context().new_page()  # its console tells of the 401
    page.goto(served.url)

    page.get_by_label("API key").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not the gateway's key")
    page.get_by_label("API key").fill("right")
    page.get_by_role("button", name="Sign in").click()
    is_live(page)
    expect(page.locator("#text-python")).to_contain_text('os.environ["MULTILLAMA_API_KEY"]')
    scripts = page.evaluate("document.cookie")
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_label("API key")).to_be_focused()
    assert scripts == ""
    page.context.close()


def test_a_page_of_another_site_cannot_sign_in_for_us(serve: Serve, browser: Browser) -> None:
    served = serve(busy_view(key="right"))
    page = browser.new_context().new_page()
    page.set_content(
        f"<form method=post action='{served.url}multillama/login'><input name=key value=right></form>"
    )

    with page.expect_response(re.compile("multillama/login")) as answer:
        page.evaluate("document.querySelector('form').submit()")

    assert answer.value.status == 403
    page.context.close()


def test_a_page_whose_session_ended_says_so(serve: Serve, browser: Browser) -> None:
    served = serve(busy_view(key="right"))
    context = browser.new_context()
    page = context.new_page()
    page.goto(served.url)
    page.get_by_label("API key").fill("right")
    page.keyboard.press("Enter")
    is_live(page)

    context.request.post(f"{served.url}multillama/logout")

    expect(page.locator("#live-text")).to_have_text("Signed out: reload the page", timeout=9000)
    context.close()


def test_markup_that_gets_in_all_the_same_does_not_run(serve: Serve, browser: Browser) -> None:
    page = browser.new_context().new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text))
    page.goto(serve(busy_view()).url)

    page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = "document.title = 'caught'";
          document.body.append(script);
          document.body.insertAdjacentHTML('beforeend', '<p style="color: red" id="late">x</p>');
          document.body.insertAdjacentHTML('beforeend', `<img src=x onerror="document.title='caught'">`);
        }"""
    )
    red = page.evaluate("getComputedStyle(document.getElementById('late')).color")

    assert page.title() == "1 down · MultiLlama"
    assert red != "rgb(255, 0, 0)"
    assert any("Content Security Policy" in complaint for complaint in complaints)
    page.context.close()
