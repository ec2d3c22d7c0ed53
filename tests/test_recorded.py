import pytest

from tests import recorded as helper
from tests.recorded import VARIABLE, recorded


def test_without_a_folder_the_test_is_skipped_and_the_variable_named(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(helper, "ROOT", tmp_path / "repository")

    with pytest.raises(pytest.skip.Exception, match=VARIABLE):
        recorded("*")


def test_a_folder_that_is_said_to_be_there_and_is_not_fails_the_test(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))

    with pytest.raises(AssertionError, match=VARIABLE):
        recorded("*")


def test_recordings_are_found_in_order(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    for name in ("b.json", "a.json", "c.txt"):
        (tmp_path / name).touch()

    assert [path.name for path in recorded("*.json")] == ["a.json", "b.json"]
