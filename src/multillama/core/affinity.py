"""Affinity: a conversation returns to the target that holds its KV cache. A preference, never a jail.

A conversation is known by its prefix: chained hashes of its messages, so that the hash of a message stands for all
before it, too. Replicas that share nothing agree on where a new conversation goes, because that is computed.
"""

import math
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from multillama.core.snapshot import Target

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""A longer body is not read."""
MAX_COMMAS: Final = 50_000
"""One with more is not read either: a million tiny parts would cost half a second. Megabytes of text have fewer."""
MAX_BLOCKS: Final = 64
MAX_MESSAGE_BYTES: Final = 16 * 1024
"""Of a longer message its beginning and its length count."""
MAX_HEAD_BYTES: Final = 64 * 1024
"""The same for system prompt and tools."""
PROMPT_BLOCK_BYTES: Final = 1024
"""A prompt without messages is cut into blocks of this size."""
REMEMBERED: Final = 4
"""Blocks of one exchange that are kept, the last ones: those before were the last ones of an earlier exchange."""
OVERLOAD: Final = 1.25
"""A target with this many times the mean load, and `SLACK` more, is passed over."""
SLACK: Final = 2
"""So many exchanges may meet by chance. With 1, of forty conversations at even load 93 to 98 % of the turns stay at
home; with 2 it is 99 %; with 3 hardly anybody ever moves, and a start that was uneven stays so."""
LEAST_WEIGHT: Final = 1e-9
"""In the place of a weight of zero: only where there is nobody else."""

_NAMED: Final = re.compile(rb'"(?:system|developer)"')
_MARK: Final = re.compile(
    rb'(?:,\s{0,8})?"cache_control"\s*:\s*(?:null|\{[^{}]*\})|x-anthropic-billing-header:[^"\\]*'
)
"""What Anthropic clients move or change from turn to turn, though the model reads the same.

Linear: no part of it begins with a repetition.
"""
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Body(msgspec.Struct):
    messages: msgspec.Raw = msgspec.Raw(b"null")
    input: msgspec.Raw = msgspec.Raw(b"null")
    prompt: msgspec.Raw = msgspec.Raw(b"null")
    system: msgspec.Raw = msgspec.Raw(b"null")
    instructions: msgspec.Raw = msgspec.Raw(b"null")
    tools: msgspec.Raw = msgspec.Raw(b"null")


_BODY: Final = msgspec.json.Decoder(_Body)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PARTS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def read_blocks(body: bytes) -> tuple[int, ...]:
    """Returns the prefix blocks of a request: one for its system prompt and tools, then one for each message.

    Equal blocks at one place mean that all up to there is equal, for the model: marks for a provider's cache and the
    way in which a plain text is wrapped do not count. At most `MAX_BLOCKS`; () for what cannot be read, or would take
    long: about 1 µs for each kB, and 30 ms at the worst, are spent here.
    """
    if len(body) > MAX_BODY_BYTES or body.count(b",") > MAX_COMMAS:
        return ()
    try:
        whole = _BODY.decode(body)
        head, pieces = _split(whole)
    except _UNREADABLE:
        return ()
    if not pieces:
        return ()
    chain = blake2b(_cut(_MARK.sub(b"", head), MAX_HEAD_BYTES), digest_size=8)
    blocks = [int.from_bytes(chain.digest())]
    for piece in pieces[: MAX_BLOCKS - 1]:
        chain.update(_cut(piece, MAX_MESSAGE_BYTES))
        blocks.append(int.from_bytes(chain.digest()))
    return tuple(blocks)


def session_blocks(session: bytes) -> tuple[int, ...]:
    """Returns the block of a session that the client names itself."""
    return (int.from_bytes(blake2b(session, digest_size=8, person=b"session").digest()),)


def _split(whole: _Body) -> tuple[bytes, list[bytes]]:
    """Returns what stands before the conversation, and its messages in canonical form."""
    head = _content(bytes(whole.system)) + bytes(whole.instructions) + bytes(whole.tools)
    rows = bytes(whole.messages)
    if rows == b"null":
        rows = bytes(whole.input)
    if rows[:1] != b"[":
        text = bytes(whole.prompt) if rows == b"null" else rows
        return head, [] if text == b"null" else _prompt_pieces(text)
    pieces = _LIST.decode(rows)[: MAX_BLOCKS * 2]
    while pieces and _is_system(bytes(pieces[0])):
        head += _message(bytes(pieces.pop(0)))
    return head, [_message(bytes(piece)) for piece in pieces[:MAX_BLOCKS]]


def _prompt_pieces(text: bytes) -> list[bytes]:
    """Cuts a plain prompt; the last piece, which grows, counts only where it is the first."""
    size = PROMPT_BLOCK_BYTES
    whole = range(size, min(len(text), size * MAX_BLOCKS), size)
    return [text[end - size : end] for end in whole] or [text]


def _is_system(raw: bytes) -> bool:
    if raw[:1] != b"{" or not _NAMED.search(raw[:MAX_MESSAGE_BYTES]):
        return False
    return bytes(_MEMBERS.decode(raw).get("role", b"")) in (b'"system"', b'"developer"')


def _message(raw: bytes) -> bytes:
    """Returns role and content of a message, and what else it holds, in one spelling."""
    if raw[:1] != b"{":
        return raw
    members = _MEMBERS.decode(raw)
    members.pop("cache_control", None)
    content = bytes(members.pop("content", b""))
    rest = b"".join(b"%b:%b," % (name.encode(), members[name]) for name in sorted(members))
    return rest + _content(content)


def _content(raw: bytes) -> bytes:
    """Returns a content's texts as they are, whether it is a string or a list of parts, and other parts whole."""
    if raw[:1] != b"[":
        return raw
    try:
        parts = _PARTS.decode(raw)
    except msgspec.ValidationError:  # a list of something else
        return raw
    for part in parts:
        part.pop("cache_control", None)
    return b"".join(
        bytes(part["text"]) if "text" in part else b"".join(map(bytes, part.values()))
        for part in parts
    )


def _cut(piece: bytes, size: int) -> bytes:
    return b"%d:%b" % (len(piece), piece[:size])


class Affinity:
    """Which target has seen which prefix. Bounded: the longest unused is forgotten.

    Args:
        capacity: Prefixes that are remembered; an exchange adds up to four.
    """

    __slots__ = ("_capacity", "_seen")

    def __init__(self, capacity: int = 16_384) -> None:
        self._capacity = capacity
        self._seen: dict[int, tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def remember(self, blocks: Sequence[int], target: Target) -> None:
        """Takes note that a target has these blocks in its cache: call it when an answer has begun."""
        seen, place = self._seen, (target.endpoint.name, target.model)
        for block in _told(blocks)[-REMEMBERED:]:
            seen.pop(block, None)  # so that it is the youngest again
            seen[block] = place
        while len(seen) > self._capacity:
            del seen[next(iter(seen))]

    def find(self, blocks: Sequence[int], targets: Sequence[Target]) -> Target | None:
        """Returns the target among these that has seen the longest prefix."""
        seen = self._seen
        for block in reversed(_told(blocks)):
            place = seen.get(block)
            if place is not None:
                for target in targets:
                    if (target.endpoint.name, target.model) == place:
                        return target
        return None


def _told(blocks: Sequence[int]) -> Sequence[int]:
    """The blocks that tell one conversation from another: system prompt and tools alone do not."""
    return blocks[1:] or blocks


def rendezvous(blocks: Sequence[int], targets: Sequence[Target]) -> list[Target]:
    """Orders targets for a conversation that none of them has seen, the same way in every process.

    Each target draws a number from its name and the conversation's beginning; a target's weight is its share of
    firsts. One more target takes its share from all others and moves nothing else (weighted rendezvous hashing).
    """
    opening = _told(blocks)[0].to_bytes(8)

    def draw(target: Target) -> float:
        name = f"{target.endpoint.name}/{target.model}".encode()
        number = int.from_bytes(blake2b(name, digest_size=8, salt=opening).digest())
        return -math.log((number + 1) / 2**64) / (target.weight or LEAST_WEIGHT)

    return sorted(targets, key=draw)


def is_overloaded(target: Target, targets: Sequence[Target]) -> bool:
    """Says whether a target has so much more to do than these have on the average that affinity does not pay."""
    total = sum(other.endpoint.state.in_flight for other in targets)
    return target.endpoint.state.in_flight > OVERLOAD * total / len(targets) + SLACK
