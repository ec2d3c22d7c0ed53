"""The row of `openai.chat`."""

from typing import Final

from multillama.core.codec import Codec
from multillama.dialects.openai_chat.read_answer import read_answer
from multillama.dialects.openai_chat.read_stream import ChunkReader
from multillama.dialects.openai_chat.request import NAMES, SAYS, read_request, write_request
from multillama.dialects.openai_chat.write_answer import write_answer
from multillama.dialects.openai_chat.write_stream import ChunkWriter
from multillama.dialects.openai_family.fault import read_fault, write_fault, write_fault_event
from multillama.dialects.openai_family.usage import NAME

CODEC: Final = Codec(
    dialect="openai.chat",
    family=NAME,
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=ChunkReader,
    writer=ChunkWriter,
    read_fault=read_fault,
    write_fault=write_fault,
    write_fault_event=write_fault_event,
    says=SAYS,
    names=NAMES,
)
