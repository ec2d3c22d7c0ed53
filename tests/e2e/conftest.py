"""The real thing: llama.cpp with real weights behind the real command, driven by the SDKs that people use."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from openai import AsyncOpenAI, OpenAI

from multillama.cli.demo_process import find_weights, local_endpoints, missing_packages
from tests.gateway import Gateway, endpoints, running

SERVERS = Path(__file__).with_name("model_servers.py")
TIMEOUT_S = 50
"""For an answer of the model on a busy machine."""


class Models(NamedTuple):
    """The URLs of the three servers."""

    chat: str
    embeddings: str
    tools: str


@pytest.fixture(scope="session")
def models() -> Iterator[Models]:
    weights = find_weights()
    assert not missing_packages(weights), "run `make setup`: the demo's packages are not installed"
    with local_endpoints([sys.executable, "-P", str(SERVERS), str(weights)]) as settings:
        yield Models(*(setting.url for setting in settings))


@pytest.fixture(scope="session")
def gateway(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway in front of the three servers."""
    with running(*endpoints(*models), log=tmp_path_factory.mktemp("gateway") / "log") as gateway:
        yield gateway


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    with OpenAI(
        base_url=f"{gateway.url}/v1", api_key="none", max_retries=0, timeout=TIMEOUT_S
    ) as client:
        yield client


@pytest.fixture
async def async_client(gateway: Gateway) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key="none", max_retries=0, timeout=TIMEOUT_S
    ) as client:
        yield client


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a gateway of the test's own writes its log."""
    return tmp_path / "log"
