"""Arguments of a call that come in pieces, each with its place: Vertex sends them so where the client asks for it.

    functionCall {name, willContinue}
    functionCall {partialArgs [{jsonPath, stringValue, willContinue}], willContinue} …
    functionCall {}

Source: google-genai 3.4.0 `types.PartialArg`; RFC 9535 for the paths, of which names and indexes occur.
"""

import re
from itertools import pairwise
from typing import Any, Final

from multillama.core.codec import Misfit
from multillama.core.shape import Object
from multillama.dialects.gemini.spelling import an_object_of, rows_of

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\['([^']*)'\]|\["([^"]*)"\]""")
_MAX_STEPS: Final = 64
_VALUES: Final = ("stringValue", "numberValue", "boolValue")

Step = str | int


class CallInPieces:
    """One call whose arguments are still coming."""

    def __init__(self, name: str, call_id: str | None) -> None:
        self.name = name
        self.id = call_id
        self.signature: str | None = None
        self.args: Object = {}
        self._going_on: str | None = None
        """The path of a text whose next piece follows."""

    def take(self, pieces: Any, path: str) -> None:
        """Takes `partialArgs`."""
        for at, row in enumerate(rows_of(pieces)):
            place = f"{path}[{at}]"
            self._take(an_object_of(row, place), place)

    def _take(self, piece: Object, path: str) -> None:
        where = piece.get("jsonPath")
        if not isinstance(where, str):
            raise Misfit(f"{path}.jsonPath", "must be a text")
        steps = _steps(where, path)
        value = next((piece[name] for name in _VALUES if piece.get(name) is not None), None)
        holder = self._holder(steps, path)
        last = steps[-1]
        if where == self._going_on and isinstance(value, str):
            before = _get(holder, last)
            value = before + value if isinstance(before, str) else value
        _put(holder, last, value, path)
        self._going_on = where if piece.get("willContinue") is True else None

    def _holder(self, steps: list[Step], path: str) -> Any:
        """Returns the object or list in which the last step is, and makes what is missing on the way."""
        holder: Any = self.args
        for step, following in pairwise(steps):
            inner = _get(holder, step)
            if not isinstance(inner, dict | list):
                inner = [] if isinstance(following, int) else {}
                _put(holder, step, inner, path)
            holder = inner
        return holder


def _steps(where: str, path: str) -> list[Step]:
    steps: list[Step] = []
    at = 1
    while at < len(where):
        step = _STEP.match(where, at)
        if step is None:
            break
        name, index, *quoted = step.groups()
        steps.append(int(index) if index is not None else name or quoted[0] or quoted[1] or "")
        at = step.end()
    if not where.startswith("$") or at != len(where) or not 0 < len(steps) <= _MAX_STEPS:
        raise Misfit(f"{path}.jsonPath", "must be names and indexes after $")
    return steps


def _get(holder: Any, step: Step) -> Any:
    if isinstance(holder, dict):
        return holder.get(step)
    return holder[step] if isinstance(step, int) and step < len(holder) else None


def _put(holder: Any, step: Step, value: Any, path: str) -> None:
    if isinstance(holder, dict) and isinstance(step, str):
        holder[step] = value
    elif isinstance(holder, list) and isinstance(step, int) and step <= len(holder):
        holder[step : step + 1] = [value]
    else:
        raise Misfit(f"{path}.jsonPath", "leads nowhere")
