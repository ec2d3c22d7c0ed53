"""A page whose name was pointed at this machine, in real Chromium: it reads none of what the gateway answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from multillama.testing.server import ScriptedServer
from tests.gateway import endpoints, running
from tests.web.conftest import CHROMIUM

STRANGER = "rebound.example"
READ = """async (options) => {
    const answer = await fetch("/v1/models", options);
    return [answer.status, await answer.text()];
}"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    log = tmp_path_factory.mktemp("gateway") / "log"
    with ScriptedServer(["m1"]) as server, running(*endpoints(server.url), log=log) as gateway:
        yield gateway.port


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    flags = ["--no-sandbox", "--disable-gpu", f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1"]
    assert Path(CHROMIUM).exists(), f"{CHROMIUM} is missing. Run: sudo apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"referrerPolicy": "no-referrer", "credentials": "omit"},
        {
            "referrerPolicy": "no-referrer",
            "headers": {"Accept-Language": "*", "User-Agent": "curl/8"},
        },
        {"referrerPolicy": "no-referrer", "headers": {"Sec-Fetch-Mode": "cors"}},
        {"referrerPolicy": "no-referrer", "mode": "no-cors"},
    ],
)
def test_a_rebound_page_reads_no_model_however_it_asks(
    port: int, page: Page, options: object
) -> None:
    page.goto(f"http://{STRANGER}:{port}/health")

    status, text = page.evaluate(READ, options)

    assert (status, json.loads(text)["error"]["code"]) == (403, "host_not_allowed")


def test_a_page_of_this_machine_reads_the_models(port: int, page: Page) -> None:
    page.goto(f"http://localhost:{port}/health")

    status, text = page.evaluate(READ, {})

    assert (status, [model["id"] for model in json.loads(text)["data"]]) == (200, ["m1"])
