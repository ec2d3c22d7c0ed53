"""The rows of this dialect."""

from types import MappingProxyType
from typing import Final

from multillama.core.canonical import Request
from multillama.core.codec import Codec, CountCodec, Goal
from multillama.dialects.anthropic_messages.answer import (
    FAMILY,
    read_answer,
    read_count,
    write_answer,
    write_count,
)
from multillama.dialects.anthropic_messages.billing import normalise_billing
from multillama.dialects.anthropic_messages.claude import is_claude, takes_long
from multillama.dialects.anthropic_messages.fault import (
    read_fault,
    write_fault,
    write_fault_event,
)
from multillama.dialects.anthropic_messages.reader import MessagesReader
from multillama.dialects.anthropic_messages.request import (
    read_request,
    write_count_request,
    write_request,
)
from multillama.dialects.anthropic_messages.writer import MessagesWriter

_DIALECT: Final = "anthropic.messages"


def _tidy(request: Request, goal: Goal) -> None:
    if not is_claude(goal.model, goal.provider):
        normalise_billing(request)


def _must_stream(request: Request, goal: Goal) -> bool:
    return takes_long(goal.model, goal.provider, request.max_tokens)


CODEC: Final = Codec(
    dialect=_DIALECT,
    family=FAMILY,
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=MessagesReader,
    writer=MessagesWriter,
    read_fault=read_fault,
    write_fault=write_fault,
    write_fault_event=write_fault_event,
    says=frozenset(
        {"wants_usage", "max_tokens", "temperature", "top_p", "top_k", "stop", "tools", "tool_choice",
         "parallel_tools", "format", "thinking", "user", "service_tier"}
    ),
    names=MappingProxyType(
        {
            "stop": "stop_sequences",
            "user": "metadata.user_id",
            "format": "output_config.format",
            "parallel_tools": "tool_choice.disable_parallel_tool_use",
        }
    ),
    tidy=_tidy,
    must_stream=_must_stream,
)  # fmt: skip

COUNT_CODEC: Final = CountCodec(
    dialect=_DIALECT,
    family=FAMILY,
    read_request=read_request,
    write_request=write_count_request,
    read_answer=read_count,
    write_answer=write_count,
    read_fault=read_fault,
    write_fault=write_fault,
)
