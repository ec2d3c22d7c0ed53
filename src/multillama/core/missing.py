"""Answers to paths and methods that do not exist, for the client that meant one which does.

API clients with a wrong base URL land here, so the error has OpenAI's shape and names what is
close.
"""

import re
from difflib import get_close_matches
from typing import Final, NamedTuple

from multillama.core.operations import BY_PATH, OPERATIONS
from multillama.errors import GatewayError

_READ: Final = ("GET", "HEAD")

_READABLE: Final = ("/v1/models", "/models", "/health", "/ready")
"""Paths beside the operations that the gateway answers to `GET`."""

_KNOWN: Final = (*(operation.public_path for operation in OPERATIONS), "/v1/models", "/health")
"""What may be suggested: the canonical form of each path."""

_PATH_CHARS: Final = 200
"""How much of a path is compared and repeated."""

_SUGGESTIONS: Final = 3

_ACTION_CHARS: Final = 40

_GEMINI_CALL: Final = re.compile(
    r"/(?:v1(?:alpha|beta)?|models|tunedModels)/[^?]+:(?:predict|[a-z]+[A-Z][A-Za-z]*)"
)
"""`/v1beta/models/NAME:generateContent` and its like, with or without a version."""


class Missing(NamedTuple):
    """An error, and the methods the path does take (empty where there is no such path)."""

    error: GatewayError
    allow: tuple[str, ...] = ()


def missing(method: str, path: str) -> Missing:
    """Returns what to answer where no page is: 405 for a wrong method, else 404 with hints."""
    if path.encode("utf-8", "surrogateescape") in BY_PATH:
        return wrong_method(method, path, ("POST",))
    if path in _READABLE:
        return wrong_method(method, path, _READ)
    close = suggest(path)
    hint = (
        f" Did you mean {_listed(close)}?" if close else " GET / in a browser shows what there is."
    )
    return Missing(GatewayError("path_not_found", f"There is no {_shown(path)} here.{hint}"))


def is_gemini_call(method: str, path: str) -> bool:
    """Says whether this is a call in Gemini's own dialect, as google-genai sends it; a name may hold a colon, too."""
    return method == "POST" and _GEMINI_CALL.fullmatch(path) is not None


def gemini_call(path: str) -> GatewayError:
    """Returns what to answer to a call in Gemini's own dialect."""
    action = path.rpartition(":")[2][:_ACTION_CHARS]
    served = ", ".join(operation.public_path for operation in OPERATIONS)
    text = (
        f"{action} of Gemini's own API is not served here; GET /v1/models is, for its clients too. Call the model"
        f" by one of these paths instead, with an OpenAI or Anthropic client: {served}."
    )
    return GatewayError("not_implemented", text)


def wrong_method(method: str, path: str, allow: tuple[str, ...]) -> Missing:
    """Returns the 405 for a path that exists."""
    text = f"{_shown(path)} does not take {method[:20]}; it takes {_listed(allow)}."
    return Missing(GatewayError("method_not_allowed", text), allow)


def suggest(path: str) -> list[str]:
    """Returns the known paths that this one ends with or looks like, likeliest first."""
    wanted = path[:_PATH_CHARS].lower().rstrip("/")
    # A doubled or foreign prefix (/v1/v1/…, /api/v1/…, /openai/v1/…) is the commonest slip: the end
    # tells.
    ends = [known for known in _KNOWN if wanted.endswith(known.removeprefix("/v1"))]
    ends.sort(key=len, reverse=True)
    alike = get_close_matches(wanted, _KNOWN, n=_SUGGESTIONS, cutoff=0.7)
    return list(dict.fromkeys(ends + alike))[:_SUGGESTIONS]


def _shown(path: str) -> str:
    return path if len(path) <= _PATH_CHARS else path[:_PATH_CHARS] + "…"


def _listed(words: tuple[str, ...] | list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
