"""Clients from npm, in front of gateways that pass and gateways that translate."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from multillama.cli.demo_process import find_weights, local_endpoints
from tests.e2e.conftest import Models
from tests.e2e.npm.judging import Findings, judge
from tests.e2e.npm.packages import installed
from tests.e2e.npm.programs import Programs
from tests.gateway import Gateway, running

BRIEF = Path(__file__).with_name("brief_server.py")
DIALECTS = {"passing": [], "translating": ["openai.chat", "openai.embeddings"]}
"""What the endpoints may be asked in; nothing is all that they speak."""

Front = Callable[..., contextlib.AbstractContextManager[Gateway]]


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder with `node_modules`."""
    return installed()


@pytest.fixture(scope="session")
def brief() -> Iterator[str]:
    """The URL of a model that is always brief."""
    with local_endpoints([sys.executable, "-P", str(BRIEF), str(find_weights())]) as settings:
        yield settings[0].url


@pytest.fixture
def front(tmp_path: Path) -> Front:
    """Returns what runs a gateway of the test's own before these URLs: `front(url, way="translating")`."""

    def run(
        *urls: str, way: str = "passing", **more: str
    ) -> contextlib.AbstractContextManager[Gateway]:
        folder = tmp_path / "gateway"
        folder.mkdir()
        rows = [{"url": url, "dialects": DIALECTS[way], **more} for url in urls]
        settings = folder / "multillama.json"
        settings.write_text(json.dumps({"endpoints": rows}))
        return running("--config", str(settings), log=folder / "log")

    return run


@pytest.fixture(scope="session")
def chat_only(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose endpoints speak Chat Completions only: all else is translated."""
    folder = tmp_path_factory.mktemp("chat-only")
    settings = folder / "multillama.json"
    rows = [{"url": url, "dialects": DIALECTS["translating"]} for url in models]
    settings.write_text(json.dumps({"endpoints": rows}))
    with running("--config", str(settings), log=folder / "log") as gateway:
        yield gateway


@pytest.fixture
def programs(packages: Path, tmp_path: Path) -> Programs:
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    return Programs(packages, home, work)


@pytest.fixture(scope="session")
def judged(packages: Path) -> Callable[[str, Gateway], Findings]:
    """Returns what a judge found at a gateway; it runs once for each."""
    known: dict[tuple[str, str], Findings] = {}

    def look(script: str, gateway: Gateway) -> Findings:
        key = script, gateway.url
        if key not in known:
            known[key] = judge(packages, script, gateway.url)
        return known[key]

    return look
