"""Commands and programs to copy: they call this gateway, with a model that exists.

What is copied is run in a shell, so a model's name, which any endpoint may choose, must not get out
of its quotes.
"""

import shlex
from collections.abc import Sequence
from typing import Final

import msgspec

from multillama.web.view import ModelView

NO_MODEL: Final = "your-model"
"""Stands where no model is known yet."""

_NO_CHAT: Final = (
    "embed", "whisper", "tts", "transcribe", "dall-e", "image", "moderation", "rerank", "bge-",
    "sora",
)  # fmt: skip
"""Parts of names of models that do not chat (2026); only the first example hangs on it."""

_KEY: Final = "MULTILLAMA_API_KEY"


class Snippet(msgspec.Struct, frozen=True):
    """One example: `id` for the page, `title` for people, and the text to copy."""

    id: str
    title: str
    text: str


def pick_model(models: Sequence[ModelView], wanted: str | None) -> str | None:
    """Returns the wanted model if it exists, else the first that seems to chat, else the first."""
    if wanted is not None and any(model.id == wanted for model in models):
        return wanted
    for model in models:
        if not any(part in model.id.lower() for part in _NO_CHAT):
            return model.id
    return models[0].id if models else None


def snippets(base: str, model: str | None, *, needs_key: bool) -> tuple[Snippet, ...]:
    """Returns the examples for one model.

    Args:
        base: This gateway's own URL with `/v1`, made of checked parts.
        model: None where no model is known yet.
        needs_key: Whether clients must send the gateway's key.
    """
    literal = _literal(model or NO_MODEL)
    is_embedding = "embed" in (model or "").lower()
    return (
        Snippet("curl", "curl", _curl(base, literal, is_embedding, needs_key)),
        Snippet("python", "Python", _python(base, literal, is_embedding, needs_key)),
        Snippet("javascript", "JavaScript", _javascript(base, literal, is_embedding, needs_key)),
    )


def _literal(text: str) -> str:
    r"""Returns a literal that JSON, Python and JavaScript read alike, safe in a shell's '…'.

    A quote, a control character and whatever else cannot be seen (line separators, marks that turn
    the direction of writing) become `\uXXXX`.
    """
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char != "'" and char.isprintable():
        return char
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join("\\u" + units[at : at + 4] for at in range(0, len(units), 4))


def _curl(base: str, literal: str, is_embedding: bool, needs_key: bool) -> str:
    path = "/embeddings" if is_embedding else "/chat/completions"
    rest = (
        '"input": "Hello!"'
        if is_embedding
        else '"messages": [{"role": "user", "content": "Hello!"}]'
    )
    lines = [f"curl {shlex.quote(base + path)}", "  -H 'Content-Type: application/json'"]
    if needs_key:
        lines.append(f'  -H "Authorization: Bearer ${_KEY}"')
    lines.append(f"  -d '{{\n    \"model\": {literal},\n    {rest}\n  }}'")
    return " \\\n".join(lines)


def _python(base: str, literal: str, is_embedding: bool, needs_key: bool) -> str:
    key = f'os.environ["{_KEY}"]' if needs_key else '"unused"'
    head = "import os\n\n" if needs_key else ""
    head += f'from openai import OpenAI\n\nclient = OpenAI(base_url="{base}", api_key={key})\n'
    if is_embedding:
        return (
            f'{head}answer = client.embeddings.create(model={literal}, input="Hello!")\n'
            "print(answer.data[0].embedding)"
        )
    return (
        f"{head}answer = client.chat.completions.create(\n    model={literal},\n"
        '    messages=[{"role": "user", "content": "Hello!"}],\n)\n'
        "print(answer.choices[0].message.content)"
    )


def _javascript(base: str, literal: str, is_embedding: bool, needs_key: bool) -> str:
    key = f"process.env.{_KEY}" if needs_key else '"unused"'
    head = (
        'import OpenAI from "openai";\n\n'
        f'const client = new OpenAI({{ baseURL: "{base}", apiKey: {key} }});\n'
    )
    if is_embedding:
        return (
            f"{head}const answer = await client.embeddings.create({{\n  model: {literal},\n"
            '  input: "Hello!",\n});\n'
            "console.log(answer.data[0].embedding);"
        )
    return (
        f"{head}const answer = await client.chat.completions.create({{\n  model: {literal},\n"
        '  messages: [{ role: "user", content: "Hello!" }],\n});\n'
        "console.log(answer.choices[0].message.content);"
    )
