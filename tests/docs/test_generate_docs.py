"""The generated parts of the docs are fresh, and a stale one is named."""

import json
import pathlib

import pytest

from multillama.cli.main import COMMAND
from multillama.config.schema import SETTINGS
from multillama.control.json_schema import json_schema
from multillama.core.causes import CAUSES
from multillama.core.operations import OPERATIONS
from multillama.core.strategies import STRATEGIES
from multillama.core.wishes import HEADERS
from multillama.errors import FAILURES
from multillama.providers.catalog import PROVIDERS
from scripts import generate_docs

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "errors.md").write_text(
        "Before.\n<!-- generated:failures -->\nold\n<!-- end:failures -->\nAfter.\n"
    )
    return tmp_path


def test_every_generated_part_is_fresh(capsys):
    code = generate_docs.main(["--check"])

    assert (code, capsys.readouterr().err) == (0, "")


def test_every_part_stands_in_some_document():
    text = "".join(path.read_text() for path in generate_docs.documents(ROOT))

    assert [name for name in generate_docs.PARTS if f"<!-- generated:{name} -->" not in text] == []


def test_a_stale_part_is_named_and_left_alone(project, capsys):
    before = (project / "docs" / "errors.md").read_text()

    code = generate_docs.main(["--check"], project)

    assert code == 1
    assert "docs/errors.md" in capsys.readouterr().err
    assert (project / "docs" / "errors.md").read_text() == before


def test_a_stale_part_is_written_anew_and_only_that(project):
    generate_docs.main([], project)

    text = (project / "docs" / "errors.md").read_text()
    assert text.startswith("Before.\n<!-- generated:failures -->\n\n| `error.code`")
    assert text.endswith("<!-- end:failures -->\nAfter.\n")
    assert generate_docs.main(["--check"], project) == 0


def test_an_unknown_part_is_an_error():
    with pytest.raises(KeyError, match="unheard-of"):
        generate_docs.renewed("<!-- generated:unheard-of -->\n<!-- end:unheard-of -->")


def test_every_row_of_every_table_is_in_the_docs():
    settings = generate_docs.settings() + generate_docs.flags()

    assert [row.flag for row in SETTINGS if settings.count(f"`{row.flag}`") != 2] == []
    assert [row.variable for row in SETTINGS if f"`{row.variable}`" not in settings] == []
    assert [
        row.path for row in OPERATIONS if f"{row.public_path}`" not in generate_docs.operations()
    ] == []
    assert [kind for kind in FAILURES if f"`{kind}`" not in generate_docs.failures()] == []
    assert [kind for kind in FAILURES if f" `{kind}` |" not in generate_docs.cures()] == []
    assert [name for name in CAUSES if f"| `{name}` |" not in generate_docs.causes()] == []
    assert [name for name in STRATEGIES if f"| `{name}` |" not in generate_docs.strategies()] == []
    assert [row.name for row in HEADERS if f"| `{row.name}` |" not in generate_docs.wishes()] == []
    assert [row.title for row in PROVIDERS if row.title not in generate_docs.providers()] == []


def test_every_flag_of_every_command_is_in_the_readme():
    text = generate_docs.flags()

    assert [
        f"{name} {param.opts[0]}"
        for name, command in (("multillama", COMMAND), *COMMAND.commands.items())
        for param in command.params
        if param.param_type_name == "option"
        and f"`{param.opts[0]}`" not in text
        and f"{name} {param.opts[0]}`" not in text
    ] == []
    assert "| `multillama demo --once` |  | Stop after the first answer. |" in text
    assert "| `multillama demo --port` | `3000` | Port to listen on. |" in text


def test_a_stale_file_is_named_and_written_anew(monkeypatch, tmp_path, capsys):
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(generate_docs, "ROOT", tmp_path)

    before = generate_docs.main(["--check"], tmp_path)
    generate_docs.main([], tmp_path)

    assert before == 1
    assert "docs/multillama.schema.json" in capsys.readouterr().err
    schema = json.loads((tmp_path / "docs" / "multillama.schema.json").read_text())
    assert "FileSettings" in schema["$defs"]
    assert generate_docs.main(["--check"], tmp_path) == 0


def test_every_name_of_the_configuration_file_is_in_the_docs():
    text = generate_docs.config_file()

    parts = json_schema()["$defs"]
    names = {name for part in parts.values() for name in part["properties"]}
    sections = {"listen", "endpoints", "aliases", "routing", "limits"}
    assert [name for name in names - sections if f"`{name}`" not in text and name != "models"] == []


def test_a_bar_in_a_cell_does_not_break_the_table():
    text = generate_docs.table(["a"], [["x|y"]])

    assert text == "| a |\n| --- |\n| x\\|y |\n"


def test_a_missed_promise_is_shown_as_missed(monkeypatch, tmp_path):
    (tmp_path / "bench").mkdir()
    figure = {"title": "chat", "value": 3.456, "unit": "x nginx", "bar": 3.2, "is_met": False}
    machine = {"cores": 2, "processor": "P", "python": "3.11"}
    (tmp_path / "bench" / "results.json").write_text(
        json.dumps({"machine": machine, "figures": {"chat": figure}})
    )
    monkeypatch.setattr(generate_docs, "ROOT", tmp_path)

    assert "| chat | 3.46 x nginx | 3.2 x nginx (**missed**) |" in generate_docs.figures()


def test_our_own_row_comes_from_our_newest_figures(monkeypatch, tmp_path):
    (tmp_path / "bench").mkdir()
    samples = {"gateway": [33.0, 30.0], "nginx": [10.0, 12.0]}
    peer = {"name": "P", "version": "1", "what": "a peer", "cpu_us": 50, "nginx_cpu_us": 10}
    sizes = {"rss_mb": 34, "packages": 17, "installed_mb": 26}
    (tmp_path / "bench" / "results.json").write_text(
        json.dumps({"figures": {"chat": {"samples": samples}}})
    )
    (tmp_path / "bench" / "peers.json").write_text(
        json.dumps({"ours": sizes, "rows": [peer | sizes]})
    )
    monkeypatch.setattr(generate_docs, "ROOT", tmp_path)

    text = generate_docs.peers()

    assert "| 3 x nginx | 34 MB | 17 | 26 MB |" in text.splitlines()[2]
    assert text.splitlines()[3] == "| P 1 | a peer | 5 x nginx | 34 MB | 17 | 26 MB |"
