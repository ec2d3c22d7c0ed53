"""What is refused before it is composed: text that is nested without end, or holds more than any configuration.

Composing is recursive, in C without any limit: a file of 100 kB could end the process that reads it. Here the
text is only gone through, token by token.
"""

import re
from typing import Final

import yaml

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 100_000
"""More than any configuration; what YAML's anchors can multiply without end stops here."""
TOO_MUCH: Final = "too deep, or too much of it"

LOADER: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C is eight times as fast; not every build of PyYAML has it."""

_SCALARS: Final = frozenset({
    None, "!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")),
})  # fmt: skip
_MAPPINGS: Final = frozenset({None, "!", "tag:yaml.org,2002:map"})
_SEQUENCES: Final = frozenset({None, "!", "tag:yaml.org,2002:seq"})
_TAGS: Final = (
    (yaml.ScalarEvent, _SCALARS),
    (yaml.MappingStartEvent, _MAPPINGS),
    (yaml.SequenceStartEvent, _SEQUENCES),
)

_PART: Final = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
# No possessive group: Python before 3.11.5 matches it wrongly around alternatives (python/cpython#106052).
_TOML_TOKEN: Final = re.compile(
    r'"{3}(?:[^"\\]|\\.|"(?!""))*(?:"{3}|\Z)'
    r"|'{3}(?:[^']|'(?!''))*(?:'{3}|\Z)"
    rf"|(?P<dotted>{_PART}(?:[ \t]*\.[ \t]*{_PART})+)"
    r'|"(?:[^"\\\n]|\\.)*"?'
    r"|'[^'\n]*+'?"
    r"|[A-Za-z0-9_-]++"
    r"|\#[^\n]*+"
    r"|[^A-Za-z0-9_\-\"'#\[\]{}]++"
    r"|(?P<bracket>[\[\]{}])",
    re.DOTALL,
)


def yaml_fault(text: str) -> str | None:
    """Return `LINE: why` where a YAML text must not be composed, else None.

    Only the tags of YAML's core are known; others would make dates, sets and bytes.

    Raises:
        yaml.YAMLError: It is not YAML.
    """
    loader = LOADER(text)
    depth = nodes = 0
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if not isinstance(event, yaml.NodeEvent):
                continue
            nodes += 1
            depth += isinstance(event, yaml.CollectionStartEvent)
            # a name and its value are two nodes
            if depth > MAX_DEPTH or nodes > 2 * MAX_VALUES:
                return f"{event.start_mark.line + 1}: {TOO_MUCH}"
            if any(isinstance(event, kind) and event.tag not in tags for kind, tags in _TAGS):
                return f"{event.start_mark.line + 1}: not YAML: a tag that is not for such a value"
    finally:
        loader.dispose()
    return None


def toml_fault(text: str) -> str | None:
    """Return `LINE: why` where a TOML text must not be parsed, else None."""
    depth = 0
    for token in _TOML_TOKEN.finditer(text):
        if token["bracket"]:
            depth += 1 if token["bracket"] in "[{" else -1
        if depth > MAX_DEPTH or (token["dotted"] and _parts(token["dotted"]) > MAX_DEPTH):
            return f"{text.count(chr(10), 0, token.start()) + 1}: {TOO_MUCH}"
    return None


def _parts(dotted: str) -> int:
    return sum(1 for _ in re.finditer(_PART, dotted))
