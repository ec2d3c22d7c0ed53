"""`docs/where.md` tells the truth: each file is there, and each name is defined in it."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "where.md").read_text()
PACKAGE = ROOT / "src" / "multillama"
EXCUSED = {"__init__.py", "py.typed"}
"""A package's docstring, and the mark that it has types."""
EXCUSED_PATHS = {"__main__.py"}
"""`python -m multillama` calls `cli/main.py` and does nothing else."""
EXCUSED_FOLDER = "testing/texts/"
"""What the scripted server answers, named after the operations of `testing/answers.py`."""


def rows(text: str) -> list[tuple[str, str, list[str]]]:
    """Question, path and names of each row of the tables."""
    cells = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [
        (question, path.strip("`"), re.findall(r"`([^`]*)`", names))
        for question, path, names in cells
        if path.startswith("`")
    ]


def missing(text: str, package: pathlib.Path) -> set[str]:
    """Paths of files that no row names; what Python makes for itself does not count."""
    files = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    named = {path for _, path, _ in rows(text)} | EXCUSED_PATHS
    return {
        path
        for path in files - named
        if pathlib.PurePath(path).name not in EXCUSED and not path.startswith(EXCUSED_FOLDER)
    }


def names_in(path: pathlib.Path) -> set[str]:
    """What a file defines; of what is no Python, its words."""
    source = path.read_text()
    return defined(source) if path.suffix == ".py" else set(re.findall(r"[\w-]+", source))


def defined(source: str) -> set[str]:
    """Names of the classes, functions and assignments of a module, methods included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


@pytest.mark.parametrize(("question", "path", "names"), rows(TEXT))
def test_the_file_and_the_names_are_there(question, path, names):
    assert names != []
    assert set(names) - names_in(PACKAGE / path) == set()


@pytest.mark.parametrize(
    "topic",
    [
        "a provider", "a flag", "an operation", "a kind of failure", "another endpoint is tried",
        "a time-out", "keys clients", "is logged", "heads are read", "a panel",
        "a dialect", "the page's HTML",
    ],
)  # fmt: skip
def test_the_page_answers_about(topic):
    assert any(topic in question for question, _, _ in rows(TEXT))


def test_every_module_is_named():
    assert missing(TEXT, PACKAGE) == set()


def test_a_module_that_is_not_named_is_seen(tmp_path):
    (tmp_path / "wire").mkdir()
    for name in ("__init__.py", "__main__.py", "wire/__init__.py", "wire/a.py", "wire/b.py"):
        (tmp_path / name).touch()

    assert missing("| the a | `wire/a.py` | `A` |", tmp_path) == {"wire/b.py"}


def test_no_question_is_asked_twice():
    questions = [question for question, _, _ in rows(TEXT)]

    assert sorted(set(questions)) == sorted(questions)


def test_a_name_that_is_only_used_is_not_defined():
    assert defined("import x\nY = x.Z\ndef f(a):\n    return Q") == {"Y", "f"}
