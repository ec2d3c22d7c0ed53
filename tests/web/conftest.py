"""The page as people get it: served by uvicorn on a loopback port, opened in real headless Chromium."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from multillama.web.app import build
from multillama.web.view import View

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Of the module, not the session: its event loop runs in this thread for as long as it is open.
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"{CHROMIUM} is missing. Run: sudo apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        opened.close()


class Served:
    """One running gateway page."""

    def __init__(self, view: View, port: int = 0) -> None:
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self.socket.getsockname()[1]
        self.url = f"http://localhost:{self.port}/"
        self.app = build(view, version="1.2.3")
        config = uvicorn.Config(
            self.app, lifespan="off", access_log=False, log_level="error", server_header=False
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],))
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        # An event of that thread's loop; the loop wakes several times a second and sees it.
        self.app.state.live.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    running: list[Served] = []

    def start(view: View, port: int = 0) -> Served:
        running.append(Served(view, port))
        return running[-1]

    yield start
    for served in running:
        if served.thread.is_alive():
            served.stop()
