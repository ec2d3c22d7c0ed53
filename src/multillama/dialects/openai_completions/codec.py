"""The row of `openai.completions`."""

from typing import Final

from multillama.core.codec import Codec
from multillama.dialects.openai_completions.answer import read_answer, write_answer
from multillama.dialects.openai_completions.request import NAMES, SAYS, read_request, write_request
from multillama.dialects.openai_completions.stream import CompletionReader, CompletionWriter
from multillama.dialects.openai_family.fault import read_fault, write_fault, write_fault_event
from multillama.dialects.openai_family.usage import NAME

CODEC: Final = Codec(
    dialect="openai.completions",
    family=NAME,
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=CompletionReader,
    writer=CompletionWriter,
    read_fault=read_fault,
    write_fault=write_fault,
    write_fault_event=write_fault_event,
    says=SAYS,
    names=NAMES,
)
