"""How likely tokens were: `[{"token", "logprob", "bytes", "top_logprobs"}]`.

Source: Ollama's api/types.go (August 2026), `Logprob`; ollama 0.6.3 (Python), `Logprob`.
"""

from typing import Any

from multillama.core.canonical import Logprob
from multillama.core.shape import Object


def read_logprobs(rows: Any) -> list[Logprob]:
    """Returns the tokens that are told whole."""
    found = _read(rows)
    if found:
        whole = [row for row in rows if _is_whole(row)]
        for logprob, row in zip(found, whole, strict=True):
            logprob.top = _read(row.get("top_logprobs"))
    return found


def _read(rows: Any) -> list[Logprob]:
    rows = rows if isinstance(rows, list) else []
    return [
        Logprob(row["token"], row["logprob"], _bytes(row.get("bytes")))
        for row in rows
        if _is_whole(row)
    ]


def _is_whole(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("token"), str)
        and isinstance(row.get("logprob"), int | float)
    )


def _bytes(value: Any) -> list[int] | None:
    return value if isinstance(value, list) else None


def write_logprobs(logprobs: list[Logprob]) -> list[Object]:
    """Returns the rows."""
    rows = []
    for logprob in logprobs:
        row: Object = {"token": logprob.token, "logprob": logprob.logprob}
        if logprob.bytes:
            row["bytes"] = logprob.bytes
        if logprob.top:
            row["top_logprobs"] = write_logprobs(logprob.top)
        rows.append(row)
    return rows
