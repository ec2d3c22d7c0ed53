import io
import shlex
import sys

import pytest

from multillama.cli.init import key_as_written, write_private
from multillama.cli.main import run
from multillama.cli.serve import world
from multillama.config.schema import EndpointSetting
from multillama.config.sources import load_settings
from multillama.observe.lines import Redactor
from tests.cli.conftest import Detected, Listed, Look, Report

CANARY = "sk-CANARY-0123"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def found(gateway, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    gateway.found = Detected(
        (
            EndpointSetting(url="https://api.openai.com/", key=CANARY),
            EndpointSetting(url="http://localhost:11434/"),
        ),
        ("found OPENAI_API_KEY → https://api.openai.com/", "found Ollama"),
    )
    gateway.listed = Listed((Report("a", models=3), Report("b", error="refused")), ())
    return gateway


def answer(monkeypatch, *lines):
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def written(here):
    return load_settings({"config": str(here / "multillama.yaml")}, world())


def test_with_yes_all_that_is_found_is_written_and_can_be_served(found, here, capsys):
    code = run(["init", "--yes"])

    text = (here / "multillama.yaml").read_text()
    settings = written(here).settings
    assert code == 0
    assert [endpoint.url for endpoint in settings.endpoints] == [
        "https://api.openai.com/",
        "http://localhost:11434/",
    ]
    assert (settings.port, settings.host, settings.endpoints[0].key) == (3000, "localhost", CANARY)
    assert 'key: "env:OPENAI_API_KEY"' in text
    assert CANARY not in text + "".join(capsys.readouterr())


def test_what_was_found_is_probed_and_told(found, here, capsys):
    run(["init", "--yes"])

    assert [e.url for e in found.listed_for[0].endpoints][1] == "http://localhost:11434/"
    assert "failed: refused" in capsys.readouterr().err
    text = (here / "multillama.yaml").read_text()
    assert "# https://api.openai.com/: 3 models when this was written" in text
    assert "# http://localhost:11434/: did not answer when this was written" in text


def test_nobody_else_may_read_the_file(found, here):
    run(["init", "--yes"])

    assert (here / "multillama.yaml").stat().st_mode & 0o777 == 0o600
    assert written(here).warnings == ()


def test_nothing_is_overwritten_unasked(found, here, capsys):
    path = here / "multillama.yaml"
    path.write_text("mine")
    path.chmod(0o644)

    code = run(["init", "--yes"])
    kept = path.read_text()
    forced = run(["init", "--yes", "--force"])

    assert (code, kept, forced) == (1, "mine", 0)
    assert path.read_text() != "mine"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "--force overwrites it" in capsys.readouterr().err


def test_file_and_port_can_be_chosen(found, here):
    run(["init", "--yes", "--output", "other.yaml", "--port", "4000"])

    settings = load_settings({"config": str(here / "other.yaml")}, world()).settings
    assert settings.port == 4000
    assert found.own_ports == [4000]


def test_each_find_is_asked_for_and_more_can_be_named(found, here, monkeypatch):
    monkeypatch.setenv("NAS_KEY", "k")
    found.listed = Listed((Report("a", models=1), Report("b", models=1)), ())
    found.looks = [Look(wants_key=True)]
    answer(monkeypatch, "n", "y", "http://nas:8080/", "env:NAS_KEY", "", "n")

    code = run(["init"])

    settings = written(here).settings
    assert code == 0
    assert [(e.url, e.key) for e in settings.endpoints] == [
        ("http://localhost:11434/", None),
        ("http://nas:8080/", "k"),
    ]


def test_what_cannot_be_used_is_asked_for_again(gateway, here, monkeypatch, capsys):
    gateway.listed = Listed((Report("a", models=1),), ())
    gateway.looks = [Look(wants_key=True)]
    answer(monkeypatch, "nas:8080", "http://nas/", "env:UNSET_KEY", "", "y", "", "n")

    code = run(["init"])

    err = capsys.readouterr().err
    assert code == 0
    assert "is not an http or https URL" in err
    assert "UNSET_KEY is not set" in err
    assert [e.url for e in written(here).settings.endpoints] == ["http://nas/"]


UNREACHED = Look("It cannot be reached: connection refused.", is_reached=False, is_listed=False)


def test_a_url_is_looked_at_before_any_key_is_asked_for(gateway, here, monkeypatch, capsys):
    gateway.looks = [UNREACHED, Look("llama.cpp with 2 models")]
    gateway.listed = Listed((Report("a", models=2),), ())
    answer(monkeypatch, "http://nas:1/", "n", "http://nas:2/", "", "n")

    code = run(["init"])

    err = capsys.readouterr().err
    assert code == 0
    assert gateway.looked_at == [("http://nas:1/", None), ("http://nas:2/", None)]
    assert "connection refused" in err
    assert "Found llama.cpp with 2 models." in err
    assert "Its key" not in err
    assert [e.url for e in written(here).settings.endpoints] == ["http://nas:2/"]


def test_one_that_is_not_there_yet_can_be_written_all_the_same(gateway, here, monkeypatch):
    gateway.looks = [UNREACHED]
    gateway.listed = Listed((Report("a", error="refused"),), ())
    answer(monkeypatch, "http://nas:1/", "y", "", "n")

    run(["init"])

    assert [e.url for e in written(here).settings.endpoints] == ["http://nas:1/"]


def test_a_key_that_is_refused_is_asked_for_again(gateway, here, monkeypatch, capsys):
    monkeypatch.setenv("GROQ_API_KEY", "right")
    wants = Look(
        "The key was refused (401).", is_listed=False, wants_key=True, variable="GROQ_API_KEY"
    )
    gateway.looks = [wants, wants, Look("Groq with 9 models")]
    gateway.listed = Listed((Report("a", models=9),), ())
    answer(monkeypatch, "https://api.groq.com/", "wrong", "", "", "n")

    run(["init"])

    err = capsys.readouterr().err
    assert gateway.looked_at == [("https://api.groq.com/", key) for key in (None, "wrong", "right")]
    assert err.index("It is there, and wants a key.") < err.index("The key was refused (401).")
    assert "empty for env:GROQ_API_KEY" in err
    assert 'key: "env:GROQ_API_KEY"' in (here / "multillama.yaml").read_text()


def test_one_whose_key_is_not_at_hand_is_left_out(gateway, here, monkeypatch):
    gateway.looks = [Look(wants_key=True)]
    answer(monkeypatch, "http://nas/", "", "n", "", "n")

    code = run(["init"])

    assert code == 1
    assert not (here / "multillama.yaml").exists()


def test_the_advice_at_the_end_can_be_copied(found, here, monkeypatch, capsys):
    run(["init", "--yes", "--port", "4000", "--output", "my file.yaml"])

    lines = capsys.readouterr().err.splitlines()
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("  multi")]
    assert commands == [
        ["multillama", "doctor", "--config", "my file.yaml"],
        ["multillama", "--config", "my file.yaml"],
    ]
    assert (
        "# Is it well?                     multillama config check 'my file.yaml'\n"
        in (here / "my file.yaml").read_text()
    )
    assert "http://localhost:4000/v1 (key: any); the page is http://localhost:4000/" in lines[-1]


def test_for_other_machines_the_advice_names_the_key(found, here, monkeypatch, capsys):
    answer(monkeypatch, "y", "y", "", "y")

    run(["init"])

    assert "http://THIS-MACHINE:3000/v1 (key: the api_key in the file)" in capsys.readouterr().err


def test_for_other_machines_a_key_is_made(found, here, monkeypatch):
    answer(monkeypatch, "y", "y", "", "y")

    run(["init"])

    settings = written(here).settings
    assert settings.host == "0.0.0.0"
    assert len(settings.api_key) >= 32
    assert Redactor().clean_text(settings.api_key) == "***"


def test_with_yes_and_nothing_found_the_cure_is_told(gateway, here, capsys):
    code = run(["init", "--yes"])

    assert code == 1
    assert "without --yes" in capsys.readouterr().err
    assert not (here / "multillama.yaml").exists()


def test_a_key_of_an_unknown_variable_is_written_as_it_is():
    environ = {"OPENAI_API_KEY": "a", "MINE": "b"}

    written = [key_as_written(key, environ) for key in ("a", "b", None)]

    assert written == ["env:OPENAI_API_KEY", "b", None]


def test_a_folder_that_is_not_there_is_one_line(found, capsys):
    code = run(["init", "--yes", "--output", "nowhere/m.yaml"])

    assert code == 1
    assert "cannot be written (No such file or directory)" in capsys.readouterr().err


def test_the_file_comes_at_once_or_not_at_all(here):
    write_private(here / "m.yaml", "text")

    assert [path.name for path in here.iterdir()] == ["m.yaml"]
