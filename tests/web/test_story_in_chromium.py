"""The story of an exchange as people see it: at every width, in both schemes, by keyboard."""

import pytest
from playwright.sync_api import expect

from tests.web.browsing import Open, Serve, is_live
from tests.web.fakes import FakeView, busy_view, record, survived
from tests.web.test_look_in_chromium import CONTRAST, CUT

STORY = f"multillama/exchanges/{survived().id}"
LONG = "x" * 300


def crowded_view() -> FakeView:
    told = survived()
    told.model = told.text = LONG
    for row in told.attempts:
        row.endpoint = row.text = row.then = LONG
    view = FakeView()
    view.decisions = [told]
    return view


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("made", [FakeView, crowded_view])
def test_a_story_fits_its_window(
    serve: Serve, open_page: Open, made: type[FakeView], scheme: str
) -> None:
    page = open_page(serve(made()).url + STORY, color_scheme=scheme)

    misfits = {}
    for width in (320, 412, 640, 961, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide != width or page.evaluate(CUT):
            misfits[width] = (wide, page.evaluate(CUT))

    assert misfits == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_of_a_story_stands_out(serve: Serve, open_page: Open, scheme: str) -> None:
    page = open_page(serve(FakeView()).url + STORY, color_scheme=scheme)

    assert page.evaluate(CONTRAST) == []


def test_the_bars_show_when_each_attempt_ran(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(FakeView()).url + STORY, viewport={"width": 1280, "height": 800})

    left = page.evaluate(
        """() => [...document.querySelectorAll('.bar')].map((bar) => {
        const [whole, waited, answered] = [...bar.children].map((part) => part.getBoundingClientRect());
        return [(waited.left - whole.left) / whole.width, answered.width / whole.width]; })"""
    )

    assert [[round(part, 2) for part in bar] for bar in left] == [
        [0.05, 0.0], [0.05, 0.0], [0.16, 0.77],
    ]  # fmt: skip


def test_the_keyboard_leads_from_a_request_to_its_story_and_back(
    serve: Serve, open_page: Open
) -> None:
    view = busy_view()
    view.shown_recent = [record(1, id=survived().id, model="llama3.3:70b"), *view.recent()]
    page = open_page(serve(view).url)
    is_live(page)

    page.locator("#recent-rows a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".ending")).to_contain_text("200 from localhost:11434")
    page.get_by_role("link", name="All recent requests").press("Enter")

    expect(page.locator("#recent-rows")).to_be_visible()


def test_a_request_that_comes_in_later_leads_to_its_own_story(
    serve: Serve, open_page: Open
) -> None:
    view = FakeView(recent=[])
    page = open_page(serve(view).url)
    is_live(page)

    view.shown_recent = [record(7, model="late")]
    view.tell()

    expect(page.locator("#recent-rows a")).to_have_attribute(
        "href", "/multillama/exchanges/request-7"
    )


def test_a_story_is_named_for_people_who_hear_it(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(FakeView()).url + STORY)

    names = [
        page.get_by_role("table", name=name).get_by_role("row").count()
        for name in ("Attempts", "Choice")
    ]

    assert names == [4, 5]
    assert page.title() == "llama3.3:70b · 5f3a9c1e-2a · MultiLlama"


def test_arrow_keys_move_among_the_recent_requests(serve: Serve, open_page: Open) -> None:
    view = busy_view()
    page = open_page(serve(view).url)
    is_live(page)
    links = page.locator("#recent-rows a")

    links.first.focus()
    visited = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "Home", "ArrowUp", "End"):
        page.keyboard.press(key)
        visited.append(page.evaluate("document.activeElement.getAttribute('href')")[-1])

    assert visited == ["1", "2", "1", "0", "0", "9"]
    expect(page.locator("#recent-rows a[tabindex='0']")).to_have_count(1)
