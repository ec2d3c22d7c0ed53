import json
import os
import sys

import pytest

from multillama.cli.config import table_text
from multillama.cli.main import run
from multillama.control.effective import Fact
from multillama.control.json_schema import json_schema


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("listen: {port: 3001}\nendpoints: [{url: http://a/, key: sk-CANARY}]\n")
    path.chmod(0o600)
    return path


def test_a_file_without_faults_is_well(file, capsys):
    code = run(["config", "check", str(file)])

    out, err = capsys.readouterr()
    assert (code, out) == (0, f"{file}: well, with 1 endpoint, 0 aliases, 0 policies\n")
    assert err.startswith(f"Warning: {file}:2: endpoints[0].key: the key itself stands here")
    assert "CANARY" not in out + err


def test_a_file_that_compares_prices_is_told_of_the_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    path = tmp_path / "m.yaml"
    path.write_text("endpoints: [{url: https://api.openai.com/}]\nrouting: {strategy: cheapest}\n")

    code = run(["config", "check", str(path)])

    err = capsys.readouterr().err
    assert code == 0
    assert err.startswith("Note: strategy cheapest knows")
    assert "multillama[prices]" in err


def test_all_faults_are_lines_and_exit_code_2(file, capsys):
    file.write_text("lisen: {}\nendpoints: [{url: http://a/, provider: olama, tier: -1}]\n")

    code = run(["config", "check", str(file)])

    assert code == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:1: lisen: unknown key, did you mean listen?",
        f"{file}:2: endpoints[0].tier: must be a whole number from 0 to 99",
        f"{file}:2: endpoints[0].provider: unknown kind of server, did you mean ollama?",
    ]


def test_the_variable_names_the_file_too(file, capsys, monkeypatch):
    monkeypatch.setenv("MULTILLAMA_CONFIG", str(file))

    assert run(["config", "check"]) == 0


def test_without_a_file_the_cure_is_told(capsys):
    assert run(["config", "check"]) == 2
    assert "Name the file, or set MULTILLAMA_CONFIG." in capsys.readouterr().err


def test_a_file_that_is_not_there_is_one_line(tmp_path, capsys):
    code = run(["config", "check", str(tmp_path / "none.yaml")])

    err = capsys.readouterr().err
    assert code == 2
    assert "none.yaml (No such file or directory)" in err
    assert err.count("\n") == 1


def test_values_and_who_said_them_are_shown(file, capsys):
    code = run(["config", "show", "--config", str(file), "--drain-s", "7"])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert ["listen.port", "3001", f"{file}:1"] in lines
    assert ["timeouts.drain_s", "7.0", "--drain-s"] in lines
    assert ["limits.max_body_bytes", "67108864", "default"] in lines
    assert ["endpoints[0].key", '"***"', f"{file}:2"] in lines


def test_json_is_for_programs(file, capsys):
    run(["config", "show", "--config", str(file), "--json"])

    rows = json.loads(capsys.readouterr().out)["settings"]
    assert {"name": "listen.port", "value": 3001, "from": f"{file}:1"} in rows
    assert "CANARY" not in str(rows)


def test_a_strangers_text_stays_in_its_line():
    text = table_text([Fact("aliases.x\n", "a\x1b[31m", "m\n.yaml")])

    assert text.count("\n") == 0
    assert "\x1b" not in text


def test_the_schema_is_printed(capsys):
    code = run(["config", "schema"])

    assert (code, json.loads(capsys.readouterr().out)) == (0, json_schema())


def test_another_word_is_not_repeated(capsys):
    assert run(["config", "sk-CANARY"]) == 2

    err = capsys.readouterr().err
    assert "check, show, schema" in err
    assert "CANARY" not in err


@pytest.mark.parametrize("args", [["config", "--help"], ["config", "check", "--help"]])
def test_help_is_there(capsys, args):
    assert run(args) == 0
    assert "multillama config check multillama.yaml" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 100_000, "listen: {port: !!bool foo}", "listen: {port: !!float ''}"]
)
def test_a_file_that_would_break_its_reader_is_one_line(file, capsys, text):
    file.write_text(text)

    code = run(["config", "check", str(file)])

    err = capsys.readouterr().err
    assert code == 2
    assert err.startswith(f"{file}:1: ")
    assert err.count("\n") == 1


@pytest.mark.timeout(10)
def test_a_fifo_is_one_line(tmp_path, capsys):
    os.mkfifo(tmp_path / "m.yaml")

    code = run(["config", "check", str(tmp_path / "m.yaml")])

    err = capsys.readouterr().err
    assert code == 2
    assert "m.yaml (it is not a regular file)" in err
    assert err.count("\n") == 1


def test_a_misspelt_verb_is_recognised(capsys):
    code = run(["config", "chekc"])

    assert code == 2
    assert "has the commands check, show, schema, did you mean check?" in capsys.readouterr().err
