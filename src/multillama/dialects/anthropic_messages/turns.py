"""Writes messages as turns of the user and of the assistant.

Neighbours of one role become one turn, as the API itself would have it and as the templates of local models demand;
the results of a turn's tools stand first in it. The system prompt is what comes before the first turn. Where a message
of the system comes later, a newer Claude is given it in its place, between the user's turn and the assistant's; all
others find it in the user's turn, in `<system>` tags.

Source: platform.claude.com, "Messages", "Tool use" and "System messages in a conversation" (November 2026).
"""

from typing import Any, Final

from multillama.core.canonical import Extras, Message, Request, ToolResult
from multillama.core.last_word import with_last_word
from multillama.dialects.anthropic_messages.aim import Aim
from multillama.dialects.anthropic_messages.parts import Block, write_part

_SYSTEM: Final = ("system", "developer")
_PICTURES: Final = ("image", "document")


class _Turn:
    def __init__(self, role: str, extras: Extras) -> None:
        self.role = role
        self.extras = extras
        self.results: list[Block] = []
        self.others: list[Block] = []

    @property
    def blocks(self) -> list[Block]:
        return self.results + self.others if self.results else self.others


def write_messages(request: Request, aim: Aim) -> tuple[list[Block], list[dict[str, Any]]]:
    """Returns the blocks of the system prompt, and the messages."""
    messages = request.messages if aim.is_own else with_last_word(request.messages)
    begin = next((at for at, row in enumerate(messages) if row.role not in _SYSTEM), len(messages))
    system = [block for message in messages[:begin] for block in _system_blocks(message, aim)]
    turns: list[_Turn] = []
    for at in range(begin, len(messages)):
        _add(turns, messages, at, aim)
    if not aim.is_own:
        turns = _as_taken(turns, aim)
        if not turns and system:
            return [], [{"role": "user", "content": system}]  # one message is the least
    return system, [_write(turn) for turn in turns]


def _system_blocks(message: Message, aim: Aim) -> list[Block]:
    blocks: list[Block] = []
    for part in message.parts:
        block = write_part(part, aim)
        if block is None:
            continue
        if aim.is_own or block["type"] == "text":
            blocks.append(block)
        else:
            aim.drop(f"system.{block['type']}")
    return blocks


def _add(turns: list[_Turn], messages: list[Message], at: int, aim: Aim) -> None:
    message = messages[at]
    if message.name is not None:
        aim.drop("messages.name")
    if not aim.is_own:
        aim.drop_extras(message.extras)
    extras = message.extras if aim.is_own else {}
    if message.role not in _SYSTEM:
        role = "assistant" if message.role == "assistant" else "user"
        _add_blocks(_turn(turns, role, extras), message, aim)
        return
    if aim.is_own or _may_stand(turns, messages, at, aim):
        turns.append(_Turn("system", extras))
        turns[-1].others = _system_blocks(message, aim)
        return
    text = "\n".join(block["text"] for block in _system_blocks(message, aim))
    if text:
        wrapped = {"type": "text", "text": f"<system>\n{text}\n</system>"}
        _turn(turns, "user", extras).others.append(wrapped)


def _may_stand(turns: list[_Turn], messages: list[Message], at: int, aim: Aim) -> bool:
    """Says whether a system message may stay where it is: behind the user, before the assistant or at the end."""
    if aim.claude is None or not aim.claude.takes_system_later:
        return False
    is_last = at + 1 == len(messages) or messages[at + 1].role == "assistant"
    return is_last and bool(turns) and turns[-1].role == "user"


def _turn(turns: list[_Turn], role: str, extras: Extras) -> _Turn:
    if not turns or turns[-1].role != role or extras or turns[-1].extras:
        turns.append(_Turn(role, extras))
    return turns[-1]


def _add_blocks(turn: _Turn, message: Message, aim: Aim) -> None:
    for part in message.parts:
        block = write_part(part, aim)
        if block is None:
            continue
        if isinstance(part, ToolResult):
            turn.results.append(block)
        elif turn.role == "assistant" and block["type"] in _PICTURES and not aim.is_own:
            aim.drop(str(block["type"]))  # an assistant shows none here
        else:
            turn.others.append(block)


def _as_taken(turns: list[_Turn], aim: Aim) -> list[_Turn]:
    """Returns turns that are not refused, of a client that does not know what is."""
    if aim.is_whole:
        _free_orphans(turns)
    kept = [turn for turn in turns if turn.blocks]
    claude = aim.claude
    if claude is None or not kept or kept[-1].role != "assistant":
        return kept
    last = kept[-1].blocks[-1]
    if last["type"] != "text":
        return kept
    if not claude.takes_prefill:
        aim.drop("prefill")
        return kept[:-1]
    last["text"] = last["text"].rstrip()  # blanks at its end are refused
    return kept


def _free_orphans(turns: list[_Turn]) -> None:
    """Makes plain content of results whose calls are not in the turn before, which would be refused."""
    calls: set[object] = set()
    for turn in turns:
        if turn.role == "assistant":
            calls = {block["id"] for block in turn.others if block["type"] == "tool_use"}
            continue
        if turn.role == "system":
            continue
        orphans = [row for row in turn.results if row["tool_use_id"] not in calls]
        turn.results = [row for row in turn.results if row["tool_use_id"] in calls]
        turn.others = [block for row in orphans for block in _plain(row)] + turn.others
        calls = set()


def _plain(result: Block) -> list[Block]:
    content = result.get("content", [])
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _write(turn: _Turn) -> dict[str, Any]:
    blocks = turn.blocks
    content: Any = blocks
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        content = blocks[0]["text"]
    return {"role": turn.role, "content": content, **turn.extras}
