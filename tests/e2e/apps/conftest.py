"""Applications and SDKs of others, in front of gateways that pass and gateways that translate."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.apps.npm import installed
from tests.e2e.conftest import Models
from tests.gateway import Gateway, running

CHAT_ONLY = "  - url: {}\n    dialects: [openai.chat, openai.embeddings]\n"


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder with `node_modules`."""
    return installed()


@pytest.fixture(scope="session")
def chat_only(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose endpoints speak Chat Completions only: all else is translated."""
    folder = tmp_path_factory.mktemp("chat-only")
    settings = folder / "multillama.yaml"
    settings.write_text("endpoints:\n" + "".join(map(CHAT_ONLY.format, models)))
    with running("--config", str(settings), log=folder / "log") as gateway:
        yield gateway
