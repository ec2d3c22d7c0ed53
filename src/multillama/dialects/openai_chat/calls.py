"""Tells the calls of a stream apart, and begins each when its name is there.

Servers differ: some tell no index, or one index for all calls, each with an id of its own; some say id and name each
time, some another id each time, some the name after the first arguments; some send arguments as an object.
"""

from typing import Any

from multillama.core.canonical import Reasoning
from multillama.core.parts import Parts
from multillama.core.shape import Object
from multillama.dialects.openai_chat.parts import arguments_text, read_call, synthetic_id
from multillama.dialects.openai_chat.reasoning import take_signature


class _Call:
    """A call that has begun, or waits for its name."""

    __slots__ = ("id", "key", "row")

    def __init__(self, key: int, id_: str) -> None:
        self.key = key
        self.id = id_
        self.row: Object | None = {}
        """What has come while there was no name; None as soon as there was."""


class Calls:
    """The calls of one choice."""

    __slots__ = ("_all", "_index", "_last", "_parts", "_seed", "_slots")

    def __init__(self, parts: Parts, index: int, seed: str) -> None:
        """Takes where the parts go, the choice's number, and what makes ids unlike those of other answers."""
        self._parts = parts
        self._index = index
        self._seed = seed
        self._slots: dict[int | str, _Call] = {}
        self._all: list[_Call] = []
        self._last: _Call | None = None

    @property
    def has_any(self) -> bool:
        return bool(self._all)

    def take(self, row: Any) -> None:
        """Takes one row of `tool_calls`."""
        if not isinstance(row, dict):
            return
        call = self._find(row)
        self._last = call
        if call.row is None:
            self._argue(call, row)
            return
        _merge(call.row, row)
        if _has_name(call.row):
            self._begin(call)

    def take_function(self, function: Any) -> None:
        """Takes a `function_call`, of before there were tools."""
        if isinstance(function, dict):
            self.take({"index": "function", "function": function})

    def close(self) -> None:
        """Begins what has never got a name, so that nothing is left out."""
        for call in self._all:
            if call.row is not None:
                self._begin(call)

    def _find(self, row: Object) -> _Call:
        index, id_ = row.get("index"), row.get("id")
        id_ = id_ if isinstance(id_, str) else ""
        if not isinstance(index, int | str):
            if not id_ and self._last is not None:
                return self._last
            index = f"id {id_}"
        call = self._slots.get(index)
        if call is None or (id_ and call.id and id_ != call.id and _has_name(row)):
            call = _Call(len(self._all), id_)
            self._slots[index] = call
            self._all.append(call)
        elif not call.id:
            call.id = id_
        return call

    def _begin(self, call: _Call) -> None:
        signature, row = take_signature(call.row or {})
        call.row = None
        what = read_call(row, synthetic_id(self._seed, call.key))
        arguments, what.arguments = what.arguments, ""
        if signature is not None:
            self._parts.whole(Reasoning("", signature), self._index)
        what.extras = {
            name: value
            for name, value in row.items()
            if name not in ("id", "type", "index", "function", "custom")
        }
        self._parts.call(call.key, what, self._index)
        self._parts.argue(call.key, arguments, self._index)

    def _argue(self, call: _Call, row: Object) -> None:
        inner = row.get("function") or row.get("custom")
        if isinstance(inner, dict):
            value = inner.get("arguments")
            text = arguments_text(inner.get("input") if value is None else value)
            self._parts.argue(call.key, text, self._index)


def _has_name(row: Object) -> bool:
    inner = row.get("custom") or row.get("function")
    return isinstance(inner, dict) and bool(inner.get("name"))


def _merge(known: Object, row: Object) -> None:
    """Adds a row to what is known of a call that waits for its name."""
    for name, value in row.items():
        if value is None:
            continue
        if isinstance(value, dict) and isinstance(known.get(name), dict):
            inner = known[name]
            before = arguments_text(inner.get("arguments"))
            known[name] = {**inner, **value}
            if before:
                known[name]["arguments"] = before + arguments_text(value.get("arguments"))
        else:
            known[name] = value
