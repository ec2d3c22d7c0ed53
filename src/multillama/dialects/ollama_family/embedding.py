"""What both dialects for embeddings have in common: options, `keep_alive`, and lists of numbers."""

from typing import Any

from multillama.core.canonical import Embed
from multillama.core.codec import Goal, Misfit
from multillama.core.shape import Members, Object
from multillama.dialects.ollama_family.figures import NAME
from multillama.dialects.ollama_family.options import (
    option_extras,
    read_keep_alive,
    rest_of,
    write_extras,
)


def begin_embed(members: Members) -> Embed:
    """Returns a request with all that these have in common.

    Raises:
        Misfit: A member is not what it must be.
    """
    embed = Embed(members.text("model") or "", family=NAME)
    embed.keep_alive = read_keep_alive(members)
    embed.extras = option_extras(members.members("options") or {})
    return embed


def end_embed(embed: Embed, members: Members) -> Embed:
    """Returns the request with what nobody has taken."""
    embed.extras.update(rest_of(members))
    return embed


def texts_of(embed: Embed) -> list[str]:
    """Returns what is to be embedded.

    Raises:
        Misfit: It is tokens, which Ollama does not take.
    """
    texts = []
    for at, value in enumerate(embed.inputs):
        if not isinstance(value, str):
            raise Misfit(f"input[{at}]", "must be a text: this endpoint takes no tokens")
        texts.append(value)
    return texts


def write_embed(embed: Embed, goal: Goal, body: Object) -> None:
    """Adds all that these have in common."""
    if embed.keep_alive is not None:
        body["keep_alive"] = embed.keep_alive
    if embed.family == goal.family:
        options: Object = {}
        write_extras(embed.extras, body, options)
        if options:
            body["options"] = options


def read_vector(value: Any, path: str) -> list[float]:
    """Returns a vector.

    Raises:
        Misfit: It is none.
    """
    if isinstance(value, list) and all(
        isinstance(figure, int | float) and not isinstance(figure, bool) for figure in value
    ):
        return value
    raise Misfit(path, "must be a list of numbers")
