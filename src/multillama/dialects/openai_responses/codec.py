"""The rows of the dialect."""

from types import MappingProxyType
from typing import Final

from multillama.core.codec import Codec, CountCodec
from multillama.dialects.openai_responses.answer import read_answer, write_answer
from multillama.dialects.openai_responses.fault import read_fault, write_fault, write_fault_event
from multillama.dialects.openai_responses.request import (
    NAMES,
    SAYS,
    read_request,
    write_count_request,
    write_request,
)
from multillama.dialects.openai_responses.stream import Reader
from multillama.dialects.openai_responses.terms import DIALECT, FAMILY
from multillama.dialects.openai_responses.usage import read_count, write_count
from multillama.dialects.openai_responses.writer import Writer

CODEC: Final = Codec(
    DIALECT,
    FAMILY,
    read_request,
    write_request,
    read_answer,
    write_answer,
    Reader,
    Writer,
    read_fault,
    write_fault,
    write_fault_event,
    SAYS,
    MappingProxyType(NAMES),
)
COUNT_CODEC: Final = CountCodec(
    dialect=DIALECT,
    family="openai",
    read_request=read_request,
    write_request=write_count_request,
    read_answer=read_count,
    write_answer=write_count,
    read_fault=read_fault,
    write_fault=write_fault,
)
