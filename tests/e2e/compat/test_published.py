"""The published table is what the tests are: every cell is tested, or named impossible with its reason."""

import re
from pathlib import Path

import pytest

from tests.e2e.compat import test_matrix
from tests.e2e.compat.conftest import JUDGES
from tests.e2e.compat.table import CLIENTS, ENDPOINTS, FEATURES

DOCUMENT = Path(__file__).parents[3] / "docs" / "compatibility.md"
TITLES = {f"`{client.sdk}`: {client.api}": client.name for client in CLIENTS}
COLUMNS = [endpoint.dialect for endpoint in ENDPOINTS]
NAMES = {text: feature for feature, text in FEATURES.items()}

Place = tuple[str, str, str]


def published() -> dict[Place, str]:
    """Returns client, endpoint and feature to what the document says, read without the words of its maker."""
    found: dict[Place, str] = {}
    for section in DOCUMENT.read_text().split("\n### ")[1:]:
        title, *lines = section.splitlines()
        rows = [re.split(r" *\| *", line)[1:-1] for line in lines if line.startswith("|")]
        (_, *columns), _, *features = rows
        for text, *told in features:
            for column, cell in zip(columns, told, strict=True):
                found[TITLES[title], column.strip("`"), NAMES[text]] = cell
    return found


def run() -> set[Place]:
    """Returns what the tests of the matrix are run with."""
    found = set()
    for feature in FEATURES:
        test = getattr(test_matrix, f"test_{feature}")
        (mark,) = (mark for mark in test.pytestmark if mark.name == "parametrize")
        for cell in mark.args[1]:
            assert cell.feature == feature
            found.add((cell.client.name, cell.endpoint.dialect, feature))
    return found


def test_every_cell_is_published() -> None:
    places = {
        (client, column, name) for client in JUDGES for column in COLUMNS for name in FEATURES
    }

    assert published().keys() == places


def test_what_is_published_as_tested_is_tested_and_nothing_else() -> None:
    assert {place for place, told in published().items() if told == "tested"} == run()


def test_what_is_not_tested_is_impossible_for_a_reason() -> None:
    others = {told for told in published().values() if told != "tested"}

    assert {told for told in others if not re.fullmatch(r"impossible: \S.{10,}", told)} == set()


def test_no_test_of_the_matrix_is_outside_of_the_table() -> None:
    tests = {name for name in vars(test_matrix) if name.startswith("test_")}

    assert tests == {f"test_{feature}" for feature in FEATURES}


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_judge_can_do_what_its_client_can(client) -> None:
    needed = {
        "embeddings": "embed",
        "count": "count",
        "models": "models",
        "model": "context_tokens",
    }

    can = {feature for feature, method in needed.items() if hasattr(JUDGES[client.name], method)}

    assert can == needed.keys() - client.lacks.keys()
