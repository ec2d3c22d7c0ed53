import subprocess
import sys

import pytest

from multillama import __version__
from multillama.cli.main import COMMAND, run
from multillama.config.schema import SETTINGS

URL, KEY = "http://localhost:11434/", "null"
HEAVY = {"uvloop", "httptools", "starlette", "jinja2", "uvicorn", "rich", "asyncio"}


def complaint_of(capsys, *args):
    code = run(args)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return code, err


def test_seed_the_readmes_command_serves_without_naming_a_verb(gateway):
    code = run(["--port", "3000", "--url", "https://api.openai.com/", "--key", "your-openai-key",
                "--url", "http://localhost:11434/", "--key", "null"])  # fmt: skip

    assert code == 0
    [settings] = gateway.served
    assert [(e.url, e.key) for e in settings.endpoints] == [
        ("https://api.openai.com/", "your-openai-key"),
        ("http://localhost:11434/", None),
    ]


def test_the_verb_can_be_named(gateway):
    assert run(["serve", "--port", "3000", "--url", URL, "--key", KEY]) == 0
    assert gateway.served[0].port == 3000


@pytest.mark.parametrize("args", [[], ["serve"], ["--url", URL, "--key", KEY]])
def test_seed_port_is_required(capsys, args):
    code, complaint = complaint_of(capsys, *args)

    assert code == 2
    assert "Port is required" in complaint
    assert "--port 3000" in complaint


def test_seed_number_of_keys_must_match_number_of_urls(capsys):
    code, complaint = complaint_of(capsys, "--port", "3000", "--url", URL)

    assert code == 2
    assert "Number of keys must match number of URLs" in complaint


def test_a_url_that_is_not_http_is_named(capsys):
    code, complaint = complaint_of(capsys, "--port", "3000", "--url", "ftp://a.b/", "--key", KEY)

    assert code == 2
    assert '"ftp://a.b/" is not an http or https URL' in complaint


@pytest.mark.parametrize("port", ["0", "65536", "http", "3000\nx"])
def test_a_port_out_of_range_is_one_line(capsys, port):
    code, complaint = complaint_of(capsys, "--port", port)

    assert code == 2
    assert "--port must be a whole number from 1 to 65535" in complaint


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--prot", "3000"], "No such option '--prot'. Did you mean --port? See"),
        (["models", "--jsn"], "Did you mean --json?"),
        (["--log", "json"], "Did you mean --log-format?"),
        (["--bogus"], "No such option '--bogus'. See"),
        (["--port"], "requires an argument"),
        (["modles"], 'There is no such command "modles". Did you mean models?'),
        (["-port", "3000"], "Options begin with two dashes, like --port."),
        (["--port", "3000", "--url", URL, "stray"], "1 of the words stand alone"),
        (["models", "a", "b"], "2 of the words stand alone"),
    ],
)
def test_wrong_usage_is_one_line_with_the_cure(capsys, args, expected):
    code, complaint = complaint_of(capsys, *args)

    assert code == 2
    assert expected in complaint
    assert complaint.endswith("See multillama --help.\n")


@pytest.mark.parametrize(
    "args",
    [
        ["sk-hunter2"],
        ["models", "sk-hunter2"],
        ["--port", "3000", "--url", URL, "sk-hunter2"],
        ["--port", "3000", "--kye=sk-hunter2"],
        ["--port", "3000", "-ksk-hunter2"],
        ["--port", "3000", "--url", URL, "--key", "hunter2 hunter2"],
        ["--port", "3000", "--url", "hunter2", "--key", URL],
    ],
)
def test_a_misplaced_key_is_not_repeated(capsys, args):
    code, complaint = complaint_of(capsys, *args)

    assert code == 2
    assert "hunter2" not in complaint


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_help_begins_with_examples_and_names_every_verb(capsys, flag):
    code = run([flag])

    out = capsys.readouterr().out
    assert code == 0
    assert out.index("Examples:") < out.index("Commands:") < out.index("--port PORT")
    assert all(f"\n  {verb} " in out for verb in COMMAND.commands)
    assert max(map(len, out.splitlines())) <= 80


def test_the_help_of_serve_has_every_setting(capsys):
    run(["serve", "--help"])

    out = capsys.readouterr().out
    assert [row.flag for row in SETTINGS if f"\n  {row.flag} " not in out] == []
    assert max(map(len, out.splitlines())) <= 80


def test_flags_may_come_before_a_call_for_help(capsys):
    assert run(["--port", "3000", "--help"]) == 0
    assert "Usage: multillama [serve]" in capsys.readouterr().out


def test_the_version_is_one_line(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"multillama {__version__}\n"


def test_ctrl_c_is_no_traceback(gateway, capsys):
    gateway.failure = KeyboardInterrupt()

    assert run(["--port", "3000", "--url", URL, "--key", KEY]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["--prot"], ["models", "--help"]])
def test_what_only_prints_imports_nothing_heavy(args):
    code = (
        "import sys\nfrom multillama.cli.main import run\nrun(sys.argv[1:])\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_program_ends_with_the_exit_code():
    done = subprocess.run(
        [sys.executable, "-m", "multillama", "--port", "0"], capture_output=True, text=True
    )

    assert done.returncode == 2
    assert done.stderr.startswith("Error: --port must be")
