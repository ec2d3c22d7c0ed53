"""The changelog from its fragments: `changes/<slug>.<kind>.md`, one sentence for users in each.

`changelog.py` shows what the next release would say, `--check` names bad fragments, and
`--release VERSION` moves all fragments into CHANGELOG.md.
"""

import argparse
import datetime
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[1]
KINDS = ("security", "removed", "deprecated", "added", "changed", "fixed")
NAME = re.compile(rf"[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md")
SENTENCE_CHARACTERS = 400


def fragments(root: pathlib.Path) -> list[pathlib.Path]:
    """All files that stand as fragments; README.md says what one is."""
    return sorted(path for path in (root / "changes").iterdir() if path.name != "README.md")


def complaints(root: pathlib.Path) -> list[str]:
    """What is wrong with the fragments, one line each."""
    found = []
    for path in fragments(root):
        text = path.read_text().strip()
        if not NAME.fullmatch(path.name):
            found.append(
                f"changes/{path.name}: name it <slug>.<kind>.md, kind one of {', '.join(KINDS)}"
            )
        if not text.endswith(".") or "\n\n" in text or len(text) > SENTENCE_CHARACTERS:
            found.append(f"changes/{path.name}: write one sentence for users, with its full stop")
    return found


def section(root: pathlib.Path, heading: str) -> str:
    """The fragments as one section, kinds in their order."""
    lines = [f"## {heading}", ""]
    for kind in KINDS:
        rows = [path for path in fragments(root) if path.name.endswith(f".{kind}.md")]
        if rows:
            lines += [f"### {kind.capitalize()}", ""]
            lines += [f"- {' '.join(path.read_text().split())}" for path in rows]
            lines.append("")
    return "\n".join(lines)


def release(root: pathlib.Path, heading: str) -> None:
    """Put the section above the older ones, and remove its fragments."""
    path = root / "CHANGELOG.md"
    intro, mark, older = path.read_text().partition("\n## ")
    path.write_text(f"{intro.rstrip()}\n\n{section(root, heading)}{mark}{older}")
    for fragment in fragments(root):
        fragment.unlink()


def main(arguments: list[str], root: pathlib.Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description="Builds CHANGELOG.md from changes/.")
    parser.add_argument("--check", action="store_true", help="name bad fragments and stop")
    parser.add_argument("--release", metavar="VERSION", help="move the fragments into CHANGELOG.md")
    chosen = parser.parse_args(arguments)
    if bad := complaints(root):
        sys.stderr.write("\n".join(bad) + "\n")
        return 1
    if chosen.release:
        today = datetime.datetime.now(datetime.UTC).date()
        release(root, f"{chosen.release} ({today})")
    elif not chosen.check:
        sys.stdout.write(section(root, "Next release") + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
