"""What comes from npm: where it is kept, and what a machine without Node.js is told."""

import json

import pytest

from tests.e2e.npm.packages import LISTS, need_node


def test_a_machine_without_node_is_told_the_line_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(pytest.fail.Exception, match="sudo apt-get install nodejs npm"):
        need_node()


def test_the_lock_holds_all_versions_with_hashes_and_no_addresses() -> None:
    wanted, lock = (json.loads(path.read_text()) for path in LISTS)

    own, *rows = lock["packages"].values()

    assert own["dependencies"] == wanted["dependencies"]
    assert all(version[0].isdigit() for version in wanted["dependencies"].values())
    assert [row for row in rows if "integrity" not in row or "resolved" in row] == []
