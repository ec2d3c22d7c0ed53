"""What a request needs of a target: images, tools, room for its text. Found by searching bytes, only as far as asked.

It must never find a need that is not there: a target that is left out wrongly is worse than one that refuses. What is
written in unusual escapes is not found, and then the endpoint says so itself.
"""

import re
from typing import Final

from multillama.core.affinity import read_blocks
from multillama.core.operations import Operation
from multillama.core.snapshot import ModelFacts

CONVERSATIONS: Final = frozenset({"chat", "responses", "messages"})
"""Operations whose whole text goes into one context. Embeddings, for one, send many texts at once."""

CHARACTERS_PER_TOKEN: Final = 8
"""More than any usual text has in the long run: English has 4 to 5, Russian 5, indented code up to 7."""

MEASURED_BYTES: Final = 2 * 1024 * 1024
"""Of a longer body only the beginning is measured: that is a quarter of a million tokens, and ten milliseconds."""

_IMAGE: Final = re.compile(rb'"type"\s*:\s*"(?:image_url|input_image|image)"')
_TOOLS: Final = re.compile(rb'"(?:tools|functions)"\s*:\s*\[\s*\{')
_NO_TEXT: Final = re.compile(rb'"[A-Za-z0-9+/=_:;,.\\-]{1024,}+')
"""Images, sound and signatures in base64: they are no text, or cost fewer tokens than their length tells."""
_RUNS: Final = (b"    ", b"----", b"====", b"____", b"****", b"....", b"\\t\\t", b"\\n\\n")
"""What repeats in tables and rules: a tokenizer takes very many of them for one."""


class Reading:
    """A request's body, read as far as somebody asks, and once."""

    # no slots: defaults of the class cost nothing where nobody asks
    _has_images: bool | None = None
    _has_tools: bool | None = None
    _tokens: int | None = None
    _blocks: tuple[int, ...] | None = None

    def __init__(self, body: bytes, operation: Operation | None) -> None:
        self.body = body
        self.operation = operation

    @property
    def is_conversation(self) -> bool:
        return self.operation is not None and self.operation.name in CONVERSATIONS

    @property
    def has_images(self) -> bool:
        """Says whether a message holds an image.

        Only a part's `type` counts: a tool may well have an argument named `image_url`. What stands in a text has its
        quotes escaped, and so is not found.
        """
        if self._has_images is None:
            body = self.body
            # from behind, because CPython searches three times as fast that way
            is_likely = self.is_conversation and body.rfind(b"image") >= 0
            self._has_images = is_likely and _IMAGE.search(body) is not None
        return self._has_images

    @property
    def has_tools(self) -> bool:
        """Says whether tools are offered to the model; an empty list offers none."""
        if self._has_tools is None:
            self._has_tools = self.is_conversation and _TOOLS.search(self.body) is not None
        return self._has_tools

    @property
    def tokens(self) -> int:
        """A low estimate of the tokens that go in.

        Characters divided by `CHARACTERS_PER_TOKEN`, without what is no text and without runs of one character. What
        the answer may take (`max_tokens`) is left out: many servers cut the answer short where the context ends, and
        clients ask for much more than they use.
        """
        if self._tokens is None:
            self._tokens = _estimate(self.body) if self.is_conversation else 0
        return self._tokens

    @property
    def blocks(self) -> tuple[int, ...]:
        """Chained hashes of its messages, as `core/affinity.py` makes them."""
        if self._blocks is None:
            self._blocks = read_blocks(self.body) if self.operation is not None else ()
        return self._blocks

    def lack(self, facts: ModelFacts) -> str | None:
        """Says what a target with these facts lacks for this request; None if nothing is known to be missing."""
        if facts.has_vision is False and self.has_images:
            return "it takes no images"
        if facts.has_tools is False and self.has_tools:
            return "it takes no tools"
        context = facts.context_tokens
        # the length alone tells most: the estimate is never above it
        if (
            context is not None
            and len(self.body) > context * CHARACTERS_PER_TOKEN
            and self.tokens > context
        ):
            return f"its context has {context} tokens and the request at least {self.tokens}"
        return None


def _estimate(body: bytes) -> int:
    text = _NO_TEXT.sub(b"", body[:MEASURED_BYTES])
    for run in _RUNS:
        text = text.replace(run, b"")
    # `\u4e2d` is one character in six bytes, and what is not ASCII has two to four bytes
    characters = len(text.decode("utf-8", "ignore")) - 5 * text.count(b"\\u")
    return max(0, characters) // CHARACTERS_PER_TOKEN
