"""The generated parts of the docs are fresh, and a stale one is named."""

import pathlib

import pytest

from multillama.config.schema import SETTINGS
from multillama.core.operations import OPERATIONS
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
        row.path for row in OPERATIONS if f"/v1{row.path}`" not in generate_docs.operations()
    ] == []
    assert [kind for kind in FAILURES if f"`{kind}`" not in generate_docs.failures()] == []
    assert [row.title for row in PROVIDERS if row.title not in generate_docs.providers()] == []


def test_a_bar_in_a_cell_does_not_break_the_table():
    text = generate_docs.table(["a"], [["x|y"]])

    assert text == "| a |\n| --- |\n| x\\|y |\n"
