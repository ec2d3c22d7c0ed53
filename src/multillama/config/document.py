"""A configuration file as plain data that remembers its lines: YAML and TOML in, one shape out.

Pure: text comes in, nothing is opened. What a file says wrongly is never quoted, for it may be a key.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

from multillama.config.problem import Path, Problem, path_text

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 100_000
"""More than any configuration; what YAML's anchors can multiply without end stops here."""

_QUOTED: Final = re.compile(r"'[^']{2,}'" r'|"[^"]{2,}"')
_TOML_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")
_PART: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED: Final = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER: Final = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_ENTRY: Final = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
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


_LOADER: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C is eight times as fast; not every build of PyYAML has it."""


def _top(data: object) -> dict[str, Any]:
    if data is None:
        raise Unreadable("1: the file is empty")
    if not isinstance(data, dict):
        raise Unreadable("1: the file must hold settings by name, like listen: {port: 3000}")
    return data


# --- YAML ----------------------------------------------------------------------------------------


class _Yaml:
    """Turns the nodes of one document into data and notes their lines."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self._loader = loader
        self._seen: set[int] = set()
        self._count = 0
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: Path) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._count += 1
        if len(path) > MAX_DEPTH or self._count > MAX_VALUES:
            raise Unreadable(f"{self.lines[path]}: too deep, or too much of it")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, place)) for place, item in enumerate(node.value)]
        try:
            return self._loader.construct_object(node)
        except ValueError:  # a date that no calendar has
            return str(node.value)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        if id(node) not in self._seen:
            self._seen.add(id(node))
            self._note_repetitions(node, path)
            self._loader.flatten_mapping(node)  # fills in `<<: *anchor`
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            self.lines[*path, key] = key_node.start_mark.line + 1
            value = self.value(value_node, (*path, key))
            if value is None:
                found.pop(key, None)
            else:
                found[key] = value
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


def _read_yaml(text: str, name: str) -> Document:
    loader = _LOADER(text)
    try:
        node = loader.get_single_node()
        reader = _Yaml(loader)
        data = None if node is None else reader.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise Unreadable(f"{line}: not YAML: {_unquoted(error.problem or 'malformed')}") from None
    except yaml.YAMLError:
        raise Unreadable("1: not YAML: it holds characters that no text has") from None
    finally:
        loader.dispose()
    return Document(name, _top(data), reader.lines, tuple(reader.problems))


def _unquoted(text: str) -> str:
    return _QUOTED.sub("…", text)


# --- TOML ----------------------------------------------------------------------------------------


def _read_toml(text: str, name: str) -> Document:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _TOML_PLACE.search(message)
        line = place[1] if place and place[1] else str(text.count("\n") + 1)
        reason = _unquoted(_TOML_PLACE.sub("", message))
        raise Unreadable(f"{line}: not TOML: {reason[:1].lower()}{reason[1:]}") from None
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
