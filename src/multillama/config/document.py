"""A configuration file as plain data that remembers its lines: YAML and TOML in, one shape out.

Pure: text comes in, nothing is opened. What a file says wrongly is never quoted, for it may be a key.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

from multillama.config.bounds import (
    LOADER,
    MAX_DEPTH,
    MAX_VALUES,
    TOO_MUCH,
    toml_fault,
    yaml_fault,
)
from multillama.config.problem import Path, Problem, path_text

_QUOTED: Final = re.compile(r"'[^']{2,}'" r'|"[^"]{2,}"')
_TOML_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")
_PART: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED: Final = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER: Final = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_ENTRY: Final = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_ENDLESS: Final = re.compile(r"(?<=[\s=,\[+-])[0-9][0-9_]{4000,}")
_TOKEN: Final = re.compile(r'"{3}' r"|'{3}" r'|"(?:[^"\\]|\\.)*"' r"|'[^']*'|\#.*|[\[\]{}]")
_LONG_QUOTES: Final = ('"' * 3, "'" * 3)


class Document(NamedTuple):
    """A file that could be read."""

    name: str
    """As the operator calls it."""
    data: dict[str, Any]
    """Strings, numbers, truth values, lists and dicts; what was null is left out."""
    lines: dict[Path, int]
    problems: tuple[Problem, ...] = ()

    def line(self, path: Path) -> int:
        """Return the line of a value, or of what it stands in."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1

    def place(self, path: Path) -> str:
        """Return where a value stands, e.g. `multillama.yaml:12: endpoints[1].weight`."""
        where = f"{self.name}:{self.line(path)}"
        return f"{where}: {path_text(path)}" if path else where


class Unreadable(Exception):
    """The text is not even YAML or TOML. Its words are `LINE: what is wrong`."""


def read_document(text: str, name: str) -> Document:
    """Read a file; a name that ends in `.toml` is TOML, every other is YAML.

    Raises:
        Unreadable: With line and reason.
    """
    read = _read_toml if name.lower().endswith(".toml") else _read_yaml
    return read(text, name)


def _top(data: object) -> dict[str, Any]:
    if data is None:
        raise Unreadable("1: the file is empty")
    if not isinstance(data, dict):
        raise Unreadable("1: the file must hold settings by name, like listen: {port: 3000}")
    return data


# --- YAML ----------------------------------------------------------------------------------------


_MERGE: Final = "tag:yaml.org,2002:merge"
_Members = dict[str, tuple[yaml.Node, yaml.Node]]
"""Names of a mapping, to the nodes of the name and of its value."""


class _Yaml:
    """Turns the nodes of one document into data and notes their lines."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self._loader = loader
        self._known: dict[int, _Members] = {}
        self._count = 0
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: Path) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._take(1, path, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, place)) for place, item in enumerate(node.value)]
        try:
            return self._loader.construct_object(node)
        except (ValueError, LookupError, AttributeError, OverflowError):
            return self._unmade(node)

    def _unmade(self, node: yaml.ScalarNode) -> str:
        """Return what looks like a date that no calendar has, or an endless number, as its text."""
        if self._loader.resolve(yaml.ScalarNode, node.value, (True, False)) != node.tag:
            raise Unreadable(
                f"{node.start_mark.line + 1}: not YAML: a value is not what its tag says"
            )
        return str(node.value)

    def _take(self, count: int, path: Path, node: yaml.Node) -> None:
        self._count += count
        if len(path) > MAX_DEPTH or self._count > MAX_VALUES:
            raise Unreadable(f"{node.start_mark.line + 1}: {TOO_MUCH}")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, (key_node, value_node) in self._members(node, path).items():
            self.lines[*path, key] = key_node.start_mark.line + 1
            value = self.value(value_node, (*path, key))
            if value is not None:
                found[key] = value
        return found

    def _members(self, node: yaml.MappingNode, path: Path) -> _Members:
        """Return the members of a mapping with those that `<<: *anchor` fills in, which its own replace.

        PyYAML's own way of merging copies what it merges, so that thirty lines can fill the memory.
        """
        if (known := self._known.get(id(node))) is not None:
            return known
        self._take(0, path, node)
        self._known[id(node)] = {}  # what merges itself adds nothing
        self._note_repetitions(node, path)
        merged: _Members = {}
        own: _Members = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for source in reversed(_sources(value_node)):
                    merged |= self._members(source, (*path, "<<"))
            else:
                own[str(key_node.value)] = key_node, value_node
        found = self._known[id(node)] = merged | own
        self._take(len(merged), path, node)
        return found

    def _note_repetitions(self, node: yaml.MappingNode, path: Path) -> None:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                line = key_node.start_mark.line + 1
                raise Unreadable(f"{line}: a name before a colon must be plain text")
            if key_node.value in seen:
                line = key_node.start_mark.line + 1
                self.lines[*path, key_node.value] = line
                self.problems.append(Problem((*path, key_node.value), "is given twice"))
            seen.add(key_node.value)


def _sources(node: yaml.Node) -> list[yaml.MappingNode]:
    """Return the mappings that a `<<` names."""
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for one in nodes:
        if not isinstance(one, yaml.MappingNode):
            line = one.start_mark.line + 1
            raise Unreadable(f"{line}: not YAML: << wants a mapping, or a list of them")
    return list(nodes)


def _read_yaml(text: str, name: str) -> Document:
    try:
        data, reader = _composed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = _unquoted(error.problem or "malformed")
        if any("\t" in _indent(row) for row in text.split("\n")[line - 1 : line]):
            problem = "a tab at the beginning of the line; YAML indents with blanks"
        raise Unreadable(f"{line}: not YAML: {problem}") from None
    except yaml.YAMLError:
        raise Unreadable("1: not YAML: it holds characters that no text has") from None
    return Document(name, _top(data), reader.lines, tuple(reader.problems))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _composed(text: str) -> tuple[object, _Yaml]:
    if (fault := yaml_fault(text)) is not None:
        raise Unreadable(fault)
    loader = LOADER(text)
    try:
        node = loader.get_single_node()
        reader = _Yaml(loader)
        return (None if node is None else reader.value(node, ())), reader
    finally:
        loader.dispose()


def _unquoted(text: str) -> str:
    return _QUOTED.sub("…", text)


# --- TOML ----------------------------------------------------------------------------------------


def _read_toml(text: str, name: str) -> Document:
    if (fault := toml_fault(text)) is not None:
        raise Unreadable(fault)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _TOML_PLACE.search(message)
        line = place[1] if place and place[1] else str(text.count("\n") + 1)
        reason = _unquoted(_TOML_PLACE.sub("", message))
        raise Unreadable(f"{line}: not TOML: {reason[:1].lower()}{reason[1:]}") from None
    except ValueError:  # Python reads no number of more digits
        endless = _ENDLESS.search(text)
        line = text.count("\n", 0, endless.start() if endless else 0) + 1
        raise Unreadable(f"{line}: not TOML: a number has too many digits") from None
    return Document(name, _top(data or None), dict(_toml_lines(text)))


def _toml_lines(text: str) -> Iterator[tuple[Path, int]]:
    """Find the lines of a TOML text that is known to be well-formed; tomllib does not tell them."""
    table: Path = ()
    newest: dict[Path, int] = {}
    inside = ""
    for number, line in enumerate(text.split("\n"), 1):
        rest = line
        if not inside:
            if header := _HEADER.match(line):
                table = _table(_parts(header[2]), newest, is_array=header[1] == "[[")
                yield table, number
                continue
            entry = _ENTRY.match(line)
            if entry is None:
                continue
            path = table
            for part in _parts(entry[1]):
                path = (*path, part)
                yield path, number
            rest = line[entry.end() :]
        inside = _still_open(rest, inside)


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def _table(parts: list[str], newest: dict[Path, int], *, is_array: bool) -> Path:
    path: Path = ()
    for place, part in enumerate(parts, 1):
        path = (*path, part)
        if is_array and place == len(parts):
            newest[path] = newest.get(path, -1) + 1
        if path in newest:
            path = (*path, newest[path])
    return path


def _still_open(text: str, inside: str) -> str:
    """Return what is open at the end of a line: brackets, and after them the quotes of long text."""
    at = 0
    while at < len(text):
        if inside.endswith(_LONG_QUOTES):
            end = text.find(inside[-3:], at)
            if end < 0:
                return inside
            inside, at = inside[:-3], end + 3
            continue
        token = _TOKEN.search(text, at)
        if token is None:
            return inside
        at = token.end()
        if token[0] in ("[", "{", *_LONG_QUOTES):
            inside += token[0]
        elif token[0] in ("]", "}"):
            inside = inside[:-1]
    return inside
