"""Compares plain data with the types of the file's settings and tells everything that does not fit.

msgspec itself stops at the first fault; here all are found, in words for people. A wrong value is
never quoted, because it may be a key in the wrong place.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import inspect

from multillama.config.problem import Path, Problem

_HARMLESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
"""What can be repeated as a misspelt name; no key looks like it for long."""

_LISTS: Final = (inspect.ListType, inspect.VarTupleType)


def problems_of(data: object, of: type) -> list[Problem]:
    """Return all places where the data is not of the type, in the order of the data."""
    return list(_problems(data, inspect.type_info(of), ()))


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a hint at the known word that looks most like this one, or nothing."""
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f", did you mean {close[0]}?" if close else ""


def _problems(data: object, kind: inspect.Type, path: Path) -> Iterator[Problem]:
    kind = _fitting(data, kind)
    if isinstance(kind, inspect.StructType) and isinstance(data, dict):
        yield from _struct_problems(data, kind, path)
    elif isinstance(kind, inspect.DictType) and isinstance(data, dict):
        for name, value in data.items():
            yield from _problems(value, kind.value_type, (*path, name))
    elif isinstance(kind, _LISTS) and isinstance(data, list):
        if len(data) < (kind.min_length or 0):
            yield Problem(path, "is an empty list; leave it out or fill it")
        for place, value in enumerate(data):
            yield from _problems(value, kind.item_type, (*path, place))
    elif not _fits(data, kind):
        yield Problem(path, f"must be {_wanted(kind)}{_hint(data, kind)}")


def _struct_problems(
    data: dict[str, object], kind: inspect.StructType, path: Path
) -> Iterator[Problem]:
    fields = {field.name: field for field in kind.fields}
    for name, value in data.items():
        if (field := fields.get(name)) is not None:
            yield from _problems(value, field.type, (*path, name))
        elif _HARMLESS.fullmatch(name):
            yield Problem((*path, name), f"unknown key{_place_hint(name, fields)}")
        else:
            yield Problem(path, f"unknown key; known are {', '.join(fields)}")
    for field in fields.values():
        if field.required and field.name not in data:
            yield Problem(path, f"{field.name} is missing")


def _place_hint(name: str, fields: dict[str, inspect.Field]) -> str:
    """Say what was meant: a name like it, or the section it belongs in."""
    for section, field in fields.items():
        kind = _plain(field.type)
        if isinstance(kind, inspect.StructType) and any(name == own.name for own in kind.fields):
            return f", it belongs in {section}"
    return did_you_mean(name, list(fields))


def _plain(kind: inspect.Type) -> inspect.Type:
    return _plain(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _fitting(data: object, kind: inspect.Type) -> inspect.Type:
    """Return the type without its description; of several, the one that the data may be meant as."""
    kind = _plain(kind)
    if not isinstance(kind, inspect.UnionType):
        return kind
    members = [_plain(member) for member in kind.types]
    members = [member for member in members if not isinstance(member, inspect.NoneType)]
    for member in members:
        if isinstance(data, dict) and isinstance(member, inspect.StructType | inspect.DictType):
            return member
        if isinstance(data, list) and isinstance(member, _LISTS):
            return member
    return _fitting(data, members[0])


def _fits(data: object, kind: inspect.Type) -> bool:
    try:
        msgspec.convert(data, _type_of(kind))
    except msgspec.ValidationError:
        return False
    return data == data


def _type_of(kind: inspect.Type) -> object:
    """Return a leaf of the tree as a type that msgspec converts to."""
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        of = int if isinstance(kind, inspect.IntType) else float
        return _annotated(of, ge=kind.ge, gt=kind.gt, le=kind.le)
    if isinstance(kind, inspect.StrType):
        return _annotated(str, min_length=kind.min_length, max_length=kind.max_length)
    if isinstance(kind, inspect.LiteralType):
        from typing import Literal

        return Literal[kind.values]
    return bool if isinstance(kind, inspect.BoolType) else dict


def _annotated(of: type, **bounds: float | None) -> object:
    from typing import Annotated

    return Annotated[of, msgspec.Meta(**bounds)]  # type: ignore[arg-type]


def _wanted(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        name = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
        if kind.gt is not None:
            return f"{name} above {kind.gt:.15g}, {kind.le:.15g} at most"
        return f"{name} from {kind.ge:.15g} to {kind.le:.15g}"
    if isinstance(kind, inspect.LiteralType):
        return f"one of {', '.join(map(str, kind.values))}"
    if isinstance(kind, inspect.StrType):
        return "text" if kind.max_length is None else f"text of 1 to {kind.max_length} characters"
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    return "a list, like [a, b]" if isinstance(kind, _LISTS) else "names with values, not a value"


def _hint(data: object, kind: inspect.Type) -> str:
    if isinstance(kind, inspect.LiteralType) and isinstance(data, str):
        return did_you_mean(data, [str(value) for value in kind.values])
    if isinstance(kind, inspect.StrType) and isinstance(data, int | float):
        return "; put quotes around it"
    return ""
