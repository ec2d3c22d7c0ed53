"""What the docs point at exists: files, flags, variables and the words of make."""

import pathlib
import re

import pytest

from multillama.config.schema import SETTINGS
from scripts.generate_docs import documents

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = documents(ROOT)
MAKEFILE = (ROOT / "Makefile").read_text()

OTHER_FLAGS = {
    "--check", "--dry-run", "--force", "--help", "--jinja", "--json", "--model", "--no-deps", "--no-spend", "--once",
    "--output", "--output-format", "--release", "--system-prompt", "--text", "--tools", "--version", "--yes",
}  # fmt: skip
"""Flags in the docs that are no settings."""


def links(text: str) -> list[str]:
    """Targets of the links and pictures that lead to this repository."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.S))
    return [link.partition("#")[0] for link in found if "://" not in link and link[0] != "#"]


def unknown_flags(text: str) -> set[str]:
    mentioned = set(re.findall(r"(?<![\w<!-])--[a-z][a-z-]*[a-z](?![\w>])", text))
    return mentioned - {row.flag for row in SETTINGS} - OTHER_FLAGS


def unknown_words(text: str) -> set[str]:
    mentioned = set(re.findall(r"(?:`|^|&& )make ([a-z]+)", text, re.M))
    return {word for word in mentioned if not re.search(rf"^{word}:", MAKEFILE, re.M)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    lost = [link for link in links(path.read_text()) if not (path.parent / link).exists()]

    assert lost == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_flag_and_word_exists(path):
    text = path.read_text()

    assert (unknown_flags(text), unknown_words(text)) == (set(), set())


def test_a_lost_link_a_wrong_flag_and_a_wrong_word_are_seen():
    text = "[x](docs/none.md) ![y](page.png)\n`--por` and `make coffee`, `make test`"

    assert links(text) == ["docs/none.md", "page.png"]
    assert unknown_flags(text) == {"--por"}
    assert unknown_words(text) == {"coffee"}


def test_the_readme_shows_every_word_a_newcomer_needs():
    text = (ROOT / "README.md").read_text()

    assert [word for word in ("setup", "test", "check", "demo") if f"make {word}" not in text] == []


def test_every_decision_is_in_the_index():
    folder = ROOT / "docs" / "decisions"
    index = links((folder / "README.md").read_text())

    lost = {path.name for path in folder.glob("*.md")} - {"README.md", *index}

    assert lost == set()
