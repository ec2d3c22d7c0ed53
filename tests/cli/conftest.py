"""A gateway that is only a recorder, so that the command line is tested without sockets."""

import sys
from types import ModuleType
from typing import NamedTuple

import pytest

import multillama.app


class Report(NamedTuple):
    name: str
    url: str = "http://a.example/"
    provider: str = "openai"
    has_key: bool = True
    models: int = 0
    took_ms: float | None = 12.4
    error: str | None = None
    note: str | None = None


class Started(NamedTuple):
    url: str
    endpoints: tuple[Report, ...]
    notes: tuple[str, ...] = ()


class Listed(NamedTuple):
    endpoints: tuple[Report, ...]
    models: tuple[tuple[str, tuple[str, ...]], ...]


class Look(NamedTuple):
    text: str = "llama.cpp with 1 model"
    is_reached: bool = True
    is_listed: bool = True
    wants_key: bool = False
    variable: str | None = None


class Detected(NamedTuple):
    endpoints: tuple[object, ...] = ()
    lines: tuple[str, ...] = ()


class StartError(Exception):
    pass


class FakeGateway(ModuleType):
    """Stands in for `multillama.app.gateway`; tests set what it finds and read what it got."""

    StartError = StartError

    def __init__(self):
        super().__init__("multillama.app.gateway")
        self.served = []
        self.sources = []
        self.listed_for = []
        self.own_ports = []
        self.started = Started("http://localhost:3000", (Report("api.openai.com", models=1),))
        self.failure = None
        self.found = Detected()
        self.listed = Listed((), ())
        self.waiting = ()
        self.looks = []
        self.looked_at = []

    def serve(self, settings, *, on_listening, on_started, source=None):
        self.served.append(settings)
        self.sources.append(source)
        if self.failure:
            raise self.failure
        on_listening(self.started.url)
        on_started(self.started)

    def detect(self, environ, *, own_port):
        self.own_ports.append(own_port)
        return self.found

    def look_at(self, setting):
        self.looked_at.append((setting.url, setting.key))
        return self.looks.pop(0) if self.looks else Look()

    def list_models(self, settings, *, on_waiting):
        self.listed_for.append(settings)
        if self.waiting:
            on_waiting(self.waiting)
        return self.listed


@pytest.fixture
def gateway(monkeypatch):
    fake = FakeGateway()
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    monkeypatch.setattr(multillama.app, "gateway", fake, raising=False)
    return fake


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    """No setting of the machine that runs the tests may reach them."""
    import os

    for name in [name for name in os.environ if name.startswith("MULTILLAMA_")]:
        monkeypatch.delenv(name)
