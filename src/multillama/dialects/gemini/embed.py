"""Embeddings: `embedContent` of one text, `batchEmbedContents` of many.

Source: google-genai 3.4.0 `models._EmbedContentParametersPrivate_to_mldev`; ai.google.dev/api/embeddings
(November 2026).
"""

from typing import Any, Final

import msgspec

from multillama.core.canonical import Embed, Vectors
from multillama.core.codec import Goal, Misfit
from multillama.core.shape import Members, Object, a_list, a_number, a_text, decode_object
from multillama.dialects.gemini.request import FAMILY
from multillama.dialects.gemini.spelling import an_object_of, camel, rows_of

SAYS: Final = frozenset(("dimensions", "task", "title", "truncate"))
_TITLES: Final = "titles"
"""In the extras: the title of each text, where they differ."""
_ENCODE: Final = msgspec.json.Encoder().encode


# --- reading ---------------------------------------------------------------------------------


def read_embed(body: bytes) -> Embed:
    """Reads `embedContent`; the caller fills in `model`.

    Raises:
        Misfit: It is none, with the place.
    """
    embed, rest = _read_one(decode_object(body), "")
    embed.is_single = True
    embed.extras = rest
    return embed


def read_batch(body: bytes) -> Embed:
    """Reads `batchEmbedContents`; the caller fills in `model`.

    Raises:
        Misfit: It is none, or asks for one thing of one text and for another of the next; with the place.
    """
    members = Members(camel(decode_object(body)))
    rows = rows_of(members.take("requests"))
    if not rows:
        raise Misfit("requests", "is missing")
    read = [_read_one(row, f"requests[{at}]") for at, row in enumerate(rows)]
    embed, extras = read[0]
    for at, (each, rest) in enumerate(read[1:], 1):
        if (each.task, each.dimensions, each.truncate, rest) != (
            embed.task, embed.dimensions, embed.truncate, extras,
        ):  # fmt: skip
            raise Misfit(f"requests[{at}]", "must ask for the same as the first one")
    titles = [each.title for each, _ in read]
    embed.inputs = [text for each, _ in read for text in each.inputs]
    embed.extras = {**extras, **members.rest}
    if any(title != embed.title for title in titles):
        embed.extras[_TITLES] = titles
    return embed


def _read_one(value: Any, path: str) -> tuple[Embed, Object]:
    """Returns a request for one text, and those of its members that nobody else knows."""
    members = Members(an_object_of(value, path or "the body"), path)
    config = members.members("embedContentConfig")
    if config is not None:
        members.rest.update(camel(config))
    members.take("model")
    embed = Embed(
        "",
        inputs=[_text(members.take("content"), members.at("content"))],
        dimensions=members.whole("outputDimensionality"),
        task=members.text("taskType"),
        title=members.text("title"),
        truncate=members.flag("autoTruncate"),
        family=FAMILY,
    )
    return embed, members.rest


def _text(content: Any, path: str) -> str:
    if isinstance(content, str):
        return content
    texts = []
    for at, part in enumerate(rows_of(an_object_of(content, path).get("parts"))):
        place = f"{path}.parts[{at}]"
        texts.append(a_text(an_object_of(part, place).get("text"), f"{place}.text"))
    return "".join(texts)


def read_vectors(body: bytes) -> Vectors:
    """Reads an answer to either."""
    members = Members(camel(decode_object(body)))
    rows = members.take("embeddings")
    if rows is None:
        rows = [members.take("embedding")]
    vectors = [_vector(row, f"embeddings[{at}]") for at, row in enumerate(rows_of(rows))]
    usage = members.members("usageMetadata") or {}
    tokens = usage.get("promptTokenCount")
    return Vectors(vectors=vectors, input_tokens=tokens if isinstance(tokens, int) else None)


def _vector(row: Any, path: str) -> list[float]:
    values = a_list(an_object_of(row, path).get("values"), f"{path}.values")
    return [a_number(value, f"{path}.values") for value in values]


# --- writing ---------------------------------------------------------------------------------


def write_embed(embed: Embed, goal: Goal) -> bytes:
    """Returns the body of `embedContent`.

    Raises:
        Misfit: There is not one text, but many or tokens.
    """
    if len(embed.inputs) != 1:
        raise Misfit("input", "must be one text for this operation of the endpoint")
    extras = embed.extras if embed.family == goal.family else {}
    return _ENCODE({**_write_one(embed, 0, goal.model), **extras})


def write_batch(embed: Embed, goal: Goal) -> bytes:
    """Returns the body of `batchEmbedContents`.

    Raises:
        Misfit: There are tokens in place of texts.
    """
    extras = dict(embed.extras) if embed.family == goal.family else {}
    titles = extras.pop(_TITLES, None)
    requests = []
    for at in range(len(embed.inputs)):
        row = {**_write_one(embed, at, goal.model), **extras}
        if isinstance(titles, list) and at < len(titles):
            row["title"] = titles[at]
        requests.append({name: value for name, value in row.items() if value is not None})
    return _ENCODE({"requests": requests})


def _write_one(embed: Embed, at: int, model: str) -> Object:
    text = embed.inputs[at]
    if not isinstance(text, str):
        raise Misfit("input", "must be text: the endpoint takes no tokens")
    row: Object = {"model": model_path(model), "content": {"parts": [{"text": text}]}}
    for name, value in (
        ("taskType", embed.task),
        ("title", embed.title),
        ("outputDimensionality", embed.dimensions),
        ("autoTruncate", embed.truncate),
    ):
        if value is not None:
            row[name] = value
    return row


def model_path(model: str) -> str:
    """Returns a model's name as it stands inside of a body."""
    return model if "/" in model else f"models/{model}"


def write_vector(vectors: Vectors, embed: Embed) -> bytes:
    """Returns the answer to `embedContent`."""
    values = vectors.vectors[0] if vectors.vectors else []
    return _ENCODE({"embedding": {"values": values}, **_usage(vectors)})


def write_vectors(vectors: Vectors, embed: Embed) -> bytes:
    """Returns the answer to `batchEmbedContents`."""
    rows = [{"values": values} for values in vectors.vectors]
    return _ENCODE({"embeddings": rows, **_usage(vectors)})


def _usage(vectors: Vectors) -> Object:
    if vectors.input_tokens is None:
        return {}
    return {"usageMetadata": {"promptTokenCount": vectors.input_tokens}}
