"""The response object around the output: who made it, how it ended, and the request's own members once more.

Source: openai SDK 3.54.0, `types/responses/response.py`; recorded responses of OpenAI.
"""

from collections.abc import Collection
from typing import Any, Final

from multillama.core.canonical import Choice, Part, Refusal, Request, Stop, ToolCall, Usage
from multillama.core.codec import Losses, Reply
from multillama.core.shape import Object
from multillama.dialects.openai_responses.request import (
    instructions_of,
    reasoning_members,
    text_members,
)
from multillama.dialects.openai_responses.terms import DIALECT, Terms
from multillama.dialects.openai_responses.tools import write_choice, write_tools
from multillama.dialects.openai_responses.usage import write_usage

REASON: Final = "incomplete_details"
"""In the extras of a choice: why it is not complete, where the canonical form has no word for it."""
STATUS: Final = "status"
LENGTH: Final = "max_output_tokens"
FILTERED: Final = "content_filter"
_REASONS: Final = {LENGTH: Stop.LENGTH, FILTERED: Stop.REFUSED}
_OTHER_REASONS: Final = {"max_messages": Stop.LENGTH, "steered": Stop.END}
_PENDING: Final = frozenset(("queued", "in_progress", "cancelled"))
ECHOED: Final = frozenset((
    "background", "conversation", "instructions", "max_output_tokens", "max_tool_calls", "metadata",
    "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "reasoning", "safety_identifier", "store", "temperature", "text", "tool_choice", "tools",
    "top_logprobs", "top_p", "truncation", "user",
))  # fmt: skip
"""Members of a response that say what the request said."""
_ECHOED_EXTRAS: Final = (
    "max_tool_calls", "prompt", "prompt_cache_options", "prompt_cache_retention", "tool_choice", "user",
)  # fmt: skip


def stop_of(response: Object, kinds: Collection[type[Part]]) -> tuple[Stop | None, Object]:
    """Returns why a response ended, and what the canonical form has no word for of that.

    Args:
        response: The response object.
        kinds: Of the parts that it has.
    """
    status = response.get(STATUS)
    if isinstance(status, str) and status in _PENDING:
        return None, {STATUS: status}
    if status == "incomplete":
        details = response.get(REASON)
        reason = details.get("reason") if isinstance(details, dict) else None
        known = _REASONS.get(reason) if isinstance(reason, str) else None
        if known is not None:
            # A refusal is a complete answer elsewhere; that this one was cut must not be forgotten.
            is_odd = known is Stop.REFUSED and Refusal in kinds
            return known, {REASON: details} if is_odd else {}
        other = _OTHER_REASONS.get(reason) if isinstance(reason, str) else None
        return other or Stop.LENGTH, {REASON: details}
    if ToolCall in kinds:
        return Stop.CALLS, {}
    return Stop.REFUSED if Refusal in kinds else Stop.END, {}


def ending(choice: Choice, *, is_own: bool) -> Object:
    """Returns the members of a response that say how it ended."""
    if is_own and STATUS in choice.extras:
        return {STATUS: choice.extras[STATUS], REASON: None}
    if is_own and REASON in choice.extras:
        return {STATUS: "incomplete", REASON: choice.extras[REASON]}
    reason = _reason(choice)
    if reason is not None:
        return {STATUS: "incomplete", REASON: {"reason": reason}}
    if choice.stop is Stop.FAULT:
        error = {
            "code": "server_error",
            "message": "The model made something that cannot be used.",
        }
        return {STATUS: "failed", REASON: None, "error": error}
    return {STATUS: "completed", REASON: None}


def _reason(choice: Choice) -> str | None:
    if choice.stop in (Stop.LENGTH, Stop.CONTEXT, Stop.PAUSE):
        return LENGTH
    if choice.stop is Stop.REFUSED and not any(isinstance(part, Refusal) for part in choice.parts):
        return FILTERED
    return None


def item_status(end: Object) -> str:
    """Returns the status of the last item of a response that ended so."""
    return "completed" if end[STATUS] == "completed" else "incomplete"


class Envelope:
    """Makes the response objects of one answer, all alike but for what has come meanwhile."""

    def __init__(self, reply: Reply) -> None:
        """Takes what the client asked."""
        self._reply = reply
        self._echo = _echo(reply.request)
        self._head: Object = {}
        self.extras: Object = {}
        """Members that an endpoint of this dialect has told beside."""
        self.is_own = False

    def address(self, answer_id: str, created: int, dialect: str) -> None:
        """Takes note of what the endpoint calls its answer."""
        self.is_own = dialect == DIALECT
        is_known = self.is_own and answer_id
        self._head = {
            "id": answer_id if is_known else f"resp_{self._reply.id}",
            "object": "response",
            "created_at": created or self._reply.created,
        }

    def response(
        self, end: Object, output: list[Object], usage: Usage | None, tier: str | None
    ) -> Object:
        """Returns the response object.

        Args:
            end: How it ended, or that it goes on.
            output: Its items.
            usage: Its tokens, as far as they are known.
            tier: The service tier that was used.
        """
        return {
            **self._head,
            "error": None,
            "incomplete_details": None,
            "model": self._reply.model,
            "output": output,
            "service_tier": tier or self._reply.request.service_tier,
            **self._echo,
            **self.extras,
            **end,
            # the last, as at OpenAI: whoever counts reads the end of an answer
            "usage": write_usage(usage, is_own=self.is_own),
        }


def _echo(request: Request) -> Object:
    is_own = request.dialect == DIALECT
    terms = Terms(is_own, Losses())
    choice = request.tool_choice
    thinking: Object = reasoning_members(request) or {}
    text: Object = text_members(request) or {}
    echo: Object = {
        "background": False,
        "instructions": instructions_of(request.messages),
        "max_output_tokens": request.max_tokens,
        "max_tool_calls": None,
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel_tools is not False,
        "previous_response_id": request.previous_id,
        "prompt_cache_key": request.cache_key,
        "reasoning": {"effort": None, "summary": None} | thinking,
        "safety_identifier": request.user,
        "store": bool(request.store),
        "temperature": request.temperature,
        "text": {"format": {"type": "text"}} | text,
        "tool_choice": "auto" if choice is None else write_choice(choice, request.tools),
        "tools": write_tools(request.tools, terms),
        "top_logprobs": request.top_logprobs or 0,
        "top_p": request.top_p,
        "truncation": "disabled",
        "user": None,
    }
    return _with_extras(echo, request.extras) if is_own else echo


def _with_extras(echo: Object, extras: Object) -> Object:
    for name in (*_ECHOED_EXTRAS, "background", "truncation"):
        if name in extras:
            echo[name] = extras[name]
    for name in ("text", "reasoning"):
        if isinstance(more := extras.get(name), dict):
            echo[name] = echo[name] | more
    conversation: Any = extras.get("conversation")
    if conversation is not None:
        echo["conversation"] = (
            {"id": conversation} if isinstance(conversation, str) else conversation
        )
    return echo
