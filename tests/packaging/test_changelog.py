"""The changelog is made from fragments whose names and texts are checked."""

import pathlib

import pytest

from scripts import changelog

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "changes").mkdir()
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\nIntro.\n\n## 0.1.0 (2026-01-01)\n\n- Old.\n"
    )
    return tmp_path


def write(project, name, text):
    (project / "changes" / name).write_text(text)


def test_the_fragments_of_this_project_are_good():
    assert changelog.complaints(ROOT) == []
    assert changelog.fragments(ROOT) != []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("no-kind.md", "Now it works.\n"),
        ("slug.feature.md", "Now it works.\n"),
        ("Bad_Slug.added.md", "Now it works.\n"),
        ("slug.added.txt", "Now it works.\n"),
        ("slug.added.md", "no full stop\n"),
        ("slug.added.md", ""),
        ("slug.added.md", "One.\n\nTwo.\n"),
        ("slug.added.md", "x" * 500 + ".\n"),
    ],
)
def test_a_bad_fragment_is_named(project, capsys, name, text):
    write(project, name, text)

    code = changelog.main(["--check"], project)

    assert code == 1
    assert f"changes/{name}" in capsys.readouterr().err


def test_a_preview_lists_the_kinds_in_their_order(project, capsys):
    write(project, "b.fixed.md", "Repaired\nthis.\n")
    write(project, "a.added.md", "Added that.\n")

    changelog.main([], project)

    assert capsys.readouterr().out == (
        "## Next release\n\n### Added\n\n- Added that.\n\n### Fixed\n\n- Repaired this.\n\n"
    )


def test_a_release_moves_the_fragments_above_the_older_sections(project):
    write(project, "a.added.md", "Added that.\n")
    write(project, "README.md", "What a fragment is.\n")

    changelog.main(["--release", "0.2.0"], project)

    text = (project / "CHANGELOG.md").read_text()
    assert text.startswith("# Changelog\n\nIntro.\n\n## 0.2.0 (20")
    assert text.endswith("- Added that.\n\n## 0.1.0 (2026-01-01)\n\n- Old.\n")
    assert [path.name for path in (project / "changes").iterdir()] == ["README.md"]


def test_a_release_with_a_bad_fragment_changes_nothing(project):
    before = (project / "CHANGELOG.md").read_text()
    write(project, "a.added.md", "no full stop")

    code = changelog.main(["--release", "0.2.0"], project)

    assert code == 1
    assert (project / "CHANGELOG.md").read_text() == before
