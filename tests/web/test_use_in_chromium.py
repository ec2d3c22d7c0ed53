"""Searching, choosing and copying, by mouse and by keyboard."""

import re

from playwright.sync_api import Page, expect

from tests.web.browsing import Open, Serve, is_live, models_shown
from tests.web.fakes import FakeView, busy_view, endpoint, model


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
    for _ in range(10):
        page.keyboard.press("Tab")
        stops.append(focused(page))

    assert stops == [
        "Skip to the models", "base", "q", "gpt-5.2", "tab-curl", "text-curl", "curl example",
        "gpt-5.2", "/v1/models", "status.json",
    ]  # fmt: skip


def test_what_has_the_focus_can_be_seen(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url)
    is_live(page)

    outlines = []
    for _ in range(10):
        page.keyboard.press("Tab")
        outlines.append(
            page.evaluate(
                """(() => { const at = document.activeElement;
                const seen = at.type === 'radio' ? at.nextElementSibling : at;
                return getComputedStyle(seen).outlineStyle; })()"""
            )
        )

    assert outlines == ["solid"] * 10


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
