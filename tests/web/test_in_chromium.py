"""What only a real browser can tell: layout, policy, live updates, keyboard, copying."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.web.conftest import Served
from tests.web.fakes import FakeView, busy_view, endpoint, model, record

Serve = Callable[..., Served]
Open = Callable[..., Page]

CANARY = "<img src=x onerror=\"document.title='caught'\">"


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens a page; at the end of the test no page may have complained of anything."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def start(url: str, **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(8000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(f"{line.type}: {line.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.goto(url)
        return page

    yield start
    for context in contexts:
        context.close()
    assert complaints == []


def is_live(page: Page) -> None:
    expect(page.locator("#live-text")).to_have_text("Live")


def models_shown(page: Page) -> list[str]:
    return page.locator("#model-rows a").all_inner_texts()


LONG = "x" * 300


def crowded_view() -> FakeView:
    view = busy_view()
    view.shown_endpoints = [
        *view.endpoints(),
        endpoint(LONG, url=f"http://{LONG}/", provider=LONG, state="down", last_error=LONG),
    ]
    view.shown_models = [model(LONG, LONG, LONG), *view.models()]
    view.shown_recent = [
        record(99, model=LONG, endpoint=LONG, outcome="failed", error_text=LONG, operation=LONG),
        *view.recent(),
    ]
    return view


# Cells and words that leave the window, or are wider than the column that holds them.
CUT = """() => [...document.querySelectorAll('.panel td, .panel th, .panel p, .panel h2, .top *')]
  .filter((part) => part.checkVisibility() && !part.closest('.unseen, thead'))
  .filter((part) => part.getBoundingClientRect().right > innerWidth
    || (part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display === 'table-cell'))
  .map((part) => part.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("made", [busy_view, crowded_view, FakeView])
def test_the_page_fits_its_window(
    serve: Serve, open_page: Open, made: Callable[[], FakeView], scheme: str
) -> None:
    page = open_page(serve(made()).url, color_scheme=scheme)
    is_live(page)

    misfits = {}
    for width in (320, 412, 640, 800, 961, 1024, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide != width or page.evaluate(CUT):
            misfits[width] = (wide, page.evaluate(CUT))

    assert misfits == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(serve: Serve, open_page: Open, scheme: str) -> None:
    page = open_page(serve(busy_view()).url, color_scheme=scheme, reduced_motion="reduce")
    is_live(page)

    weak = page.evaluate(CONTRAST)

    assert weak == []


# WCAG 2.2 §1.4.3: 4.5 to 1 for text of ordinary size.
CONTRAST = """() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (css) => css.match(/[\\d.]+/g).map(Number);
  const ground = (part) => {
    for (; part; part = part.parentElement) {
      const color = parts(getComputedStyle(part).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const part of document.querySelectorAll('body *')) {
    const hasText = [...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasText || !part.checkVisibility() || part.closest('.unseen')) continue;
    const [a, b] = [light(parts(getComputedStyle(part).color)), light(ground(part))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push(`${part.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return weak;
}"""


def test_light_and_dark_are_two_grounds(serve: Serve, open_page: Open) -> None:
    served = serve(busy_view())

    grounds = [
        open_page(served.url, color_scheme=scheme).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]

    assert grounds == ["rgb(247, 247, 245)", "rgb(18, 20, 19)"]


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
        "Just now: Connection refused. Start this server, or check the port in its --url."
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


def test_search_filters_as_one_types(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url)
    is_live(page)

    page.locator("#q").press_sequentially("mini OPENAI")
    found = models_shown(page)
    count = page.locator("#found").inner_text()
    page.locator("#q").fill("nothing like it")

    assert found == ["gpt-5.2-mini", "gpt-4o-mini", "o4-mini"]
    assert count == "3 of 20"
    expect(page.locator("#no-match")).to_be_visible()


def test_search_works_with_thousands_of_models(serve: Serve, open_page: Open) -> None:
    models = [model(f"org/model-{number:05}") for number in range(10_000)]
    page = open_page(serve(FakeView([endpoint("a")], models)).url)
    expect(page.locator("#more")).to_be_visible()
    drawn = len(models_shown(page))

    took_ms = page.evaluate(
        """() => { const started = performance.now(); const q = document.getElementById('q');
        q.value = '-0999'; q.dispatchEvent(new Event('input')); return performance.now() - started; }"""
    )

    assert drawn == 100
    assert models_shown(page) == [f"org/model-0999{number}" for number in range(10)]
    assert took_ms < 200


def test_more_models_are_shown_on_demand(serve: Serve, open_page: Open) -> None:
    models = [model(f"m-{number}") for number in range(250)]
    page = open_page(serve(FakeView([endpoint("a")], models)).url)

    page.locator("#more").click()

    assert len(models_shown(page)) == 250
    expect(page.locator("#more")).to_be_hidden()


def test_slash_goes_to_the_search_and_escape_clears_it(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url)
    is_live(page)

    page.keyboard.press("/")
    page.keyboard.type("a/b")
    typed = page.locator("#q").input_value()
    page.keyboard.press("Escape")

    assert typed == "a/b"
    assert page.locator("#q").input_value() == ""
    assert len(models_shown(page)) == 20


def focused(page: Page) -> str:
    return page.evaluate(
        "(({id, dataset, ariaLabel, textContent}) => id || dataset.copy || ariaLabel || textContent.trim())"
        "(document.activeElement)"
    )


def test_the_tabulator_visits_each_part_once_in_order(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url)
    is_live(page)
    expect(page.locator("#model-rows a[tabindex='-1']")).to_have_count(19)

    stops = []
    for _ in range(9):
        page.keyboard.press("Tab")
        stops.append(focused(page))

    assert stops == [
        "Skip to the models", "base", "q", "gpt-5.2", "tab-curl", "text-curl", "curl example",
        "/v1/models", "status.json",
    ]  # fmt: skip


def test_what_has_the_focus_can_be_seen(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url)
    is_live(page)

    outlines = []
    for _ in range(9):
        page.keyboard.press("Tab")
        outlines.append(
            page.evaluate(
                """(() => { const at = document.activeElement;
                const seen = at.type === 'radio' ? at.nextElementSibling : at;
                return getComputedStyle(seen).outlineStyle; })()"""
            )
        )

    assert outlines == ["solid"] * 9


def test_the_skip_link_skips(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url)
    is_live(page)

    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert focused(page) == "q"


def test_arrow_keys_move_in_the_list_and_enter_chooses(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url)
    is_live(page)

    page.keyboard.press("/")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
        page.keyboard.press(key)

    expect(page.locator("#chosen")).to_have_text("gpt-5.2-mini")
    expect(page.locator("#text-curl")).to_contain_text('"model": "gpt-5.2-mini"')
    expect(page.locator("#said")).to_have_text("The examples use gpt-5.2-mini")
    assert page.locator("[aria-current]").inner_text().startswith("gpt-5.2-mini")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    assert focused(page) == "q"


def test_arrow_keys_change_the_language(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url)
    page.locator("#tab-curl").focus()

    page.keyboard.press("ArrowRight")

    expect(page.locator("#text-python")).to_be_visible()
    expect(page.locator("#text-curl")).to_be_hidden()


def test_an_embedding_model_changes_the_examples(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url)
    is_live(page)

    page.locator("#model-rows a", has_text="nomic-embed-text").click()

    expect(page.locator("#text-curl")).to_contain_text("/v1/embeddings")


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
    expect(page.locator("#endpoints .error")).to_contain_text(f"{CANARY}2")
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


def test_copying_puts_the_example_on_the_clipboard(serve: Serve, open_page: Open) -> None:
    served = serve(busy_view())
    page = open_page(served.url, permissions=["clipboard-read", "clipboard-write"])
    is_live(page)

    page.get_by_role("button", name="Copy the curl example").click()
    expect(page.locator("#panel-curl .copy")).to_have_text("Copied")
    expect(page.locator("#said")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")

    assert copied == page.locator("#text-curl").inner_text()
    assert copied.startswith(f"curl {served.url}v1/chat/completions ")


def test_copying_works_where_the_clipboard_is_closed(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url)
    is_live(page)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.evaluate(
        "document.addEventListener('copy', () => { document.body.dataset.copied = getSelection() })"
    )

    page.get_by_role("button", name="Copy", exact=True).click()

    expect(page.locator("body")).to_have_attribute(
        "data-copied", re.compile(r"^http://localhost:\d+/v1$")
    )


def test_the_examples_show_the_address_the_browser_sees(serve: Serve, open_page: Open) -> None:
    served = serve(busy_view())

    page = open_page(served.url.replace("localhost", "127.0.0.1"))

    expect(page.locator("#base")).to_have_text(f"http://127.0.0.1:{served.port}/v1")
    expect(page.locator("#text-curl")).to_contain_text(f"curl http://127.0.0.1:{served.port}/v1/")


def test_times_are_the_readers_own(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url, timezone_id="Asia/Kolkata", locale="en-GB")
    is_live(page)

    expect(page.locator("#recent-rows time").first).to_have_text("1 Jan 17:30:00")
    expect(page.locator("#zone")).to_be_empty()


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


def test_everything_can_be_read_without_a_script(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url, java_script_enabled=False)

    expect(page.locator("#endpoints")).to_contain_text("Connection refused")
    page.locator("#q").fill("qwen")
    page.keyboard.press("Enter")
    expect(page.locator("#model-rows a")).to_have_count(2)
    page.locator("#model-rows a").first.click()
    expect(page.locator("#chosen")).to_have_text("qwen3:32b")
    page.locator("label", has_text="Python").click()

    expect(page.locator("#text-python")).to_be_visible()
    expect(page.locator("#panel-python button")).to_be_hidden()


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


def test_motion_stops_for_those_who_ask(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url, reduced_motion="reduce")

    names = page.evaluate(
        "[...new Set([...document.querySelectorAll('*')].map((part) => getComputedStyle(part).animationName))]"
    )

    assert names == ["none"]
