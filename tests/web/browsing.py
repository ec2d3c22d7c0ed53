"""The page served by uvicorn on a loopback port, and what tests look for in it."""

import socket
import threading
from collections.abc import Callable

import uvicorn
from playwright.sync_api import Page, expect

from multillama.web.app import build
from multillama.web.view import View


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


Serve = Callable[..., Served]
Open = Callable[..., Page]


def is_live(page: Page) -> None:
    expect(page.locator("#live-text")).to_have_text("Live")


def models_shown(page: Page) -> list[str]:
    return page.locator("#model-rows a").all_inner_texts()
