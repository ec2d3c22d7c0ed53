"""How the page looks: at every width, in both schemes, without a script."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.browsing import Open, Serve, is_live
from tests.web.fakes import FakeView, busy_view, endpoint, model, record

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(serve: Serve, open_page: Open, scheme: str) -> None:
    page = open_page(serve(busy_view()).url, color_scheme=scheme, reduced_motion="reduce")
    is_live(page)

    weak = page.evaluate(CONTRAST)

    assert weak == []


def test_light_and_dark_are_two_grounds(serve: Serve, open_page: Open) -> None:
    served = serve(busy_view())

    grounds = [
        open_page(served.url, color_scheme=scheme).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]

    assert grounds == ["rgb(247, 247, 245)", "rgb(18, 20, 19)"]


def test_times_are_the_readers_own(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url, timezone_id="Asia/Kolkata", locale="en-GB")
    is_live(page)

    expect(page.locator("#recent-rows time").first).to_have_text("1 Jan 17:30")
    expect(page.locator("#zone")).to_be_empty()


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


def test_motion_stops_for_those_who_ask(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(busy_view()).url, reduced_motion="reduce")

    names = page.evaluate(
        "[...new Set([...document.querySelectorAll('*')].map((part) => getComputedStyle(part).animationName))]"
    )

    assert names == ["none"]
