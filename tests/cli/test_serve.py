import subprocess
import sys

import pytest

from multillama.cli.files import read_file
from multillama.cli.main import run
from multillama.cli.serve import is_loopback
from multillama.config.load import BadSetting
from multillama.config.schema import EndpointSetting
from tests.cli.conftest import Detected, Report, Started, StartError

ENDPOINT = ["--url", "http://localhost:11434/", "--key", "null"]
SERVE = ["--port", "3000", *ENDPOINT]


def test_the_address_and_the_endpoints_are_shown(gateway, capsys):
    gateway.started = Started(
        "http://localhost:3000/",
        (Report("api.openai.com", models=2), Report("b", has_key=False, error="refused")),
    )

    code = run(SERVE)

    out, err = capsys.readouterr()
    assert (code, out) == (0, "")
    assert "listens on http://localhost:3000 " in err
    assert "endpoint api.openai.com (openai, key given): 2 models" in err
    assert "endpoint b (openai, no key): failed: refused" in err
    assert "tried again in the background" in err
    assert "Base URL for clients: http://localhost:3000/v1" in err


def test_notes_are_shown_after_the_endpoints(gateway, capsys):
    gateway.started = Started("http://localhost:3000/", (Report("a", models=2),), ("Mind this.",))

    run(SERVE)

    assert "Note: Mind this.\n" in capsys.readouterr().err


def test_nothing_is_promised_where_nothing_failed(gateway, capsys):
    run(SERVE)

    assert "tried again" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "Port 3000 is in use. Choose another with --port.",
        "The host nowhere.invalid is not known. Check --host.",
    ],
)
def test_a_start_that_fails_is_one_line_and_exit_code_1(gateway, capsys, text):
    gateway.failure = StartError(text)

    code = run([*SERVE, "--host", "0.0.0.0"])

    assert code == 1
    assert capsys.readouterr().err == f"Error: {text}\n"


def test_a_setting_that_only_the_gateway_can_judge_is_wrong_usage(gateway, capsys):
    gateway.failure = BadSetting("Endpoint 1: leave out the password.")

    assert run(SERVE) == 2
    assert capsys.readouterr().err == "Error: Endpoint 1: leave out the password.\n"


# the network


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "my-box"])
def test_listening_beyond_loopback_without_a_key_warns_and_works(gateway, capsys, host):
    code = run([*SERVE, "--host", host])

    assert code == 0
    assert gateway.served[0].host == host
    assert f"WARNING: anyone who can reach {host}:3000" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more", [["--host", "127.0.0.1"], [], ["--host", "0.0.0.0", "--api-key", "k"]]
)
def test_what_is_safe_warns_of_nothing(gateway, capsys, more):
    run([*SERVE, *more])

    assert "WARNING" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LocalHost", True),
        ("app.localhost", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_only_this_machine_is_loopback(host, expected):
    assert is_loopback(host) is expected


# no --url


def test_without_a_url_what_is_found_is_used_and_told(gateway, capsys):
    found = EndpointSetting(url="http://localhost:11434/")
    gateway.found = Detected((found,), ("http://localhost:11434/ (ollama)\x1b[31m",))

    code = run(["--port", "3000"])

    err = capsys.readouterr().err
    assert code == 0
    assert gateway.served[0].endpoints == (found,)
    assert gateway.own_ports == [3000]
    assert "found on this machine:\n  http://localhost:11434/ (ollama) [31m\n" in err
    assert "give each endpoint as --url URL --key KEY" in err


def test_without_a_url_and_nothing_found_the_help_is_practical(gateway, capsys):
    code = run(["--port", "3000"])

    err = capsys.readouterr().err
    assert code == 2
    assert gateway.served == []
    assert "--url https://api.openai.com/ --key env:OPENAI_API_KEY" in err
    assert "multillama demo" in err


# keys


def test_a_key_can_be_a_file_in_the_home_directory(gateway, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("sk-1\n")

    run(["--port", "3000", "--url", "http://a.example/", "--key", "file:~/key"])

    assert gateway.served[0].endpoints[0].key == "sk-1"


def test_a_missing_key_file_is_one_line(gateway, capsys, tmp_path):
    code = run(["--port", "3000", "--url", "http://a/", "--key", f"file:{tmp_path}/nowhere"])

    err = capsys.readouterr().err
    assert code == 2
    assert f"cannot read {tmp_path}/nowhere (No such file or directory)" in err


def test_a_file_is_read_as_utf_8(tmp_path):
    (tmp_path / "key").write_bytes("ü".encode())

    assert read_file(str(tmp_path / "key")) == "ü"


@pytest.mark.parametrize(("worked", "told"), [(True, False), (False, True)])
def test_keys_that_ps_shows_are_told_of(gateway, capsys, monkeypatch, worked, told):
    seen = []
    monkeypatch.setattr("multillama.cli.serve.blank_keys", lambda keys: seen.append(keys) or worked)

    run(["--port", "3000", "--url", "http://a/", "--key", "sk-1"])

    assert seen == [("sk-1",)]
    assert ("ps shows the keys" in capsys.readouterr().err) is told


def test_without_a_literal_key_the_command_line_is_left_alone(gateway, monkeypatch):
    monkeypatch.setattr("multillama.cli.serve.blank_keys", lambda keys: pytest.fail("touched"))

    assert run(SERVE) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_running_gateway_shows_no_key_in_its_command_line():
    code = (
        "import sys, types\n"
        "import multillama.app\n"
        "fake = types.ModuleType('multillama.app.gateway')\n"
        "fake.StartError = OSError\n"
        "fake.serve = lambda *a, **k: print(open('/proc/self/cmdline').read())\n"
        "sys.modules['multillama.app.gateway'] = fake\n"
        "from multillama.cli.main import run\nrun(sys.argv[1:])"
    )
    args = ["--port", "3000", "--url", "http://a/", "--key", "sk-hunter2", "--api-key=hunter3"]

    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=True
    )

    assert "**********" in done.stdout
    assert "hunter" not in done.stdout


def test_an_open_ipv6_address_is_warned_of_in_brackets(gateway, capsys):
    run([*SERVE, "--host", "::"])

    assert "WARNING: anyone who can reach [::]:3000 can" in capsys.readouterr().err


# the configuration file


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "multillama.yaml"
    path.write_text("listen: {port: 3001}\nendpoints: [{url: http://a.example/, name: a}]\n")
    return path


@pytest.mark.parametrize("verb", [[], ["serve"]])
def test_a_file_is_enough_to_serve(gateway, config, verb):
    code = run([*verb, "--config", str(config)])

    assert code == 0
    assert (gateway.served[0].port, gateway.served[0].endpoints[0].name) == (3001, "a")


def test_a_variable_can_name_the_file(gateway, config, monkeypatch):
    monkeypatch.setenv("MULTILLAMA_CONFIG", str(config))

    run([])

    assert gateway.served[0].port == 3001


def test_endpoints_of_the_command_line_are_added_in_front(gateway, config):
    run(["--config", str(config), *ENDPOINT])

    urls = [endpoint.url for endpoint in gateway.served[0].endpoints]
    assert urls == ["http://localhost:11434/", "http://a.example/"]


def test_all_faults_of_the_file_are_lines_that_begin_with_file_and_line(gateway, config, capsys):
    config.write_text("listen: {prot: 1}\nendpoints: [{ulr: x}]\n")

    code = run(["--config", str(config)])

    assert (code, gateway.served) == (2, [])
    assert capsys.readouterr().err.splitlines() == [
        f"{config}:1: listen.prot: unknown key, did you mean port?",
        f"{config}:2: endpoints[0].ulr: unknown key, did you mean url?",
        f"{config}:2: endpoints[0]: url is missing",
    ]


def test_a_provider_that_nobody_knows_is_found_with_its_line(gateway, config, capsys):
    config.write_text("listen: {port: 1}\nendpoints: [{url: http://a/, provider: olama}]\n")

    run(["--config", str(config)])

    assert capsys.readouterr().err == (
        f"{config}:2: endpoints[0].provider: unknown kind of server, did you mean ollama?\n"
    )


def test_a_key_in_the_file_is_warned_of_and_not_shown(gateway, config, capsys):
    config.write_text("listen: {port: 1}\nendpoints: [{url: http://a/, key: sk-CANARY}]\n")
    config.chmod(0o644)

    run(["--config", str(config)])

    err = capsys.readouterr().err
    assert f"Warning: {config}:2: endpoints[0].key: the key itself stands here" in err
    assert "chmod 600" in err
    assert "CANARY" not in err


def test_the_gateway_is_told_how_to_read_the_file_again(gateway, config):
    run(["--config", str(config), "--drain-s", "7"])
    config.write_text("listen: {port: 3001}\nendpoints: [{url: http://b.example/}]\n")

    again = gateway.sources[0].load()

    assert [endpoint.url for endpoint in again.settings.endpoints] == ["http://b.example/"]
    assert (again.settings.drain_s, again.paths) == (7, (str(config),))


def test_without_a_file_there_is_nothing_to_read_again(gateway):
    run(SERVE)

    assert gateway.sources == [None]


def test_what_was_found_on_this_machine_stays_when_the_file_still_names_none(
    gateway, config, capsys
):
    found = EndpointSetting(url="http://localhost:11434/")
    gateway.found = Detected((found,), ("http://localhost:11434/",))
    config.write_text("listen: {port: 3001}\n")
    run(["--config", str(config)])
    config.write_text("listen: {port: 3001}\nrefresh_s: 5\n")

    again = gateway.sources[0].load()

    assert again.settings.endpoints == (found,)
