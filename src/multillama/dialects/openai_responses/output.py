"""Items that a model made: read leniently, as endpoints send them, and built as OpenAI's SDKs want them.

Source: openai SDK 3.54.0, `types/responses` (ResponseOutputItem); recorded answers of OpenAI and DeepSeek.
"""

from collections.abc import Iterator
from typing import Any, Final

from multillama.core.canonical import (
    Foreign,
    Image,
    Namespace,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from multillama.core.join import MORE
from multillama.core.shape import Object
from multillama.dialects.openai_responses.content import (
    CONTENT,
    left,
    lose,
    read_logprobs,
    write_foreign,
    write_logprobs,
)
from multillama.dialects.openai_responses.terms import Terms

COMPLETED: Final = "completed"
BETWEEN: Final = "\n\n"
"""Between the parts of a reasoning, which are one text elsewhere."""
ITEM: Final = "item"
"""In the extras of a text: the members of its item that stand for all of its texts."""
ANNOTATION: Final = "annotation"
"""A further annotation of a text, in a stream."""
PHASE: Final = "phase"
SUMMARY_PART: Final = "summary_part"
"""What came of a reasoning: another part, which begins at so many characters."""
ANNOTATIONS: Final = "annotations"
_ANNOTATION_TYPES: Final = ("url_citation", "file_citation", "container_file_citation", "file_path")
_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
"""Type of a call's item to its member that holds what the tool is given."""
_CALL_MEMBERS: Final = frozenset(("type", "id", "call_id", "name", "namespace"))
_MESSAGE_MEMBERS: Final = frozenset(("type", "id", "role", "content", PHASE))
_REASONING_MEMBERS: Final = frozenset(("type", "id", "summary", "encrypted_content"))
_TEXT_MEMBERS: Final = frozenset(("type", "text", "logprobs", ANNOTATIONS))


# --- reading ---------------------------------------------------------------------------------


def text_at(members: Object, name: str) -> str:
    """Returns a member's text, empty where it has none."""
    value = members.get(name)
    return value if isinstance(value, str) else ""


def id_of(item: Object) -> str | None:
    """Returns an item's id, where it has one."""
    value = item.get("id")
    return value if isinstance(value, str) and value else None


def _others(item: Object, known: frozenset[str]) -> Object:
    """Returns what else an item says; that it is completed goes without saying."""
    rest = left({name: value for name, value in item.items() if name not in known})
    if rest.get("status") == COMPLETED:
        del rest["status"]
    return rest


def parts_of(item: Object) -> list[Part]:
    """Returns the parts that an item of the output is made of."""
    kind = text_at(item, "type")
    if kind == "message":
        return texts_of(item)
    if kind == "reasoning":
        return [_in_parts(reasoning_of(item), item)]
    if kind in _CALLS:
        return [call_of(item)]
    return [Foreign(kind, item)]


def texts_of(item: Object) -> list[Part]:
    """Returns the parts of a message that the model wrote."""
    content = item.get("content")
    rows = content if isinstance(content, list) else [content]
    parts = [part for row in rows if (part := content_of(row)) is not None]
    mark_item(parts, item)
    return parts


def mark_item(parts: list[Part], item: Object) -> None:
    """Writes down in the parts of a message which item they stand in, and what it says of all of them."""
    item_id, rest = id_of(item), _others(item, _MESSAGE_MEMBERS)
    phase = item.get(PHASE)
    for part in parts:
        if isinstance(part, Text | Refusal):
            part.item_id = item_id
        if isinstance(part, Text):
            if phase is not None:
                part.extras[PHASE] = phase
            if rest:
                part.extras[ITEM] = rest


def content_of(row: Any) -> Part | None:
    """Returns one part of a message, None where there is none."""
    if isinstance(row, str):
        return Text(row)
    if not isinstance(row, dict):
        return None
    kind = text_at(row, "type")
    if kind == "refusal":
        return Refusal(text_at(row, "refusal"))
    if "text" not in row:
        return Foreign(CONTENT + kind, row)
    return Text(text_at(row, "text"), None, read_logprobs(row.get("logprobs")), text_extras(row))


def text_extras(row: Object) -> Object:
    """Returns what a text says beside itself."""
    rest = left({name: value for name, value in row.items() if name not in _TEXT_MEMBERS})
    annotations = row.get(ANNOTATIONS)
    if isinstance(annotations, list) and annotations:
        rest[ANNOTATIONS] = annotations
    return rest


def reasoning_of(item: Object) -> Reasoning:
    """Returns a reasoning: its summary, or the thoughts themselves where no summary was made."""
    summary, content = item.get("summary"), item.get("content")
    rest = _others(item, _REASONING_MEMBERS)
    thoughts, is_summary = _texts(summary), True
    if not thoughts and (raw := _texts(content)):
        thoughts, is_summary = raw, False
        del rest["content"]
    elif not content:
        rest.pop("content", None)
    signature = item.get("encrypted_content")
    return Reasoning(
        BETWEEN.join(thoughts),
        signature if isinstance(signature, str) and signature else None,
        id=id_of(item),
        extras=rest,
        is_summary=is_summary if thoughts else None,
    )


def _in_parts(reasoning: Reasoning, item: Object) -> Reasoning:
    """Writes down where the parts of a reasoning begin, for a client of this dialect."""
    thoughts = _texts(item.get("summary" if reasoning.is_summary else "content"))
    at = 0
    for thought in thoughts[:-1]:
        at += len(thought) + len(BETWEEN)
        reasoning.extras.setdefault(MORE, []).append((SUMMARY_PART, at))  # type: ignore[attr-defined]
    return reasoning


def _texts(rows: Any) -> list[str]:
    if isinstance(rows, str):
        return [rows] if rows else []
    if not isinstance(rows, list):
        return []
    return [text for row in rows if isinstance(row, dict) and (text := text_at(row, "text"))]


def is_call(item: Object) -> bool:
    """Says whether an item is a call of one of the client's tools."""
    return text_at(item, "type") in _CALLS


def call_of(item: Object) -> ToolCall:
    """Returns a call of a tool."""
    kind = text_at(item, "type")
    given = _CALLS[kind]
    rest = _others(item, _CALL_MEMBERS | {given})
    name, group = text_at(item, "name"), text_at(item, "namespace")
    item_id = id_of(item)
    call_id = text_at(item, "call_id") or item_id or ""
    call = ToolCall(call_id, name, text_at(item, given), given == "input", item_id, rest)
    if group:
        call.namespace = Namespace(group, name)
        call.name = flat_name(group, name)
    return call


def flat_name(group: str, name: str) -> str:
    """Returns the name of a tool of a group where groups are not known."""
    return group + name if group.endswith("_") else f"{group}__{name}"


# --- building --------------------------------------------------------------------------------


def together(parts: list[Part]) -> Iterator[list[Part]]:
    """Groups parts by the items they make: texts of one message together, anything else alone."""
    texts: list[Part] = []
    for part in parts:
        if isinstance(part, Text | Refusal):
            if texts and part.item_id != texts[-1].item_id:  # type: ignore[union-attr]
                yield texts
                texts = []
            texts.append(part)
            continue
        if texts:
            yield texts
            texts = []
        yield [part]
    if texts:
        yield texts


def message_item(item_id: str, content: list[Object], status: str, rest: Object) -> Object:
    """Returns a message that the model wrote."""
    return {
        "id": item_id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
        **rest,
    }


def item_members(part: Part, terms: Terms) -> Object:
    """Returns what a text says of its whole item."""
    if not (terms.is_own and isinstance(part, Text)):
        return {}
    members = part.extras.get(ITEM)
    rest = dict(members) if isinstance(members, dict) else {}
    if PHASE in part.extras:
        rest[PHASE] = part.extras[PHASE]
    return rest


def content_part(part: Text | Refusal, terms: Terms) -> Object:
    """Returns a part of a message that the model wrote."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    annotations, rest = text_rest(part.extras, terms)
    return text_part(part.text, annotations, write_logprobs(part.logprobs), rest)


def text_part(text: str, annotations: list[Object], logprobs: list[Object], rest: Object) -> Object:
    """Returns a text of a message that the model wrote."""
    return {
        "type": "output_text",
        "text": text,
        ANNOTATIONS: annotations,
        "logprobs": logprobs,
        **rest,
    }


def text_rest(extras: Object, terms: Terms) -> tuple[list[Object], Object]:
    """Returns the annotations of a text, and its other extras that may be written."""
    if not extras:
        return [], {}
    rest = {name: value for name, value in extras.items() if name not in (ANNOTATIONS, PHASE, ITEM)}
    rows = extras.get(ANNOTATIONS)
    found = [(ANNOTATION, row) for row in rows] if isinstance(rows, list) else _came(extras)
    annotations = [annotation_of(kind, value, terms) for kind, value in found]
    return [one for one in annotations if one is not None], terms.own(rest)


def _came(extras: Object) -> list[tuple[str, Any]]:
    """Returns what came of a part in a stream: kinds and values."""
    more: list[tuple[str, Any]] = extras.get(MORE, [])
    return more


def annotation_of(kind: str, value: Any, terms: Terms) -> Object | None:
    """Returns what came of a text if it is an annotation; Chat has the same ones, maybe with members a level deeper."""
    if kind == ANNOTATION and isinstance(value, dict):
        inner = value.get("url_citation")
        if isinstance(inner, dict):
            return {"type": "url_citation", **inner}
        if terms.is_own or value.get("type") in _ANNOTATION_TYPES:
            return value
    terms.losses.drop(kind)
    return None


def reasoning_item(part: Reasoning, terms: Terms, item_id: str | None) -> Object:
    """Returns a reasoning."""
    item: Object = {} if item_id is None else {"id": item_id}
    item |= {"type": "reasoning", "summary": []}
    texts = _split(part, terms)
    if part.is_summary is False:
        item["content"] = [{"type": "reasoning_text", "text": text} for text in texts]
    elif part.text:
        item["summary"] = [{"type": "summary_text", "text": text} for text in texts]
    if part.signature is not None:
        item["encrypted_content"] = part.signature
    return item | terms.own(part.extras)


def _split(part: Reasoning, terms: Terms) -> list[str]:
    """Returns the texts of a reasoning's parts."""
    texts, begin = [], 0
    for kind, at in _came(part.extras) if terms.is_own else ():
        if kind == SUMMARY_PART:
            texts.append(part.text[begin : at - len(BETWEEN)])
            begin = at
    return [*texts, part.text[begin:]]


def call_item(part: ToolCall, terms: Terms, item_id: str | None, status: str) -> Object:
    """Returns a call of a tool, with the arguments that it has."""
    item: Object = {} if item_id is None else {"id": item_id}
    kind = "custom_tool_call" if part.is_custom else "function_call"
    item |= {"type": kind, "status": status, "call_id": part.id, "name": part.name}
    item[_CALLS[kind]] = part.arguments if part.arguments or part.is_custom else "{}"
    if part.namespace is not None:
        item["name"], item["namespace"] = part.namespace.tool, part.namespace.name
    return item | terms.own(part.extras)


def image_item(part: Image, terms: Terms, item_id: str) -> Object | None:
    """Returns an image that the model made."""
    if part.source.data is None:
        return lose(part, terms)
    return {
        "id": item_id,
        "type": "image_generation_call",
        "status": COMPLETED,
        "result": part.source.data,
    }


def other_item(part: Part, terms: Terms) -> Object | None:
    """Returns an item that only this dialect knows, as it came."""
    if isinstance(part, Foreign) and not part.kind.startswith(CONTENT):
        return write_foreign(part, terms)
    if isinstance(part, Foreign):
        terms.losses.drop(f"foreign:{part.kind}")
        return None
    return lose(part, terms)
