"""Looks at plain JSON values: is this what the dialect has in its place? Each look raises `Misfit` with the place.

Values that a client sends are looked at strictly, as a wrong one is better told than guessed; the dialects' readers of
answers use `get` and forgive what they can do without.
"""

from typing import Any

import msgspec

from multillama.core.codec import Misfit

Object = dict[str, Any]

_DECODE = msgspec.json.Decoder().decode


def decode(data: bytes | str) -> Any:
    """Returns the plain values of a JSON text.

    Raises:
        Misfit: It is no JSON.
    """
    try:
        return _DECODE(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Misfit("", f"is not valid JSON: {error}") from error


def decode_object(data: bytes | str) -> Object:
    """Returns the members of a JSON object.

    Raises:
        Misfit: It is no JSON, or no object.
    """
    return an_object(decode(data), "the body")


def an_object(value: Any, path: str) -> Object:
    """Returns the members of an object, or raises Misfit."""
    if isinstance(value, dict):
        return value
    raise Misfit(path, "must be an object")


def a_list(value: Any, path: str) -> list[Any]:
    """Returns the rows of a list, or raises Misfit."""
    if isinstance(value, list):
        return value
    raise Misfit(path, "must be a list")


def a_text(value: Any, path: str) -> str:
    """Returns the text, or raises Misfit."""
    if isinstance(value, str):
        return value
    raise Misfit(path, "must be a text")


def a_number(value: Any, path: str) -> float:
    """Returns the number, whole or not, or raises Misfit."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise Misfit(path, "must be a number")


def a_whole(value: Any, path: str) -> int:
    """Returns a whole number, also of `16.0`, which some clients send."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise Misfit(path, "must be a whole number")


def a_bool(value: Any, path: str) -> bool:
    """Returns the truth value, or raises Misfit."""
    if isinstance(value, bool):
        return value
    raise Misfit(path, "must be true or false")


class Members:
    """The members of one object, taken one by one; what nobody has taken is left in `rest`."""

    def __init__(self, members: Object, path: str = "") -> None:
        """Takes a copy of the members, and the object's place."""
        self.rest = dict(members)
        self._path = path

    def at(self, name: str) -> str:
        """Returns the place of a member."""
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str) -> Any:
        """Returns a member as it is, None where it is missing or null."""
        return self.rest.pop(name, None)

    def text(self, name: str) -> str | None:
        value = self.rest.pop(name, None)
        return None if value is None else a_text(value, self.at(name))

    def need_text(self, name: str) -> str:
        """Returns a text that must be there."""
        value = self.rest.pop(name, None)
        if value is None:
            raise Misfit(self.at(name), "is missing")
        return a_text(value, self.at(name))

    def number(self, name: str) -> float | None:
        value = self.rest.pop(name, None)
        return None if value is None else a_number(value, self.at(name))

    def whole(self, name: str) -> int | None:
        value = self.rest.pop(name, None)
        return None if value is None else a_whole(value, self.at(name))

    def flag(self, name: str) -> bool | None:
        value = self.rest.pop(name, None)
        return None if value is None else a_bool(value, self.at(name))

    def rows(self, name: str) -> list[Any]:
        """Returns a list, empty where it is missing or null."""
        value = self.rest.pop(name, None)
        return [] if value is None else a_list(value, self.at(name))

    def members(self, name: str) -> Object | None:
        value = self.rest.pop(name, None)
        return None if value is None else an_object(value, self.at(name))

    def texts(self, name: str) -> list[str]:
        """Returns texts, of a list or of one text alone."""
        value = self.rest.pop(name, None)
        if value is None:
            return []
        values = [value] if isinstance(value, str) else a_list(value, self.at(name))
        return [a_text(text, f"{self.at(name)}[{at}]") for at, text in enumerate(values)]
