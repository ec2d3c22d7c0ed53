"""The row of `ollama.chat`."""

from typing import Final

from multillama.core.canonical import Request
from multillama.core.codec import Codec
from multillama.dialects.ollama_chat.answer import read_answer, reader, write_answer, writer
from multillama.dialects.ollama_chat.request import NAMES, SAYS, read_request, write_request
from multillama.dialects.ollama_family.fault import read_fault, write_fault, write_fault_event
from multillama.dialects.ollama_family.figures import NAME
from multillama.dialects.ollama_family.writer import LINES
from multillama.dialects.ollama_load import is_load, write_load

_DIALECT: Final = "ollama.chat"


def _answer_here(request: Request, created: int) -> bytes | None:
    return write_load(_DIALECT, request, created=created) if is_load(request) else None


CODEC: Final = Codec(
    dialect=_DIALECT,
    family=NAME,
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=reader,
    writer=writer,
    read_fault=read_fault,
    write_fault=write_fault,
    write_fault_event=write_fault_event,
    says=SAYS,
    names=NAMES,
    stream_type=LINES,
    answer_here=_answer_here,
)
