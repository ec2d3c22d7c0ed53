from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.http.process import KEY, running
from tests.http.recorder import Recorder, RecorderThread


class Served(NamedTuple):
    """A gateway and the endpoint behind it."""

    port: int
    recorder: Recorder


@pytest.fixture
def gateway(open_gateway: Served) -> Served:
    """A gateway without a key of its own, whose endpoint has seen nothing yet."""
    open_gateway.recorder.take()
    return open_gateway


@pytest.fixture(scope="session")
def open_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("gateway") / "log"
    with RecorderThread() as recorder, running(recorder.port, log) as port:
        yield Served(port, recorder)


@pytest.fixture(scope="session")
def locked_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that demands a key."""
    log = tmp_path_factory.mktemp("locked") / "log"
    with RecorderThread() as recorder, running(recorder.port, log, "--api-key", KEY) as port:
        yield Served(port, recorder)


@pytest.fixture(scope="session")
def hasty_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that waits for nobody: for what its time limits do."""
    log = tmp_path_factory.mktemp("hasty") / "log"
    flags = ("--header-timeout-s", "0.3", "--body-timeout-s", "0.3", "--keep-alive-s", "0.6")
    with RecorderThread() as recorder, running(recorder.port, log, *flags) as port:
        yield Served(port, recorder)
