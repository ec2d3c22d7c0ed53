"""The row of `ollama.generate`."""

from functools import partial
from typing import Final

from multillama.core.codec import Codec
from multillama.dialects.ollama_family.fault import read_fault, write_fault, write_fault_event
from multillama.dialects.ollama_family.figures import NAME
from multillama.dialects.ollama_family.writer import LINES
from multillama.dialects.ollama_generate.answer import read_answer, reader, write_answer, writer
from multillama.dialects.ollama_generate.request import NAMES, SAYS, read_request, write_request
from multillama.dialects.ollama_load import answer_load

_DIALECT: Final = "ollama.generate"

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
    answer_here=partial(answer_load, _DIALECT),
)
