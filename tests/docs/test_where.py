"""`docs/where.md` tells the truth: each file is there, and each name is defined in it."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "where.md").read_text()
PACKAGE = ROOT / "src" / "multillama"


def rows(text: str) -> list[tuple[str, str, list[str]]]:
    """Question, path and names of each row of the tables."""
    cells = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [
        (question, path.strip("`"), re.findall(r"`([^`]*)`", names))
        for question, path, names in cells
        if path.startswith("`")
    ]


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
    assert set(names) - defined((PACKAGE / path).read_text()) == set()


@pytest.mark.parametrize(
    "topic",
    [
        "a provider", "a flag", "an operation", "a kind of failure", "another endpoint is tried",
        "a time-out", "keys clients", "is logged", "heads are read", "a panel",
    ],
)  # fmt: skip
def test_the_page_answers_about(topic):
    assert any(topic in question for question, _, _ in rows(TEXT))


def test_no_question_is_asked_twice():
    questions = [question for question, _, _ in rows(TEXT)]

    assert sorted(set(questions)) == sorted(questions)


def test_a_name_that_is_only_used_is_not_defined():
    assert defined("import x\nY = x.Z\ndef f(a):\n    return Q") == {"Y", "f"}
